/**
 * The real program on a disk that fails: each system call of a commit once answered with an error (strace injects it), a
 * folder where no journal can be made, a file replaced underneath. It ends in a complaint and a status, and what is on
 * the disk is the old image; from the first overwrite on perhaps the new one, or one that `recover` takes back.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { PROGRAM, platter } from '../support/platter.ts';
import { describeWithQemu, quickFolder, testFolder } from '../support/qemu.ts';
import { hasStrace } from '../support/syscalls.ts';
import { beside, type CommitKind, kindsOf, makeImage } from './commit-kinds.ts';
import { survivalOf, whyLost } from './survival.ts';

const TIMEOUT_MS = 60_000;
const NOBODY = 65_534;

interface Ended {
  readonly status: number | null;
  readonly complaint: string;
}

function typed(path: string, { lines, keep }: CommitKind, before: readonly string[] = [], as?: number): Ended {
  const env: NodeJS.ProcessEnv = { ...process.env, UV_USE_IO_URING: '0' };
  delete env['NODE_EXTRA_CA_CERTS'];
  const all = [...lines, keep ? `commit --rollback=${path}.kept` : 'commit'];
  const [program, ...words] = [...before, process.execPath, PROGRAM, path, ...all.flatMap((line) => ['-c', line])];
  const owner = as === undefined ? {} : { uid: as, gid: as };
  const ran = spawnSync(program as string, words, { env, timeout: TIMEOUT_MS, encoding: 'utf8', ...owner });
  return { status: ran.status, complaint: ran.stderr };
}

/** Calls of the commit, on the image and its journal. */
const CALLS = ['pwrite64', 'fdatasync', 'ftruncate'] as const;
const WORDS: Readonly<Record<string, RegExp>> = {
  EIO: /input\/output error|I\/O error|did not confirm/i,
  ENOSPC: /no space|full|did not confirm/i,
};

describeWithQemu('a disk that fails', () => {
  it.skipIf(!hasStrace).each([
    ['qcow2', 'EIO'],
    ['qcow2', 'ENOSPC'],
    ['qed', 'EIO'],
  ] as const)('at any call of a commit to %s (%s) costs the commit, not the image', (format, error) => {
    const folder = quickFolder();
    const original = resolve(folder, 'original');
    makeImage(original, format);
    const before = readFileSync(original);
    const outcomes = new Set<string>();
    let runs = 0;
    for (const kind of kindsOf(original, format).filter(({ keep, says }) => keep === says.includes('converted'))) {
      const whole = join(folder, 'whole');
      copyFileSync(original, whole);
      expect(typed(whole, kind).status).toBe(0);
      const after = readFileSync(whole);
      rmSync(`${whole}.kept`, { force: true });
      const to = kind.says.includes('converted') ? (format === 'qcow2' ? 'qed' : 'qcow2') : format;
      for (const call of CALLS) {
        for (let when = 1; ; when++) {
          const place = join(folder, `run${++runs}`);
          mkdirSync(place);
          const path = join(place, 'image');
          copyFileSync(original, path);
          const files = ['-P', path, '-P', `${path}.platter-journal`];
          const inject = ['-e', `trace=${CALLS.join()}`, '-e', `inject=${call}:error=${error}:when=${when}`];
          const { status, complaint } = typed(path, kind, [
            'strace',
            '-f',
            '-qq',
            '-o',
            join(place, 'log'),
            ...files,
            ...inject,
          ]);
          if (!readFileSync(join(place, 'log'), 'utf8').includes('INJECTED')) {
            expect(status, complaint).toBe(0);
            break;
          }
          const says = `${kind.says}: ${call} ${when} fails with ${error}: ${complaint}`;
          // Once the new image is on the disk, a journal that stays is no failure; it is said on the output.
          if (status !== 0) expect(complaint, says).toMatch(WORDS[error] as RegExp);
          const journal = beside(path).includes('.platter-journal');
          if (journal) {
            if (status !== 0) expect(complaint, says).not.toContain('the file is unchanged');
            expect(platter(['recover', path]).status, says).toBe(0);
            outcomes.add('recovered');
          }
          const bytes = readFileSync(path);
          if (bytes.equals(before)) outcomes.add('old bytes');
          else if (bytes.equals(after)) outcomes.add('new bytes');
          else {
            const survival = survivalOf(path, format, to, original);
            expect(survival, `${says}\n${whyLost(path, format, to)}`).not.toBe('lost');
            outcomes.add(survival);
          }
          expect(beside(path), says).not.toContain('.platter-lock');
          rmSync(place, { recursive: true });
        }
      }
    }
    expect(outcomes).toContain('old bytes');
    expect(outcomes).toContain('new bytes');
    expect(outcomes).toContain('recovered');
  });

  it.skipIf(process.getuid?.() !== 0)('a folder where no journal can be made is named, with what can be done', () => {
    const folder = testFolder();
    chmodSync(folder, 0o755);
    const original = join(folder, 'original');
    makeImage(original, 'qcow2');
    const before = readFileSync(original);
    for (const kind of kindsOf(original, 'qcow2')) {
      const path = join(folder, 'image');
      copyFileSync(original, path);
      chownSync(path, NOBODY, NOBODY);
      const { status, complaint } = typed(path, kind, [], NOBODY);
      if (!kind.keep && kind.says.includes('converted')) {
        // The order of its writes is enough: no journal.
        expect(status, complaint).toBe(0);
        continue;
      }
      expect(status, complaint).toBe(1);
      expect(complaint).toMatch(/permission|not allowed/i);
      if (!kind.keep)
        expect(complaint).toMatch(
          /needs a journal beside the image.*make the folder of the image writable, or work on a copy/s,
        );
      expect(readFileSync(path).equals(before), complaint).toBe(true);
      expect(beside(path)).toEqual([]);
    }
  });

  it('a file replaced underneath is not written, and neither is what replaced it', () => {
    const folder = testFolder();
    const path = join(folder, 'image');
    makeImage(path, 'qcow2');
    const before = readFileSync(path);
    const kinds = kindsOf(path, 'qcow2');
    for (const kind of kinds) {
      const swap = `!cp ${path} ${path}-other && mv ${path}-other ${path}`;
      const { status, complaint } = typed(path, { ...kind, lines: [...kind.lines, swap] });
      expect(status).toBe(1);
      expect(complaint).toContain('another file stands at its path');
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(beside(path)).toEqual([]);
    }
  });
});
