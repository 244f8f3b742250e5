/**
 * What qemu-img check counts, said in the plainest way: every table walked for every reference to it, one Map entry a
 * cluster, 64-bit values as BigInt. Slow, unbounded, and shares no code with the driver; the oracle for its fast walks.
 */

export interface SlowReport {
  corruptions: number;
  leaks: number;
  checkErrors: number;
  allocatedClusters: number;
  fragmentedClusters: number;
  compressedClusters: number;
  imageEndOffset: number;
}

interface L1 {
  readonly offset: bigint;
  readonly entries: number;
}

const OFFSET = 0x00ff_ffff_ffff_fe00n;
const COPIED = 1n << 63n;

export class SlowCheck implements SlowReport {
  corruptions = 0;
  leaks = 0;
  checkErrors = 0;
  allocatedClusters = 0;
  fragmentedClusters = 0;
  compressedClusters = 0;
  imageEndOffset = 0;
  readonly #file: Buffer;
  readonly #bits: bigint;
  readonly #cluster: bigint;
  readonly #counts = new Map<number, bigint>();
  readonly #extended: boolean;
  readonly #version: number;
  readonly #width: number;
  readonly #table: L1;
  #clusters: number;

  constructor(file: Buffer) {
    this.#file = file;
    this.#bits = BigInt(file.readUInt32BE(20));
    this.#cluster = 1n << this.#bits;
    this.#version = file.readUInt32BE(4);
    this.#extended = this.#version === 3 && (file.readUInt32BE(76) & 16) !== 0;
    this.#width = this.#version === 3 ? 2 ** file.readUInt32BE(96) : 16;
    this.#clusters = Math.ceil(file.length / Number(this.#cluster));
    const tableBytes = file.readUInt32BE(56) * Number(this.#cluster);
    this.#table = { offset: this.#u64(48n), entries: tableBytes / 8 };
    const active = { offset: this.#u64(40n), entries: file.readUInt32BE(36) };
    this.#claim(0n, this.#cluster);
    this.#walkL1(active, true);
    this.#snapshots();
    this.#claim(this.#table.offset, BigInt(tableBytes));
    this.#blocks();
    this.#compare();
    this.#copied(active);
  }

  /** Reads behind the end of the file give zeros. */
  #byte(at: bigint): bigint {
    return at < BigInt(this.#file.length) ? BigInt(this.#file[Number(at)] as number) : 0n;
  }

  #u64(at: bigint): bigint {
    let value = 0n;
    for (let i = 0n; i < 8n; i++) value = (value << 8n) | this.#byte(at + i);
    return value;
  }

  #u32(at: bigint): number {
    return Number(this.#u64(at) >> 32n);
  }

  #claim(offset: bigint, length: bigint): void {
    if (length <= 0n) return;
    // QEMU counts files in whole sectors.
    const sectors = BigInt(Math.ceil(this.#file.length / 512));
    if (offset + length - sectors * 512n >= this.#cluster) {
      this.corruptions++;
      return;
    }
    const most = (1n << BigInt(this.#width)) - 1n;
    for (let c = Number(offset >> this.#bits); c <= Number((offset + length - 1n) >> this.#bits); c++) {
      this.#clusters = Math.max(this.#clusters, c + 1);
      const count = this.#counts.get(c) ?? 0n;
      if (count === most) this.corruptions++;
      else this.#counts.set(c, count + 1n);
    }
  }

  #walkL1({ offset, entries }: L1, active: boolean): void {
    this.#claim(offset, BigInt(entries) * 8n);
    for (let i = 0; i < entries; i++) {
      const entry = this.#u64(offset + 8n * BigInt(i));
      if (entry === 0n) continue;
      if ((entry & 0x7f00_0000_0000_01ffn) !== 0n) this.corruptions++;
      const table = entry & OFFSET;
      this.#claim(table, this.#cluster);
      if (table % this.#cluster !== 0n) this.corruptions++;
      this.#walkL2(table, active);
    }
  }

  *#entries(table: bigint): Generator<{ entry: bigint; bitmap: bigint }> {
    const size = this.#extended ? 16n : 8n;
    for (let at = table; at < table + this.#cluster; at += size) {
      yield { entry: this.#u64(at), bitmap: this.#extended ? this.#u64(at + 8n) : 0n };
    }
  }

  #kind(entry: bigint): 'compressed' | 'cluster' | 'zero' | 'nothing' {
    if ((entry >> 62n) & 1n) return 'compressed';
    if ((entry & OFFSET) !== 0n) return 'cluster';
    return (entry & 1n) !== 0n && !this.#extended ? 'zero' : 'nothing';
  }

  #walkL2(table: bigint, active: boolean): void {
    let next: bigint | undefined;
    for (const { entry, bitmap } of this.#entries(table)) {
      const kind = this.#kind(entry);
      const offset = entry & OFFSET;
      if (kind !== 'compressed' && (entry & 0x3f00_0000_0000_01fen) !== 0n) this.corruptions++;
      if (kind === 'compressed') {
        if ((entry & COPIED) !== 0n) this.corruptions++;
        if (bitmap !== 0n) {
          this.corruptions++;
          continue;
        }
        const x = 70n - this.#bits;
        const start = entry & ((1n << x) - 1n);
        const sectors = ((entry & ((1n << 62n) - 1n)) >> x) + 1n;
        this.#claim(start, sectors * 512n - (start % 512n));
        if (active) {
          this.allocatedClusters++;
          this.compressedClusters++;
          this.fragmentedClusters++;
        }
      } else if (kind === 'cluster') {
        if (((bitmap >> 32n) & bitmap) !== 0n) this.corruptions++;
        if (offset % this.#cluster !== 0n) this.corruptions++;
        if (active) {
          this.allocatedClusters++;
          if (next !== undefined && offset !== next) this.fragmentedClusters++;
          next = offset + this.#cluster;
        }
        this.#claim(offset, this.#cluster);
      } else if (kind === 'nothing' && (bitmap & 0xffff_ffffn) !== 0n) this.corruptions++;
    }
  }

  #snapshots(): void {
    const start = this.#u64(64n);
    let at = start;
    for (let i = this.#u32(60n); i > 0; i--) {
      const l1 = { offset: this.#u64(at), entries: this.#u32(at + 8n) };
      const extra = this.#u32(at + 36n);
      const names = (this.#u32(at + 12n) >>> 16) + (this.#u32(at + 14n) >>> 16);
      if (this.#version === 3 && extra < 16) this.corruptions++;
      if (l1.offset % this.#cluster !== 0n) this.corruptions++;
      else this.#walkL1(l1, false);
      at += BigInt(Math.ceil((40 + extra + names) / 8) * 8);
    }
    this.#claim(start, at - start);
  }

  #blocks(): void {
    for (let i = 0; i < this.#table.entries; i++) {
      const entry = this.#u64(this.#table.offset + 8n * BigInt(i));
      const offset = entry & ~0x1ffn;
      if ((entry & 0x1ffn) !== 0n || offset % this.#cluster !== 0n || offset >> this.#bits >= BigInt(this.#clusters)) {
        this.corruptions++;
      } else if (offset !== 0n) {
        this.#claim(offset, this.#cluster);
        if (this.#counts.get(Number(offset >> this.#bits)) !== 1n) this.corruptions++;
      }
    }
  }

  /** The refcount on disk; undefined where its block cannot be read. */
  #refcount(cluster: bigint): bigint | undefined {
    const perBlock = (this.#cluster * 8n) / BigInt(this.#width);
    const i = cluster / perBlock;
    if (i >= BigInt(this.#table.entries)) return 0n;
    const block = this.#u64(this.#table.offset + 8n * i) & ~0x1ffn;
    if (block === 0n) return 0n;
    if (block % this.#cluster !== 0n || block + this.#cluster > 2n ** 63n - 2n ** 30n) return undefined;
    const bit = (cluster % perBlock) * BigInt(this.#width);
    if (this.#width < 8) return (this.#byte(block + bit / 8n) >> (bit % 8n)) & ((1n << BigInt(this.#width)) - 1n);
    return this.#u64(block + bit / 8n) >> BigInt(64 - this.#width);
  }

  #compare(): void {
    let highest = 0;
    for (let c = 0; c < this.#clusters; c++) {
      const stored = this.#refcount(BigInt(c));
      const counted = this.#counts.get(c) ?? 0n;
      if (stored === undefined) {
        this.checkErrors++;
        continue;
      }
      if (stored > 0n || counted > 0n) highest = c;
      if (stored < counted) this.corruptions++;
      if (stored > counted) this.leaks++;
    }
    this.imageEndOffset = (highest + 1) * Number(this.#cluster);
  }

  #copied({ offset, entries }: L1): void {
    const check = (entry: bigint): boolean => {
      const stored = this.#refcount((entry & OFFSET) >> this.#bits);
      if (stored !== undefined && (stored === 1n) !== ((entry & COPIED) !== 0n)) this.corruptions++;
      return stored !== undefined;
    };
    for (let i = 0; i < entries; i++) {
      const entry = this.#u64(offset + 8n * BigInt(i));
      if ((entry & OFFSET) === 0n || !check(entry)) continue;
      for (const l2 of this.#entries(entry & OFFSET)) if (this.#kind(l2.entry) === 'cluster') check(l2.entry);
    }
  }
}
