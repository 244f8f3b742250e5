/**
 * The instants of a qcow2 request, in the order in which real QEMU 7.2 fires them under blkdebug (seen by suspending a
 * request at each of them in turn); and what is said and refused where metadata stands in the way, in QEMU's words.
 */
import { describe, expect, it } from 'vitest';
import { type DeviceEvent, runRequest } from '../../../src/device/events.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { Disk } from '../../../src/disk/disk.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { entryBytes } from '../../../src/drivers/qcow2/write/pair-table.ts';
import { openWriter } from '../../../src/drivers/qcow2/write/writer.ts';
import { ImageError } from '../../../src/errors.ts';
import { emptyQcow2, openDisk, type Shape, takeSnapshot } from './writer-images.ts';

const KIB = 1024;

class Listening extends MemoryDevice {
  #events: DeviceEvent[] = [];
  event(event: DeviceEvent): undefined {
    this.#events.push(event);
  }
  /** What came since the last time. */
  take(): string {
    return this.#events.splice(0).join(' ');
  }
}

const ALLOC = 'cluster_alloc refblock_alloc refblock_load';
const FREE = 'cluster_free refblock_alloc refblock_load';
const TABLE = `${ALLOC} refblock_update_part l2_alloc_write l2_update l1_update`;
const FLUSH = 'flush_to_os refblock_update_part l2_update flush_to_disk';

interface Scene {
  readonly name: string;
  readonly shape: Shape;
  readonly begin?: (disk: Disk, device: MemoryDevice) => void;
  readonly snapshot?: boolean;
  /** Each followed by a flush. */
  readonly requests: readonly (readonly [(disk: Disk) => ReturnType<Disk['flush']>, instants: string])[];
}

const write = (at: number, length: number) => (disk: Disk) => disk.write(at, new Uint8Array(length).fill(1));
const zero =
  (at: number, length: number, mayUnmap = false) =>
  (disk: Disk) =>
    disk.writeZeroes(at, length, { mayUnmap });
const read = (at: number, length: number) => (disk: Disk) => disk.read(at, new Uint8Array(length));

const plain: Shape = { clusterBits: 16, size: 8192 * KIB };
const below = new Uint8Array(plain.size).fill(7);

