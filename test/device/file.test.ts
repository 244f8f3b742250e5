import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBytes } from '../../src/device/device.ts';
import { deviceNumbers, FileDevice } from '../../src/device/file.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'platter-file-'));
  path = join(folder, 'image');
  writeFileSync(path, Buffer.from('0123456789'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('FileDevice', () => {
  it('opens read-only, and then a write is a bug', () => {
    const device = new FileDevice(path);
    for (const write of [() => device.write(0, Uint8Array.of(1)), () => device.resize(1), () => device.flush()]) {
      expect(write).toThrow(/read-only; a write is a bug/);
    }
    device.close();
  });

  it('opens the same file for writing when asked, and takes that back', () => {
    const device = new FileDevice(path);
    device.allowWrites();
    device.allowWrites();
    device.write(2, Buffer.from('xx'));
    expect(Buffer.from(readBytes(device, 0, 10)).toString()).toBe('01xx456789');
    device.denyWrites();
    expect(device.writable).toBe(false);
    expect(() => device.write(0, Uint8Array.of(1))).toThrow(/read-only/);
    device.close();
  });

  it('does not write to another file that took its place', () => {
    const device = new FileDevice(path);
    renameSync(path, `${path}.old`);
    writeFileSync(path, 'another');
    expect(codeOf(() => device.allowWrites())).toBe('file-changed');
    expect(device.changed()).toEqual(['another file stands at its path']);
    rmSync(path);
    expect(device.changed()).toEqual(['its path leads nowhere any more']);
    expect(Buffer.from(readBytes(device, 0, 3)).toString()).toBe('012');
    device.close();
  });

  it('follows symbolic links once, at open', () => {
    const link = join(folder, 'link');
    symlinkSync('image', link);
    const device = new FileDevice(link);
    expect(device.name).toBe(link);
    expect(device.path).toBe(path);
    writeFileSync(join(folder, 'other'), 'other');
    rmSync(link);
    symlinkSync('other', link);
    expect(device.changed()).toEqual([]);
    device.close();
  });

  it('says what changed since it was opened', () => {
    const device = new FileDevice(path);
    expect(device.changed()).toEqual([]);
    appendFileSync(path, 'more');
    expect(device.changed().join()).toMatch(/length was 10 bytes and is 14 bytes.*written to/);
    device.refresh();
    expect(device.changed()).toEqual([]);
    expect(device.size).toBe(14);
    chmodSync(path, 0o600);
    linkSync(path, join(folder, 'hard'));
    expect(device.changed()).toEqual([]);
    expect(device.linkCount).toBe(2);
    device.close();
  });

  it('does not take a file that shrank for one full of zeros', () => {
    const device = new FileDevice(path);
    truncateSync(path, 4);
    expect(codeOf(() => readBytes(device, 0, 10))).toBe('file-changed');
    device.close();
  });

  it('refuses what is not a file, without opening it', async () => {
    const fifo = join(folder, 'fifo');
    spawnSync('mkfifo', [fifo]);
    mkdirSync(join(folder, 'folder'));
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise((ready) => server.on('listening', ready));
    for (const [name, what] of [
      ['fifo', 'a FIFO'],
      ['folder', 'a folder'],
      ['socket', 'a socket'],
      ['/dev/null', 'a character device'],
    ] as const) {
      const at = name.startsWith('/') ? name : join(folder, name);
      expect(() => new FileDevice(at)).toThrow(
        expect.objectContaining({ code: 'not-a-file', what: expect.stringContaining(what) }),
      );
    }
    server.close();
  });

  it('says why a file cannot be opened', () => {
    expect(codeOf(() => new FileDevice(join(folder, 'none')))).toBe('not-found');
    expect(codeOf(() => new FileDevice(join(path, 'below-a-file')))).toBe('not-found');
    expect(codeOf(() => new FileDevice(join(folder, 'x'.repeat(300))))).toBe('bad-file-name');
    expect(codeOf(() => new FileDevice('zero\0byte'))).toBe('bad-file-name');
    symlinkSync('loop', join(folder, 'loop'));
    expect(codeOf(() => new FileDevice(join(folder, 'loop')))).toBe('symlink-loop');
    expect(() => new FileDevice(join(folder, 'none'))).toThrow(/none: cannot open it read-only: no such file. Try: /);
  });

  it('makes files of its own exclusively, for their owner, and not through links', () => {
    const device = new FileDevice(join(folder, 'new'), 'read-write', 'create');
    device.write(0, Uint8Array.of(1));
    device.close();
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o600);
    expect(codeOf(() => new FileDevice(join(folder, 'new'), 'read-write', 'create'))).toBe('file-exists');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'));
    expect(codeOf(() => new FileDevice(join(folder, 'link'), 'read-write', 'create'))).toBe('file-exists');
    expect(codeOf(() => new FileDevice(join(folder, 'link'), 'read-write', 'no-follow'))).toBe('not-a-file');
  });

  it('reaches offsets up to 2^53 and no further', () => {
    const device = new FileDevice(path, 'read-write');
    expect(codeOf(() => device.write(2 ** 53, Uint8Array.of(1)))).toBe('offset-too-large');
    expect(codeOf(() => device.write(0.5, Uint8Array.of(1)))).toBe('offset-too-large');
    expect(codeOf(() => device.resize(2 ** 60))).toBe('offset-too-large');
    device.resize(2 ** 40);
    device.write(2 ** 40 - 1, Uint8Array.of(7));
    expect(readBytes(device, 2 ** 40 - 1, 2)).toEqual(Uint8Array.of(7, 0));
    device.close();
  });

  it('says that the limit of file sizes was reached, and what was written before it', () => {
    const device = new FileDevice(path, 'read-write');
    // A limit for this process that can be lifted again.
    const limit = (size: string): unknown =>
      spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:unlimited`]);
    limit('100000');
    try {
      expect(codeOf(() => device.write(0, new Uint8Array(200_000)))).toBe('file-too-large');
      expect(codeOf(() => device.resize(200_000))).toBe('file-too-large');
    } finally {
      limit('unlimited');
    }
    expect(device.size).toBe(100_000);
    device.close();
  });
});

describe('deviceNumbers', () => {
  it.each([
    ['65024', 254, 0],
    ['2049', 8, 1],
    ['66306', 259, 2],
    ['1048640', 0, 320],
    ['17592186044416', 4096, 0],
  ])('splits %s', (dev, major, minor) => {
    expect(deviceNumbers(dev)).toEqual({ major, minor });
  });
});
