/** Compressed clusters: right ones, short ones, broken ones, and bombs. */
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { readCompressedCluster } from '../../../src/drivers/qcow2/compressed.ts';
import type { Geometry } from '../../../src/drivers/qcow2/geometry.ts';

const CLUSTER = 65_536;

function decode(
  stream: Uint8Array,
  compression: 'zlib' | 'zstd',
  tail = new Uint8Array(0),
  clusterSize = CLUSTER,
): Uint8Array {
  const device = new MemoryDevice(Buffer.concat([Buffer.alloc(700), stream, tail]));
  const g = { clusterSize, compression } as Geometry;
  return readCompressedCluster(device, g, 700, stream.length + tail.length);
}

const broken = expect.objectContaining({ code: 'compressed-cluster-broken', class: 'consistency' });
const text = (length: number): Buffer => Buffer.from('guest data '.repeat(length / 11 + 1)).subarray(0, length);
const garbage = Uint8Array.from({ length: 511 }, (_, i) => (i * 151 + 7) & 255);

describe('zlib', () => {
  test('a cluster, whatever stands behind it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
        fc.uint8Array({ maxLength: 511 }),
        (data, tail) => {
          const stream = deflateRawSync(data, { windowBits: 12 });
          expect(Buffer.from(decode(stream, 'zlib', tail, 4096)).equals(Buffer.from(data))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a stream without its end mark gives the cluster, with garbage behind it too', () => {
    const whole = deflateRawSync(Buffer.concat([text(CLUSTER), text(3)]), { windowBits: 12 });
    const cut = whole.subarray(0, whole.length - 1);
    expect(Buffer.from(decode(cut, 'zlib')).equals(text(CLUSTER))).toBe(true);
    expect(Buffer.from(decode(cut, 'zlib', garbage)).equals(text(CLUSTER))).toBe(true);
  });

  test('too short, broken, empty', () => {
    const stream = deflateRawSync(text(CLUSTER - 1), { windowBits: 12 });
    expect(() => decode(stream, 'zlib')).toThrow(broken);
    expect(() => decode(stream, 'zlib')).toThrow(/gives 65535 bytes, expected 65536/);
    expect(() => decode(garbage, 'zlib')).toThrow(broken);
    expect(() => decode(new Uint8Array(0), 'zlib')).toThrow(broken);
  });

  test('a bomb gives one cluster and costs little', () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { windowBits: 12 });
    expect(decode(bomb, 'zlib')).toHaveLength(CLUSTER);
  });
});

/** A zstd frame of blocks, without checksum: window of 2^windowLog, or a single segment with its content size. */
function frame(
  blocks: readonly { raw?: Uint8Array; repeat?: [byte: number, count: number] }[],
  size: { windowLog: number } | { content: number },
): Buffer {
  const head =
    'windowLog' in size
      ? Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (size.windowLog - 10) << 3])
      : Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), Buffer.from(Uint32Array.of(size.content).buffer)]);
  const parts = blocks.map(({ raw, repeat }, i) => {
    const last = i === blocks.length - 1 ? 1 : 0;
    const header = repeat ? last | 2 | (repeat[1] << 3) : last | ((raw?.length ?? 0) << 3);
    const bytes = Buffer.from([header & 255, (header >> 8) & 255, header >> 16]);
    return Buffer.concat([bytes, repeat ? Buffer.from([repeat[0]]) : Buffer.from(raw ?? [])]);
  });
  return Buffer.concat([head, ...parts]);
}

describe('zstd', () => {
  const half = CLUSTER / 2;

  test('one frame, several frames, frames to skip, and garbage behind', () => {
    const one = frame([{ raw: text(half) }, { repeat: [7, half] }], { windowLog: 17 });
    const expected = Buffer.concat([text(half), Buffer.alloc(half, 7)]);
    expect(Buffer.from(decode(one, 'zstd', garbage)).equals(expected)).toBe(true);
    const skip = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const several = Buffer.concat([
      skip,
      frame([{ raw: text(half) }], { content: half }),
      skip,
      frame([{ repeat: [7, half] }], { windowLog: 10 + 7 }),
    ]);
    expect(Buffer.from(decode(several, 'zstd', garbage)).equals(expected)).toBe(true);
  });

  test('a window or a content size of gigabytes is not allocated', () => {
    const before = process.memoryUsage().arrayBuffers;
    const window = frame([{ repeat: [1, CLUSTER] }], { windowLog: 30 });
    expect(Buffer.from(decode(window, 'zstd')).equals(Buffer.alloc(CLUSTER, 1))).toBe(true);
    expect(() => decode(frame([{ repeat: [1, CLUSTER] }], { content: 2 ** 31 - 1 }), 'zstd')).toThrow(broken);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('more than a cluster, less than a cluster, cut, not zstd', () => {
    expect(() => decode(frame([{ repeat: [1, CLUSTER] }, { repeat: [1, 1] }], { windowLog: 17 }), 'zstd')).toThrow(
      broken,
    );
    expect(() => decode(frame([{ repeat: [1, half] }], { windowLog: 17 }), 'zstd')).toThrow(/gives 32768 bytes/);
    const good = frame([{ raw: text(CLUSTER) }], { windowLog: 17 });
    expect(() => decode(good.subarray(0, good.length - 1), 'zstd')).toThrow(broken);
    expect(() => decode(garbage, 'zstd')).toThrow(broken);
    const bomb = frame(new Array(1000).fill({ repeat: [0, 131_072] }), { windowLog: 17 });
    expect(() => decode(bomb, 'zstd')).toThrow(broken);
  });

  test('random bytes after the magic never do worse than fail', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 600 }), (tail) => {
        try {
          decode(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), tail]), 'zstd');
        } catch (error) {
          expect(error).toEqual(broken);
        }
      }),
      { numRuns: 500 },
    );
  });
});
