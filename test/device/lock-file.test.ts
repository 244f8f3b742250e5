import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { LockFile, withLock } from '../../src/device/lock-file.ts';

let folder = '';
let image = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'platter-lock-'));
  image = join(folder, 'image');
  path = `${image}.platter-lock`;
});
afterEach(() => rmSync(folder, { recursive: true }));

function ownLock(): Record<string, unknown> {
  const lock = new LockFile(image);
  const owner = JSON.parse(readFileSync(path, 'utf8'));
  lock.release();
  return owner;
}

describe('LockFile', () => {
  it('is there while it is held, for its owner only', () => {
    const lock = new LockFile(image);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
    expect(lock.replaced).toBeUndefined();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    lock.release();
  });

  it('refuses while a live process holds it', () => {
    const lock = new LockFile(image);
    expect(() => new LockFile(image)).toThrow(expect.objectContaining({ code: 'locked' }));
    expect(() => new LockFile(image)).toThrow(new RegExp(`process ${process.pid} is working`));
    lock.release();
  });

  it.each([
    ['a process that is gone', (owner: Record<string, unknown>) => ({ ...owner, pid: spawnSync('true').pid })],
    ['a process whose number another has by now', (owner: Record<string, unknown>) => ({ ...owner, start: '1' })],
    ['a time before the last boot', (owner: Record<string, unknown>) => ({ ...owner, boot: 'another' })],
  ])('replaces one left by %s, and says so', (_whose, change) => {
    writeFileSync(path, JSON.stringify(change(ownLock())));
    const lock = new LockFile(image);
    expect(lock.replaced).toContain('is gone; it was replaced');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['another machine', { host: 'elsewhere' }],
    ['another container', { namespace: 'pid:[1]' }],
  ])('does not judge a process of %s', (_where, change) => {
    writeFileSync(path, JSON.stringify({ ...ownLock(), ...change, pid: 2 ** 22 }));
    expect(() => new LockFile(image)).toThrow(/cannot be seen from here/);
    expect(existsSync(path)).toBe(true);
  });

  it.each(['', 'nonsense', '{"pid":"1"}', 'null'])('replaces one that says %j only when it is old', (text) => {
    writeFileSync(path, text);
    expect(() => new LockFile(image)).toThrow(expect.objectContaining({ code: 'locked' }));
    utimesSync(path, 1e9, 1e9);
    const lock = new LockFile(image);
    expect(lock.replaced).toBeDefined();
    lock.release();
  });

  it('does not remove a lock that is not its own any more', () => {
    const lock = new LockFile(image);
    rmSync(path);
    writeFileSync(path, 'another Platter');
    lock.release();
    expect(readFileSync(path, 'utf8')).toBe('another Platter');
  });
});

describe('withLock', () => {
  const work = function* (): Generator<number, { notes: readonly string[]; locked: boolean }> {
    yield 1;
    return { notes: ['mine'], locked: existsSync(path) };
  };

  it('locks, and hands notes on', () => {
    writeFileSync(path, JSON.stringify({ ...ownLock(), boot: 'another' }));
    const result = runToEnd(withLock(image, work) as never) as unknown as { notes: string[]; locked: boolean };
    expect(result.locked).toBe(true);
    expect(result.notes).toEqual([expect.stringContaining('replaced'), 'mine']);
    expect(existsSync(path)).toBe(false);
  });

  it('unlocks when the work is cancelled', () => {
    const running = withLock(image, work);
    running.next();
    expect(existsSync(path)).toBe(true);
    running.return(undefined as never);
    expect(existsSync(path)).toBe(false);
  });

  it('goes on without a lock where the folder cannot be written, and says so', () => {
    // Not even root makes files in /sys.
    const result = runToEnd(withLock('/sys/image', work) as never) as unknown as { notes: string[] };
    expect(result.notes[0]).toMatch(/another Platter could work on the image at the same time/);
  });
});
