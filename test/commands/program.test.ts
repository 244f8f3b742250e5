/** The built program: how it is called, what it loads, what it does to the terminal, and its exit status. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { platter } from '../support/platter.ts';
import { SAMPLES, withSamples } from './transcript.ts';

const DIST = resolve(import.meta.dirname, '../../dist');
const PROGRAM = join(DIST, 'platter.cjs');
const START = join(SAMPLES, 'start.qcow2');

function shell(script: string, env: Readonly<Record<string, string>> = {}): { status: number | null; out: string } {
  const whole: NodeJS.ProcessEnv = {
    ...process.env,
    PLATTER_HISTFILE: '',
    P: `${process.execPath} ${PROGRAM}`,
    START,
    ...env,
  };
  delete whole['NODE_EXTRA_CA_CERTS'];
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: whole,
    timeout: 30_000,
  });
  return { status, out: stdout + stderr };
}

/** The parts of the program that a run loads. */
function partsOf(args: readonly string[], input?: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'platter-'));
  try {
    const env = { ...process.env, PLATTER_KEEP_COMPILED: folder };
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { env, input, encoding: 'utf8' });
    // Lines from a pipe are greeted on stderr.
    if (input === undefined) expect(stderr).toBe('');
    expect(status).toBe(0);
    return readdirSync(folder)
      .map((name) => name.replace('.cjs.compiled', ''))
      .filter((name) => name.startsWith('lazy-'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('start-up', () => {
  it.each([['info'], ['map'], ['length'], ['getopts']])('%s loads nothing but the core', (name) => {
    expect(partsOf([name, START])).toEqual([]);
  });

  it('the core asks node for nothing dear as it loads', () => {
    // Streams, terminals and sockets cost as much as all of the core together.
    const code = readFileSync(join(DIST, 'core.cjs'), 'utf8');
    const eager = [...code.matchAll(/(.{0,4})require\("(node:[^"]*)"\)/g)].filter(
      ([, before]) => !before?.endsWith('=>'),
    );
    expect(eager.map(([, , name]) => name).sort()).toEqual(['node:fs', 'node:path', 'node:util']);
  });

  it('other commands load what they need', () => {
    expect(partsOf(['check', START])).toEqual(['lazy-check']);
    expect(partsOf(['--help'])).toContain('lazy-yargs');
    expect(partsOf(['--version'])).toEqual([]);
  });

  it('the screen, with ink and React in it, is one part, and only a terminal loads it', () => {
    const drawing = readdirSync(DIST).filter(
      (name) => name.endsWith('.cjs') && /react-reconciler|yoga/i.test(readFileSync(join(DIST, name), 'utf8')),
    );
    expect(drawing).toEqual(['lazy-screen.cjs']);
    const runs: [readonly string[], string?][] = [
      [[START, '-c', 'length', '-c', 'map']],
      [[START], 'length\nmap\n'],
      [[START, '--no-tui'], 'length\n'],
      [['status', START]],
      [['help', 'map']],
      [['check', START]],
    ];
    for (const [args, input] of runs) expect(partsOf(args, input), args.join(' ')).not.toContain('lazy-screen');
  });

  it('no part is loaded by being named', () => {
    const parts = readdirSync(DIST).filter((name) => name.endsWith('.cjs') && name !== 'platter.cjs');
    expect(parts.length).toBeGreaterThan(5);
    for (const part of parts) {
      const code = readFileSync(join(DIST, part), 'utf8');
      const eager = [...code.matchAll(/(.{0,6})require\([^)]*lazy-[^)]*\)/g)].filter(
        ([, before]) => !before?.endsWith('=>'),
      );
      expect(
        eager.map(([text]) => text),
        part,
      ).toEqual([]);
    }
  });
});

