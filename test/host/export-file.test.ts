/** A file made anew: what stands at its path is neither written to nor followed, and a failure leaves nothing. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileDevice } from '../../src/device/file.ts';
import { exportFile } from '../../src/host/export-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'platter-export-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function at(name: string): string {
  return join(folder, name);
}

describe('an exported file', () => {
  it('is new, whole, and readable by all', () => {
    const before = process.umask(0o022);
    exportFile(at('a.svg'), 'näh');
    process.umask(before);
    expect(readFileSync(at('a.svg'), 'utf8')).toBe('näh');
    expect(statSync(at('a.svg')).mode & 0o777).toBe(0o644);
  });

  it('does not replace what is there, unless forced, and then whole', () => {
    writeFileSync(at('a.txt'), 'old', { mode: 0o600 });
    expect(() => exportFile(at('a.txt'), 'new')).toThrow(expect.objectContaining({ code: 'export-exists' }));
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('old');
    exportFile(at('a.txt'), 'new', { force: true });
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('follows no link, forced or not, dangling or not', () => {
    writeFileSync(at('victim'), 'old');
    symlinkSync(at('victim'), at('a.txt'));
    symlinkSync(at('nothing'), at('b.txt'));
    for (const name of ['a.txt', 'b.txt']) {
      expect(() => exportFile(at(name), 'new')).toThrow(expect.objectContaining({ code: 'export-exists' }));
      expect(() => exportFile(at(name), 'new', { force: true })).toThrow(/symbolic link/);
    }
    expect(readFileSync(at('victim'), 'utf8')).toBe('old');
    expect(readdirSync(folder).sort()).toEqual(['a.txt', 'b.txt', 'victim']);
  });

  it('never takes the place of the image, whatever its name', () => {
    writeFileSync(at('disk.raw'), 'guest');
    linkSync(at('disk.raw'), at('map.txt'));
    const image = new FileDevice(at('disk.raw'));
    expect(() => exportFile(at('map.txt'), 'new', { force: true, keep: [image.identity] })).toThrow(/the image itself/);
    image.close();
    expect(readFileSync(at('map.txt'), 'utf8')).toBe('guest');
  });

  it('says what is wrong with the place, and leaves nothing there', () => {
    mkdirSync(at('folder.svg'));
    expect(() => exportFile(at('folder.svg'), 'new', { force: true })).toThrow(/a folder, not a file/);
    expect(() => exportFile(at('missing/a.svg'), 'new')).toThrow(expect.objectContaining({ code: 'export-failed' }));
    if (process.getuid?.() !== 0) {
      chmodSync(folder, 0o500);
      expect(() => exportFile(at('a.svg'), 'new')).toThrow(/EACCES/);
      chmodSync(folder, 0o700);
    }
    expect(readdirSync(folder)).toEqual(['folder.svg']);
  });
});