const SCENES: readonly Scene[] = [
  {
    name: 'a new image',
    shape: plain,
    requests: [
      [write(4096, 4096), `${TABLE} ${ALLOC} cluster_alloc_space write_aio ${FLUSH}`],
      [write(100 * KIB, 4096), `${ALLOC} cluster_alloc_space write_aio ${FLUSH}`],
      [write(4096, 4096), 'write_aio flush_to_os flush_to_disk'],
      [zero(0, 64 * KIB), 'flush_to_os l2_update flush_to_disk'],
      [write(4096, 4096), 'cluster_alloc_space write_aio flush_to_os l2_update flush_to_disk'],
      [zero(0, 64 * KIB, true), `${FREE} flush_to_os l2_update refblock_update_part flush_to_disk`],
      [read(100 * KIB, 4096), 'read_aio flush_to_os'],
      [write(256 * KIB, 128 * KIB), `${ALLOC} write_aio ${FLUSH}`],
    ],
  },
  {
    name: 'something below',
    shape: { ...plain, below },
    requests: [
      [write(4096, 4096), `${TABLE} ${ALLOC} cow_read read_backing_aio write_aio cow_write ${FLUSH}`],
      [write(192 * KIB, 4096), `${ALLOC} cow_read read_backing_aio write_aio cow_write ${FLUSH}`],
      [
        write(250 * KIB, 100 * KIB),
        `refblock_alloc refblock_load write_aio cow_read read_backing_aio cow_write ${FLUSH}`,
      ],
      [read(1024 * KIB, 4096), 'read_backing_aio flush_to_os'],
    ],
  },
  {
    name: 'what a snapshot shares',
    shape: plain,
    begin: (disk) => runRequest(disk.write(0, new Uint8Array(1024 * KIB).fill(2))),
    snapshot: true,
    requests: [
      [
        write(4096, 4096),
        `${ALLOC} refblock_update_part l2_alloc_cow_read l2_load l2_alloc_write l2_update l1_update ${FREE} ` +
          `${ALLOC} cow_read read_aio write_aio cow_write cluster_free refblock_update_part refblock_alloc refblock_load ` +
          'flush_to_os l2_update refblock_update_part flush_to_disk',
      ],
    ],
  },
  {
    name: 'compressed clusters',
    shape: plain,
    begin: (disk) => runRequest(disk.writeCompressed(0, new Uint8Array(128 * KIB).fill(2))),
    requests: [
      [read(0, 4096), 'l2_load read_compressed flush_to_os'],
      [
        write(4096, 4096),
        `${ALLOC} cow_read read_compressed write_aio cow_write cluster_free refblock_update_part refblock_alloc ` +
          'refblock_load flush_to_os l2_update refblock_update_part flush_to_disk',
      ],
    ],
  },
  {
    name: 'lazy refcounts',
    shape: { ...plain, lazy: true },
    requests: [
      [write(4096, 4096), `${TABLE} ${ALLOC} cluster_alloc_space write_aio flush_to_os l2_update flush_to_disk`],
    ],
  },
  {
    name: 'subclusters over something',
    shape: { ...plain, extended: true, below },
    requests: [
      [write(4096, 4096), `${TABLE} ${ALLOC} write_aio ${FLUSH}`],
      [write(7 * KIB, 4096), 'cow_read read_backing_aio write_aio cow_write flush_to_os l2_update flush_to_disk'],
      [zero(8 * KIB, 4096), 'flush_to_os l2_update flush_to_disk'],
      [write(9 * KIB, 512), 'cluster_alloc_space write_aio flush_to_os l2_update flush_to_disk'],
    ],
  },
];

describe('the instants of a qcow2 request', () => {
  it.each(SCENES)('are those of QEMU: $name', ({ shape, begin, snapshot, requests }) => {
    const device = new Listening(emptyQcow2(shape).bytes());
    if (begin) {
      const disk = openDisk(device, shape);
      begin(disk, device);
      runRequest(disk.close());
    }
    if (snapshot) takeSnapshot(device);
    const disk = openDisk(device, shape);
    device.take();
    for (const [request, instants] of requests) {
      runRequest(request(disk));
      runRequest(disk.flush());
      expect(device.take()).toBe(instants);
    }
  });
});

/** The image's L2 table: that of the first write to an empty image. */
const L2 = 4 * 65536;

/** What is spoilt, and what QEMU says of the first request. */
const SPOILT: readonly { readonly at: number; readonly bytes: readonly number[]; readonly says: string }[] = [
  {
    at: L2 + 8,
    bytes: [0x80, 0, 0, 0, 0, 3, 0, 0],
    says: 'Preventing invalid write on metadata (overlaps with active L1 table)',
  },
  {
    at: L2 + 8,
    bytes: [0x80, 0, 0, 0, 0, 1, 0, 0],
    says: 'Preventing invalid write on metadata (overlaps with refcount table)',
  },
  {
    at: L2 + 8,
    bytes: [0x80, 0, 0, 0, 0, 2, 0, 0],
    says: 'Preventing invalid write on metadata (overlaps with refcount block)',
  },
  {
    at: L2 + 8,
    bytes: [0x80, 0, 0, 0, 0, 4, 0, 0],
    says: 'Preventing invalid write on metadata (overlaps with active L2 table)',
  },
  {
    at: L2 + 8,
    bytes: [0x80, 0, 0, 0, 0, 5, 2, 0],
    says: 'Data cluster offset 0x50200 unaligned (guest offset: 0x10800)',
  },
  { at: 3 * 65536, bytes: [0x80, 0, 0, 0, 0, 4, 2, 0], says: 'L2 table offset 0x40200 unaligned (L1 index: 0)' },
  { at: 65536, bytes: [0, 0, 0, 0, 0, 2, 2, 0], says: 'Refblock offset 0x20200 unaligned (reftable index: 0)' },
  // Counted as free: the L2 table, and the header.
  { at: 2 * 65536 + 8, bytes: [0, 0], says: 'Preventing invalid write on metadata (overlaps with active L2 table)' },
  { at: 2 * 65536, bytes: [0, 0], says: 'Preventing invalid write on metadata (overlaps with qcow2_header)' },
];

