/**
 * Where guest bytes lie, for who writes them: QEMU's qed_find_cluster. One answer is one run within one L2 table. No
 * table is kept: an entry is read where it stands, so it is never stale.
 */

import { hex } from '../../../bytes/size.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { fire, type Request } from '../../../device/events.ts';
import { ImageError } from '../../../errors.ts';
import { bytesPerL2, clusterFault, type Geometry, tableFault } from '../geometry.ts';
import { ZERO_CLUSTER } from '../layout.ts';
import { tableLabel } from '../regions.ts';
import { entryValue } from '../tables.ts';

/** Tables that QEMU keeps in memory: while one of these is asked for again, nothing is loaded. */
const KEPT_TABLES = 50;
/** Entries looked at for one run. */
const MOST_ENTRIES = 32_768;

export interface Found {
  readonly kind: 'data' | 'zero' | 'unallocated';
  /** Bytes of the request that are alike, from the guest byte asked for. */
  readonly length: number;
  /** Bytes, of that guest byte; `data` only. */
  readonly host: number;
  /** Index of the L2 table, and where it stands; 0: there is none yet. */
  readonly slot: number;
  readonly table: number;
  /** Of the first cluster, in the table. */
  readonly index: number;
}

export class Lookup {
  readonly #device: Device;
  readonly #geometry: () => Geometry;
  /** In the order of use, the last one at the end. */
  readonly #loaded = new Set<number>();

  constructor(device: Device, geometry: () => Geometry) {
    this.#device = device;
    this.#geometry = geometry;
  }

  /** The run at `guest`, at most `length` bytes of it. Throws ImageError `invalid-entry`. */
  *find(guest: number, length: number): Request<Found> {
    const g = this.#geometry();
    const slot = Math.floor(guest / bytesPerL2(g));
    const within = guest % g.clusterSize;
    const index = Math.floor(guest / g.clusterSize) % g.tableEntries;
    const inTable = Math.min(length, (slot + 1) * bytesPerL2(g) - guest);
    const table = entryValue(this.#words(g.l1Offset + slot * 8, 1), 0);
    const at = { slot, table, index };
    if (table === 0) return { kind: 'unallocated', length: inTable, host: 0, ...at };
    if (tableFault(g, table) !== undefined) throw invalid(`l1[${slot}]`, table, guest);
    yield* this.#load(table);
    const most = Math.min(Math.ceil((within + inTable) / g.clusterSize), MOST_ENTRIES);
    const words = this.#words(table + index * 8, most);
    const first = entryValue(words, 0);
    const isData = first !== 0 && first !== ZERO_CLUSTER;
    if (isData && clusterFault(g, first) !== undefined) throw invalid(`l2[${slot}][${index}]`, first, guest);
    const step = isData ? g.clusterSize : 0;
    let clusters = 1;
    while (clusters < most && entryValue(words, clusters) === first + clusters * step) clusters++;
    return {
      kind: isData ? 'data' : first === 0 ? 'unallocated' : 'zero',
      length: Math.min(inTable, clusters * g.clusterSize - within),
      host: isData ? first + within : 0,
      ...at,
    };
  }

  /** A table that was just written is as good as loaded. */
  know(table: number): void {
    this.#loaded.delete(table);
    this.#loaded.add(table);
    for (const oldest of this.#loaded) {
      if (this.#loaded.size <= KEPT_TABLES) break;
      this.#loaded.delete(oldest);
    }
  }

  *#load(table: number): Request {
    if (!this.#loaded.has(table)) yield* fire(this.#device, 'l2_load');
    this.know(table);
  }

  #words(offset: number, entries: number): Int32Array {
    return new Int32Array(readBytes(this.#device, offset, entries * 8).buffer);
  }
}

/** `count` entries from `value` on, each `step` more than the one before. */
export function entryBytes(value: number, count: number, step: number): Uint8Array {
  const bytes = new Uint8Array(count * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const entry = value + i * step;
    view.setUint32(i * 8, entry % 2 ** 32, true);
    view.setUint32(i * 8 + 4, Math.floor(entry / 2 ** 32), true);
  }
  return bytes;
}

/** As the write of an entry is labelled. */
export function entryLabel(slot: number): string {
  return tableLabel(slot);
}

function invalid(entry: string, value: number, guest: number): ImageError {
  return new ImageError({
    code: 'invalid-entry',
    class: 'consistency',
    what: `guest offset ${hex(guest)} cannot be reached: ${entry} is ${hex(value)}, which is no place for it`,
    tryThis: 'check',
  });
}
