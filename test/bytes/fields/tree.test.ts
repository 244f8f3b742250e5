/** Paths: what is understood, what is near when it is not, lists that are bounded, and what could follow. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesFrom } from '../../../src/bytes/fields/complete.ts';
import { counterCodec } from '../../../src/bytes/fields/counter-codec.ts';
import { parsePath, pathText } from '../../../src/bytes/fields/path.ts';
import { fieldAt, group, type Leaf, type List, listAt, nextSet, type Read } from '../../../src/bytes/fields/tree.ts';

/** A file of 4096 bytes: byte i * 100 holds i, all others 0. */
const BYTES = Uint8Array.from({ length: 4096 }, (_, i) => (i % 100 === 0 ? i / 100 : 0));
const read: Read = (offset, length) => {
  const part = new Uint8Array(length);
  part.set(BYTES.subarray(offset, offset + length));
  return part;
};
const leaf = (offset: number): Leaf => ({ kind: 'leaf', offset, codec: counterCodec(8), spec: 'test' });
const bytes: List<Leaf> = {
  kind: 'list',
  count: 4096,
  at: leaf,
  next: (from) => nextSet(read, 4096, 0, 1, from, 4096),
  addressOf: 'host',
  locate: (address) => [address / 2],
};
const rows: List = {
  kind: 'list',
  count: 3,
  at: (i) => (i === 1 ? { kind: 'missing', why: 'nobody made it' } : bytes),
};
const root = group({ header: group({ size: leaf(1), shape: leaf(2) }), byte: bytes, row: rows, none: undefined });

describe('paths', () => {
  it('are read back as they are written', () => {
    const name = fc.stringMatching(/^[a-z_]\w{0,6}$/);
    const steps = fc.tuple(name, fc.array(fc.oneof(name, fc.nat(2 ** 31)))).map(([first, rest]) => [first, ...rest]);
    fc.assert(
      fc.property(steps, (path) => {
        expect(parsePath(pathText(path))).toEqual(path);
      }),
    );
  });

  it('take numbers as qemu-io does, and addresses', () => {
    expect(parsePath('l2[0][0x10].copied')).toEqual(['l2', 0, 16, 'copied']);
    expect(parsePath(' refcount[ 4k ] ')).toEqual(['refcount', 4096]);
    expect(parsePath('refcount[@64k]')).toEqual(['refcount', { address: 65536 }]);
    expect(fieldAt(root, 'byte[@200]', read)).toMatchObject({ path: 'byte[100]', offset: 100, text: '1' });
  });

  it.each(['', '.', '[0]', 'a..b', 'a[', 'a]', 'a[x]', 'a[-1]', '.a', 'a b', 'a[0]b'])("'%s' is none", (path) => {
    expect(() => fieldAt(root, path, read)).toThrow(expect.objectContaining({ code: 'no-such-field' }));
  });

  it.each([
    ['heder', 'expected one of: header, byte, row'],
    ['header', 'header is not one field'],
    ['header.siz', 'expected one of: size, shape'],
    ['header.size.big', 'header.size has no'],
    ['header[0]', 'no entries'],
    ['byte[4096]', 'there are 4096, byte[0] to byte[4095]. Try: byte[@0x1000]'],
    ['row[1][0]', 'nobody made it'],
    ['row[@1]', 'no place for a byte address'],
  ])('%s: says what there is', (path, says) => {
    expect(() => fieldAt(root, path, read)).toThrow(says);
  });
});

describe('lists', () => {
  it('leave out what is 0, and say how much and where they stop', () => {
    const { fields, empty, next } = listAt(root, 'byte', 3, read);
    expect(fields.map(({ path }) => path)).toEqual(['byte[100]', 'byte[200]', 'byte[300]']);
    expect({ empty, next }).toEqual({ empty: 298, next: 'byte[400]' });
    expect(listAt(root, 'byte', 1000, read)).toMatchObject({ empty: 4096 - 40, next: undefined });
    expect(listAt(root, 'row', 1000, read).fields).toHaveLength(80);
    expect(listAt(root, 'byte[5]', 1000, read)).toMatchObject({ single: true, fields: [{ path: 'byte[5]' }] });
  });

  it('find the next entry that holds something, at every stride', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 8), fc.nat(600), (stride, from) => {
        const count = 4096 / stride;
        let expected = from;
        while (expected < count && read(expected * stride, stride).every((byte) => byte === 0)) expected++;
        expect(nextSet(read, 65_536, 0, stride, Math.min(from, count), count)).toBe(Math.min(expected, count));
      }),
    );
  });
});

describe('the next entry that holds something', () => {
  function counting(): { read: Read; bytes: () => number } {
    let bytes = 0;
    return {
      read: (offset, length) => {
        bytes += length;
        return read(offset, length);
      },
      bytes: () => bytes,
    };
  }

  it('costs nothing behind the end of the file', () => {
    const counted = counting();
    expect(nextSet(counted.read, 40, 0, 8, 0, 1_000_000)).toBe(1_000_000);
    expect(nextSet(counted.read, 40, 8192, 8, 0, 1_000_000)).toBe(1_000_000);
    expect(counted.bytes()).toBeLessThanOrEqual(40);
  });

  it('costs little where it is the next one', () => {
    const counted = counting();
    expect(nextSet(counted.read, 65_536, 0, 1, 99, 4096)).toBe(100);
    expect(counted.bytes()).toBeLessThanOrEqual(256);
  });
});

describe('what could follow', () => {
  it.each([
    ['', ['header.', 'byte[', 'row[']],
    ['he', ['header.']],
    ['header.s', ['header.size', 'header.shape']],
    ['row[', ['row[0][', 'row[2][']],
    ['row[0]', ['row[0][']],
    ['byte[30', ['byte[30]', 'byte[300]', 'byte[3000]']],
    ['byte[100]', ['byte[100]']],
    ['nothing.', []],
    ['header[', []],
  ])('%s', (start, expected) => {
    expect(namesFrom(root, start, read)).toEqual(expected);
  });

  it('is bounded', () => {
    expect(namesFrom(group({ all: { ...bytes, next: undefined } }), 'all[', read)).toHaveLength(200);
  });
});