describe('a qcow2 image that is found to be corrupt', () => {
  it.each(SPOILT)('is marked, and takes no request any more: $says', ({ at, bytes, says }) => {
    const device = emptyQcow2(plain);
    const before = openDisk(device, plain);
    runRequest(before.write(0, new Uint8Array(64 * KIB).fill(1)));
    runRequest(before.close());
    device.write(at, Uint8Array.from(bytes));
    const said: string[] = [];
    const disk = openDisk(device, plain, (text) => said.push(text));
    const code = (request: ReturnType<Disk['flush']>): string => {
      try {
        runRequest(request);
        return 'done';
      } catch (error) {
        if (error instanceof ImageError) return error.code;
        throw error;
      }
    };
    expect(code(disk.write(66 * KIB, new Uint8Array(512)))).toBe('io-error');
    expect(said).toEqual([`qcow2: Marking image as corrupt: ${says}; further corruption events will be suppressed`]);
    expect(code(disk.read(0, new Uint8Array(512)))).toBe('no-medium');
    expect(code(disk.flush())).toBe('no-medium');
    expect(code(disk.close())).toBe('done');
    expect(Qcow2Image.open(device, { name: 'x' }).header.incompatible_features.corrupt).toBe(true);
    expect(() => openDisk(device, plain)).toThrow(expect.objectContaining({ code: 'marked-corrupt' }));
  });

  it('is found to be so where the options say, and there only', () => {
    const open = (options: Readonly<Record<string, string>>, leadsTo: number): string => {
      const device = emptyQcow2(plain);
      const before = openDisk(device, plain);
      runRequest(before.write(0, new Uint8Array(64 * KIB).fill(1)));
      runRequest(before.close());
      takeSnapshot(device);
      // A table of the active disk, so that the snapshot's is one of its own.
      const between = openDisk(device, plain);
      runRequest(between.write(0, new Uint8Array(512)));
      runRequest(between.close());
      const { state } = runRequest(openWriter(device, { name: 'x' }));
      device.write(state.l1.at(0) + 8, entryBytes(leadsTo));
      device.write(state.l1.at(0) + 8, Uint8Array.of(0x80));
      const writer = runRequest(openWriter(device, { name: 'x', options }));
      try {
        runRequest(writer.write(64 * KIB, new Uint8Array(512)));
        return 'written';
      } catch (error) {
        if (error instanceof ImageError) return error.what;
        throw error;
      }
    };
    const met = (what: string): string => `qcow2: Preventing invalid write on metadata (overlaps with ${what})`;
    expect(open({}, 2 * 65536)).toBe(met('refcount block'));
    expect(open({ 'overlap-check': 'none' }, 2 * 65536)).toBe('written');
    expect(open({ 'overlap-check': 'constant' }, 2 * 65536)).toBe('written');
    expect(open({ 'overlap-check': 'constant' }, 65536)).toBe(met('refcount table'));
    expect(open({ 'overlap-check.template': 'none', 'overlap-check.refcount-block': 'on' }, 2 * 65536)).toBe(
      met('refcount block'),
    );
    expect(open({ 'overlap-check': 'cached' }, L2)).toBe('written');
    expect(open({ 'overlap-check': 'all' }, L2)).toBe(met('inactive L2 table'));
  });
});
