/**
 * Tab in a shell: what the program answers, and what real shells make of it. A shell that is not installed is skipped,
 * visibly; bash is always there.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHELLS } from '../../src/commands/completion-scripts.ts';
import { bashCompletion, shellCompletion } from '../../src/commands/shell-completion.ts';
import { PROGRAM } from '../support/platter.ts';
import { Terminal } from '../support/terminal.ts';

const words = (...typed: string[]): string[] => shellCompletion(typed).map((row) => row.replace(/\t.*/, ''));

describe('what could stand there', () => {
  it.each<[string[], string[]]>([
    [['ma'], ['map', ':files']],
    [['zzz'], [':files']],
    [
      ['map', '--s'],
      ['--sort=', '--summary'],
    ],
    [['map', '--sort=g'], ['--sort=guest']],
    [
      ['map', '--sort', ''],
      ['guest', 'host'],
    ],
    [['map', 'x', '--sort=h'], ['--sort=host']],
    [['map', ''], [':files']],
    [['map', '--summary', 'd'], [':files']],
    [['map', 'x', ''], []],
    [['map', '--', '-'], [':files']],
    [
      ['-f', 'q'],
      ['qcow2', 'qed'],
    ],
    [['--color=2'], ['--color=256', '--color=24bit']],
    [
      ['-f', 'qcow2', 'len'],
      ['length', ':files'],
    ],
    [
      ['convert-inplace', 'x', ''],
      ['qcow2', 'qed'],
    ],
    [['convert-inplace', 'x', 'qed', '--rollback=d'], [':files --rollback=']],
    [['convert-inplace', 'x', 'qed', '--rollback', 'd'], [':files']],
    [['convert-inplace', 'x', 'qed', '-o', 'table'], ['table_size=']],
    [
      ['help', 'open'],
      ['open', 'open-target'],
    ],
    [['completion', ''], [...SHELLS]],
    [['setmap', ''], []],
    [['disk.qcow2', ''], []],
  ])('%j', (typed, expected) => expect(words(...typed)).toEqual(expected));

  it('bash cuts words at = and :, and gets the piece it asks for', () => {
    expect(bashCompletion('platter map --sort=g', 'g')).toEqual(['guest']);
    expect(bashCompletion('platter map --sort=', '')).toEqual(['guest', 'host']);
    expect(bashCompletion("platter map 'a b' --so", '--so')[0]).toMatch(/^--sort=\t/);
    expect(bashCompletion('platter map x:y --sort=g', 'g')).toEqual(['guest']);
    expect(bashCompletion('platter ', '').length).toBeGreaterThan(5);
  });
});

describe('real shells', () => {
  let folder = '';
  let env: Record<string, string> = {};

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'platter-'));
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'dir'));
    writeFileSync(join(folder, 'a file.qcow2'), '');
    const program = join(folder, 'bin', 'platter');
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
    chmodSync(program, 0o755);
    env = { PATH: `${folder}/bin:${process.env['PATH']}`, HOME: folder, TERM: 'xterm', LANG: 'C.UTF-8' };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const installed = (shell: string): boolean => spawnSync(shell, ['-c', ':']).status === 0;

  /** A shell at a terminal: keys are typed once it is ready, and its last line must come to look as expected. */
  async function typed(shell: string, args: readonly string[], keys: string, expected: RegExp): Promise<void> {
    const terminal = new Terminal(shell, args, { columns: 120, rows: 24, cwd: folder, env: { LANG: 'C.UTF-8' } });
    try {
      const lastLine = (): string => {
        const { x, y } = terminal.cursor();
        return (terminal.screen()[y] ?? '').padEnd(x).slice(0, x);
      };
      await terminal.until(() => lastLine() === 'ready ', 20_000);
      terminal.type(keys);
      await terminal.until(() => expected.test(lastLine()), 20_000);
    } finally {
      await terminal.close();
    }
  }

  /** How each shell is brought to say "ready" with the script loaded. */
  const START: Readonly<Record<string, string[]>> = {
    bash: ['-c', `exec bash --rcfile <(platter completion bash; echo 'PS1="ready "') -i`],
    zsh: [
      '-c',
      `echo 'autoload -U compinit; compinit -u -D; source <(platter completion zsh); PS1="ready "' > .zshrc; ZDOTDIR=$PWD exec zsh -d -i`,
    ],
    fish: ['--no-config', '-C', 'platter completion fish | source; function fish_prompt; echo -n "ready "; end'],
  };

  for (const shell of SHELLS) {
    it.skipIf(!installed(shell))(`${shell} completes at a terminal`, async () => {
      const start = START[shell] as string[];
      await typed(shell, start, 'platter convert-in\t', /^ready platter convert-inplace $/);
      await typed(shell, start, 'platter map --sort=g\t', /^ready platter map --sort=guest $/);
      await typed(shell, start, 'platter map a\t', /^ready platter map a\\ file\.qcow2 $/);
      await typed(shell, start, 'platter convert-inplace x --rollback=di\t', /^ready .* --rollback=dir\/$/);
    });
  }

  it('bash: words, and files beside them', () => {
    const script = `source <(platter completion bash)
      COMP_LINE='platter a'; COMP_POINT=9; COMP_WORDS=(platter a); COMP_CWORD=1
      _platter_completion platter; printf '[%s]' "\${COMPREPLY[@]}"`;
    expect(spawnSync('bash', ['-c', script], { cwd: folder, env, encoding: 'utf8' }).stdout).toBe(
      '[alloc][a file.qcow2]',
    );
  });

  it.skipIf(!installed('fish'))('fish: says what words mean', () => {
    const script = "platter completion fish | source; complete -C 'platter map --su'";
    const { stdout } = spawnSync('fish', ['--no-config', '-c', script], { cwd: folder, env, encoding: 'utf8' });
    expect(stdout).toMatch(/^--summary\tonly how many extents/);
  });
});
