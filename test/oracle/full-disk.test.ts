/**
 * A file system that fills at every possible point of a commit, one page more of room at a time: a clear complaint and
 * the very old bytes, with nothing left beside; or the new image. The same with a limit of file sizes.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { recover } from '../../src/device/recover.ts';
import { Debugger } from '../../src/session/debugger.ts';
import { describeWithQemu, testFolder } from '../support/qemu.ts';
import { beside, type CommitKind, kindsOf, makeImage } from './commit-kinds.ts';
import { copySparse } from './conversion.ts';

/** Bytes: what a tmpfs allocates. */
const PAGE = 4096;
/** A commit of these images takes less than so many pages. */
const PAGES = 120;

/** Types the lines and commits; answers the complaint, or undefined when it went well. */
async function commit(path: string, { lines, keep }: CommitKind): Promise<string | undefined> {
  const host = new Debugger();
  const [out, err] = [new MemorySink(), new MemorySink()];
  const runner = new Runner(host, { out, err, json: false, style: PLAIN, prefix: '' });
  try {
    host.open({ path });
    for (const line of [...lines, keep ? `commit --rollback=${path}.kept` : 'commit']) await runner.line(line);
    return runner.status === 0 ? undefined : err.toString();
  } finally {
    host.end();
  }
}

/** The new image's bytes, from a commit with room enough. */
async function newBytes(original: string, kind: CommitKind, folder: string): Promise<Buffer> {
  const path = join(folder, 'new');
  copyFileSync(original, path);
  expect(await commit(path, kind)).toBeUndefined();
  const bytes = readFileSync(path);
  for (const name of ['', ...beside(path)]) rmSync(`${path}${name}`);
  return bytes;
}

function mounted(): string {
  const folder = testFolder();
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${PAGE * 512}`, 'tmpfs', folder]);
  expect(done.status, 'this test mounts a tmpfs: run it as root').toBe(0);
  onTestFinished(() => void spawnSync('umount', ['-l', folder]));
  return folder;
}

/** Free bytes of the file system. */
function room(folder: string): number {
  const [free] = spawnSync('stat', ['-f', '-c', '%f', folder], { encoding: 'utf8' }).stdout.trim().split('\n');
  return Number(free) * PAGE;
}

describeWithQemu('a full disk', () => {
  it.each(['qcow2', 'qed'] as const)('leaves the old %s, whatever the commit and wherever it was', async (format) => {
    const away = testFolder();
    const original = join(away, 'original');
    makeImage(original, format);
    const before = readFileSync(original);
    for (const kind of kindsOf(original, format)) {
      const now = await newBytes(original, kind, away);
      const folder = mounted();
      const path = join(folder, 'image');
      let refused = 0;
      let interrupted = 0;
      for (let pages = 0; ; pages++) {
        expect(pages, `${kind.says} never has room enough`).toBeLessThan(PAGES);
        copySparse(original, path);
        writeFileSync(join(folder, 'ballast'), new Uint8Array(Math.max(0, room(folder) - pages * PAGE)));
        const complaint = await commit(path, kind);
        const says = `${kind.says}, rollback file ${kind.keep}, ${pages} pages of room: ${complaint}`;
        rmSync(join(folder, 'ballast'));
        if (complaint !== undefined && beside(path).includes('.platter-journal')) {
          // A hole in the middle of the file that could not be filled: half is written, and the journal knows.
          expect(complaint, says).toMatch(/journal .* stays/);
          runToEnd(recover(path));
          interrupted++;
        }
        const bytes = readFileSync(path);
        if (complaint === undefined) {
          expect(bytes.equals(now), says).toBe(true);
          expect(beside(path), says).toEqual(kind.keep ? ['.kept'] : []);
          break;
        }
        refused++;
        expect(complaint, says).toMatch(/no space|full/i);
        expect(bytes.equals(before), says).toBe(true);
        expect(beside(path), says).toEqual([]);
      }
      expect(refused, kind.says).toBeGreaterThan(0);
      expect(interrupted > 0, kind.says).toBe(kind.says.includes('moved'));
      spawnSync('umount', ['-l', folder]);
    }
  });

  it.each(['qcow2', 'qed'] as const)('a limit of file sizes leaves the old %s', async (format) => {
    const folder = testFolder();
    const original = join(folder, 'original');
    makeImage(original, format);
    const before = readFileSync(original);
    const path = join(folder, 'image');
    const limit = (size: string): unknown =>
      spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:unlimited`]);
    for (const kind of kindsOf(original, format)) {
      const size = statSync(original).size;
      for (const over of [1, 512, PAGE, 3 * PAGE]) {
        copyFileSync(original, path);
        limit(String(size + over));
        let complaint: string | undefined;
        try {
          complaint = await commit(path, kind);
        } finally {
          limit('unlimited');
        }
        const says = `${kind.says}, ${over} bytes more than the image: ${complaint}`;
        if (complaint === undefined) expect(statSync(path).size, says).toBeLessThanOrEqual(size + over);
        else {
          expect(complaint, says).toContain('ulimit -f');
          expect(readFileSync(path).equals(before), says).toBe(true);
          expect(beside(path), says).toEqual([]);
        }
        rmSync(`${path}.kept`, { force: true });
      }
      expect(existsSync(`${path}.platter-journal`)).toBe(false);
    }
  });
});