describe('the command line', () => {
  it.each([
    [['length', '-f', 'qcow2', START]],
    [['-f', 'qcow2', 'length', START]],
    [['length', START, '-f', 'qcow2']],
    [['length', '--format=qcow2', START]],
    [['l', START]],
    [[START, '-c', 'length']],
    [['-c', 'length', START]],
    [['-c', 'info', '-c', 'length', START].filter((_, i) => i !== 0 && i !== 1)],
  ])('%j', (args) => expect(platter(args)).toEqual({ status: 0, stdout: '8 MiB\n', stderr: '' }));

  it('odd file names', async () => {
    await withSamples((folder) => {
      for (const name of ['a b.qcow2', 'nbd:x', '-f', "it's", 'map']) {
        copyFileSync(START, join(folder, name));
        expect(platter(['length', '--', name], { cwd: folder }).stdout, name).toBe('8 MiB\n');
      }
      expect(platter(['./map', '-c', 'length'], { cwd: folder }).stdout).toBe('8 MiB\n');
      const lines = `open 'a b.qcow2'\nlength; close\nopen a\\ b.qcow2 # again\nlength`;
      expect(platter([], { cwd: folder, input: lines }).stdout.match(/8 MiB\n/g)).toHaveLength(2);
    });
  });

  it('without a terminal: no prompt, a greeting on standard error, and an end', () => {
    const { status, stdout, stderr } = platter([START], { input: 'length\n' });
    expect([status, stdout]).toEqual([0, '8 MiB\n']);
    expect(stderr).toContain('start.qcow2: qcow2, 8 MiB');
    expect(platter([START]).status).toBe(0);
  });

  it('JSON of a failure has a code, and where', () => {
    const { status, stdout, stderr } = platter(['info', '--output=json', '-f', 'qed', START]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { class: 'magic', where: { offset: 0, length: 4 } } });
    expect(stderr).toMatch(/^platter: qed header: magic/);
  });

  it('check and map answer JSON with the keys of qemu-img', () => {
    const check = JSON.parse(platter(['check', '--output=json', START]).stdout);
    expect(check).toMatchObject({ format: 'qcow2', 'check-errors': 0, 'total-clusters': 2048, findings: [] });
    expect(check).not.toHaveProperty('leaks');
    const map = JSON.parse(platter(['map', '--output=json', START]).stdout);
    expect(map[0]).toEqual({
      start: 0,
      length: 16384,
      depth: 0,
      present: true,
      zero: false,
      data: true,
      offset: 20480,
    });
  });

  it('a reader that goes away is no error', () => {
    expect(shell('set -o pipefail; $P map --output=json $START | head -1').status).toBe(0);
    const { out } = shell('yes map | head -2000 | ($P $START 2>/dev/null; echo status $? >&2) | head -1');
    expect(out).toContain('status 0\n');
    // Whoever sends commands may keep the pipe open: the end does not wait for theirs.
    const feed = '(for i in 1 2 3; do echo map; sleep 0.2; done; sleep 20)';
    const { out: ended } = shell(
      `exec 3< <(${feed}); (timeout 10 $P $START <&3 2>/dev/null; echo status $? >&2) | head -1`,
    );
    expect(ended).toContain('status 0\n');
  });

  it('quit ends the run; what follows is not run', () => {
    expect(platter([START, '-c', 'length', '-c', 'quit', '-c', 'info']).stdout).toBe('8 MiB\n');
  });

  it('steps left uncommitted make the status 1, discard makes it 0', () => {
    expect(platter([START, '-c', 'open-target qed']).status).toBe(1);
    expect(platter([START, '-c', 'open-target qed', '-c', 'discard']).status).toBe(0);
  });
});

describe('a terminal', () => {
  /** `script` runs a program in a pseudo-terminal. */
  const onTerminal = (command: string, env = {}, input = ''): string =>
    shell(`printf '${input}' | script -qec "${command}" /dev/null`, { TERM: 'xterm', PLATTER_PAGER: '', ...env }).out;

  it('has colours, and with NO_COLOR none', () => {
    expect(onTerminal(`${process.execPath} ${PROGRAM} map ${START}`, { NO_COLOR: '' })).toContain('\u001b[');
    expect(onTerminal(`${process.execPath} ${PROGRAM} map ${START}`, { NO_COLOR: '1' })).not.toContain('\u001b');
    expect(shell('$P map $START').out).not.toContain('\u001b');
  });

  it('has a prompt, and ends with the input', () => {
    const out = onTerminal(`${process.execPath} ${PROGRAM} ${START}`, { NO_COLOR: '1' }, 'length\\nquit\\n');
    expect(out).toContain('platter> ');
    expect(out).toContain('8 MiB');
  });

  it('has the lines of the session before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'platter-'));
    try {
      const env = { NO_COLOR: '1', PLATTER_HISTFILE: join(folder, 'history') };
      onTerminal(`${process.execPath} ${PROGRAM} ${START}`, env, 'length\\n steps\\nquit\\n');
      expect(readFileSync(env.PLATTER_HISTFILE, 'utf8')).toBe('length\nquit\n');
      // ^P twice, and Enter.
      const out = onTerminal(`${process.execPath} ${PROGRAM} ${START}`, env, '\\020\\020\\nquit\\n');
      expect(out).toContain('8 MiB');
      expect(readFileSync(env.PLATTER_HISTFILE, 'utf8')).toBe('length\nquit\nlength\nquit\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
