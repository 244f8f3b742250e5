/**
 * Check, first walk: the L1 tables, active and of snapshots. Rules of L1 entries, and which L2 tables are in use how
 * often. No L2 table is read here.
 *
 * Invariants:
 *  1. Every 8 bytes of the file are read at most twice as an L1 entry (active, inactive), however many snapshots
 *     claim them: the work is bounded by the file's size.
 *  2. L2 tables inside the file are either cluster aligned and in `active`/`inactive`, or in `odd`.
 */
import { hasReservedBits } from '../../bytes/bits.ts';
import { hex, hex64 } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import type { Where } from '../../errors.ts';
import { type Claims, COPIED } from './check-claims.ts';
import { ReferenceCounts } from './check-counts.ts';
import { coverage, type Span } from './check-coverage.ts';
import { l1EntriesFor } from './geometry.ts';
import { L1Entry } from './layout.ts';

/** An L1 table that the header or a snapshot points to. */
export interface L1Table {
  /** Bytes; not necessarily inside the file. */
  readonly offset: number;
  readonly entries: number;
  /** '' for the active table, 'snapshot[2].' for a snapshot's; stands before 'l1[5]' and 'l2[5][7]'. */
  readonly prefix: string;
  /** The field that points to the table. */
  readonly pointer: Where;
}

/** How often an L2 table that is not cluster aligned is referenced, and from where first. */
interface OddTable {
  active: number;
  inactive: number;
  /** File offset of the first L1 entry that points here. */
  readonly l1Word: number;
  readonly isActive: boolean;
}

/** Up to 64 KiB of L1 entries, as [lo, hi] words. The array is reused: consume a batch before the next one. */
export interface L1Batch {
  readonly words: Int32Array;
  /** Entries of this batch. */
  readonly count: number;
  /** File offset of the first. */
  readonly offset: number;
  readonly times: number;
}

export class L1Tables {
  readonly activeTable: L1Table;
  readonly snapshotTables: readonly L1Table[];
  /** References from the active L1 table, and from snapshots', by host cluster of the L2 table. */
  readonly active = new ReferenceCounts(64);
  readonly inactive = new ReferenceCounts(64);
  readonly odd = new Map<number, OddTable>();
  /** Whether an active entry lacks COPIED, so that only the second pass can tell whether that is right. */
  anyWithoutCopied = false;
  /** Entries of the active table that are not zero. */
  activeEntries = 0;
  readonly #claims: Claims;

  constructor(claims: Claims, activeTable: L1Table, snapshotTables: readonly L1Table[]) {
    this.#claims = claims;
    this.activeTable = activeTable;
    this.snapshotTables = snapshotTables;
  }

