/** Every example, as the manual page and `--help` show it for a shell, runs in a shell. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { shellLine } from '../../src/commands/examples.ts';
import { PROGRAM } from '../support/platter.ts';
import { SAMPLES } from './transcript.ts';

const LINES = CATALOG.flatMap((command) => command.examples.map((example) => shellLine(command, example)));

describe('examples for a shell', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'platter-'));
    writeFileSync(join(folder, 'platter'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, {
      mode: 0o755,
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(LINES)('%s', (line) => {
    const work = mkdtempSync(join(folder, 'work-'));
    cpSync(SAMPLES, join(work, 'sample-images'), { recursive: true });
    const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
    delete env['NODE_EXTRA_CA_CERTS'];
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: work, env, input: '', encoding: 'utf8' });
    // Steps that an example leaves are said to be left; nothing else may be amiss.
    const staged = /^platter: \d+ steps? (was|were) not committed.*\n$/.test(stderr);
    expect([staged ? '' : stderr, staged ? status === 1 : status === 0]).toEqual(['', true]);
    if (!/ -c (quit|close)$/.test(line)) expect(stdout).not.toBe('');
  });

  it('platter COMMAND --help begins with them', () => {
    const { stdout } = spawnSync(process.execPath, [PROGRAM, 'map', '-h'], { encoding: 'utf8' });
    expect(stdout).toMatch(/^map: .*\n\n *platter map sample-images\/start\.qcow2\n/);
    const steps = spawnSync(process.execPath, [PROGRAM, 'help', 'setmap'], { encoding: 'utf8' });
    expect(steps.stdout).toContain(`platter sample-images/start.qcow2 -c 'open-target qed' -c 'setmap --all'\n`);
  });
});