  activeBatches(): Generator<L1Batch> {
    return l1Batches(this.#claims.device, this.#spans([this.activeTable]));
  }

  inactiveBatches(): Generator<L1Batch> {
    return l1Batches(this.#claims.device, this.#spans(this.snapshotTables));
  }

  #spans(tables: readonly L1Table[]): Span[] {
    const spans = tables.map(({ offset, entries }) => ({ offset, length: entries * 8, times: 1 }));
    return coverage(spans, this.#claims.device.size);
  }

  /** Reads all L1 tables, checks their entries and counts the L2 tables they point to. */
  count(): void {
    for (const batch of this.activeBatches()) this.#countBatch(batch, true);
    for (const batch of this.inactiveBatches()) this.#countBatch(batch, false);
  }

  #countBatch({ words, count, offset, times }: L1Batch, isActive: boolean): void {
    const { oddHi, oddLo, up, down, limit } = this.#claims.plain;
    const uses = isActive ? this.active : this.inactive;
    for (let i = 0; i < count; i++) {
      const lo = words[2 * i] as number;
      const hi = words[2 * i + 1] as number;
      if ((lo | hi) === 0) continue;
      if (isActive) this.activeEntries++;
      const cluster = (hi << up) | (lo >>> down);
      if (((hi & oddHi) | (lo & oddLo)) === 0 && cluster > 0 && cluster < limit) {
        if (isActive && (hi & COPIED) === 0) this.anyWithoutCopied = true;
        this.#claims.addRun(cluster, 1, times);
        uses.addRun(cluster, 1, times);
      } else {
        this.#oddEntry(hi, lo, offset + 8 * i, times, isActive);
      }
    }
  }

  /** An entry that breaks a rule, or is merely shared or far away. */
  #oddEntry(hi: number, lo: number, l1Word: number, times: number, isActive: boolean): void {
    const { g, log } = this.#claims;
    const where = (): Where => this.whereOf(l1Word, isActive);
    const entry = (): string => hex64(hi, lo);
    if (isActive && (hi & COPIED) === 0) this.anyWithoutCopied = true;
    if (hasReservedBits(L1Entry, hi, lo)) {
      log.addLazily('corruption', times, () => ({
        code: 'l1-reserved-bits',
        severity: 'corruption',
        class: 'reserved',
        where: where(),
        what: `L1 entry ${entry()} has bits of ${hex64(hi & L1Entry.reserved.hi, lo & L1Entry.reserved.lo)} set, which are reserved and must be 0`,
        means: 'QEMU reads guest data as if they were 0; a later version may give them a meaning',
        qemuCount: times,
      }));
    }
    const offset = ((hi & L1Entry.mask.offset.hi) >>> 0) * 2 ** 32 + ((lo & L1Entry.mask.offset.lo) >>> 0);
    this.#claims.claim(offset, g.clusterSize, times, () => ({ what: 'an L2 table', where: where() }));
    if (offset === 0) {
      log.addLazily('corruption', 0, () => ({
        code: 'l1-without-table',
        severity: 'corruption',
        class: 'consistency',
        where: where(),
        what: `L1 entry ${entry()} has flags but no offset: expected 0 where there is no L2 table`,
        means: 'reads take it as unallocated, but check and repair take the header for an L2 table',
        qemuCount: 0,
      }));
    }
    if (offset % g.clusterSize !== 0) {
      log.addLazily('corruption', times, () => ({
        code: 'l2-table-align',
        severity: 'corruption',
        class: 'align',
        where: where(),
        what: `L1 entry ${entry()} puts its L2 table at ${hex(offset)}, expected a multiple of the cluster size ${hex(g.clusterSize)}`,
        means: 'guest data below this entry cannot be read',
        qemuCount: times,
      }));
    }
    this.#use(offset, l1Word, times, isActive);
  }

  #use(offset: number, l1Word: number, times: number, isActive: boolean): void {
    const { g, device } = this.#claims;
    if (offset >= device.size) return;
    if (offset % g.clusterSize === 0) {
      (isActive ? this.active : this.inactive).addRun(offset / g.clusterSize, 1, times);
      return;
    }
    const table = this.odd.get(offset) ?? { active: 0, inactive: 0, l1Word, isActive };
    if (isActive) table.active += times;
    else table.inactive += times;
    this.odd.set(offset, table);
  }

  /** The L1 entry at file offset `l1Word`, in the words of findings. */
  whereOf(l1Word: number, isActive: boolean): Where {
    const { prefix, index } = this.locate(l1Word, isActive);
    return { offset: l1Word, length: 8, path: `${prefix}l1[${index}]`, spec: L1Entry.spec };
  }

  /** Which L1 table the entry at file offset `l1Word` belongs to, and its index there. */
  locate(l1Word: number, isActive: boolean): { prefix: string; index: number } {
    const holds = (t: L1Table): boolean => l1Word >= t.offset && l1Word < t.offset + 8 * t.entries;
    const table = isActive ? this.activeTable : (this.snapshotTables.find(holds) ?? this.activeTable);
    return { prefix: table.prefix, index: (l1Word - table.offset) / 8 };
  }

  /** Whether the L1 entry at `l1Word` maps the guest's disk, and not VM state behind it. */
  mapsDisk(l1Word: number): boolean {
    return this.locate(l1Word, true).index < l1EntriesFor(this.#claims.g);
  }
}

/** The bytes of `spans` in pieces of at most 64 KiB; spans lie inside the file. */
function* l1Batches(device: Device, spans: readonly Span[]): Generator<L1Batch> {
  const bytes = Buffer.alloc(65_536);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (const { offset, length, times } of spans) {
    for (let done = 0; done < length; done += bytes.length) {
      const count = Math.ceil(Math.min(length - done, bytes.length) / 8);
      const part = bytes.subarray(0, 8 * count);
      device.read(offset + done, part);
      part.swap64();
      yield { words, count, offset: offset + done, times };
    }
  }
}
