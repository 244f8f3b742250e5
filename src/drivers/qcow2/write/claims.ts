/**
 * Where metadata stands, so that nothing is written over it: QEMU's overlap checks. A bitmap answers for nearly every
 * write; only where it says that something may stand there are the tables themselves looked at.
 *
 *  1. A bit is set for every cluster that a check of the kind looks for; bits that are set for nothing cost time only.
 */
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { PairTable } from './pair-table.ts';

/** In the order in which QEMU looks, with the words it has for them. */
const NAMES = {
  'main-header': 'qcow2_header',
  'active-l1': 'active L1 table',
  'active-l2': 'active L2 table',
  'refcount-table': 'refcount table',
  'refcount-block': 'refcount block',
  'snapshot-table': 'snapshot table',
  'inactive-l1': 'inactive L1 table',
  'inactive-l2': 'inactive L2 table',
  'bitmap-directory': 'bitmap directory',
} as const;

export type ClaimKind = keyof typeof NAMES;

const CONSTANT: readonly ClaimKind[] = [
  'main-header',
  'active-l1',
  'refcount-table',
  'snapshot-table',
  'bitmap-directory',
];
/** Tables of snapshots are not kept in memory: looking into them costs reads. */
const CACHED = (Object.keys(NAMES) as ClaimKind[]).filter((kind) => kind !== 'inactive-l2');
const TEMPLATES: Readonly<Record<string, readonly ClaimKind[]>> = {
  none: [],
  constant: CONSTANT,
  cached: CACHED,
  all: [...CACHED, 'inactive-l2'],
};

/** What is checked, by QEMU's options `overlap-check` (or `.template`) and `overlap-check.KIND`. */
export function checkedKinds(options: Readonly<Record<string, string>> = {}): ReadonlySet<ClaimKind> {
  const template = options['overlap-check'] ?? options['overlap-check.template'] ?? 'cached';
  const kinds = new Set<ClaimKind>(TEMPLATES[template] ?? CACHED);
  for (const kind of Object.keys(NAMES) as ClaimKind[]) {
    const choice = options[`overlap-check.${kind}`];
    if (choice === 'on') kinds.add(kind);
    else if (choice === 'off') kinds.delete(kind);
  }
  return kinds;
}

/** A table that stands in one piece, bytes. */
export interface Claim {
  readonly kind: ClaimKind;
  readonly offset: number;
  readonly length: number;
}

/** What the claims are looked up in. */
export interface Claimed {
  readonly g: { readonly clusterSize: number };
  readonly l1: PairTable;
  readonly refTable: PairTable;
  /** Everything but L2 tables and refcount blocks. */
  pieces(): Iterable<Claim>;
}

/** What of the structures has a bitmap of its own: those that are many, and are written often. */
type Heap = 'active-l2' | 'refcount-block' | 'pieces';

export class Claims {
  readonly #of: Claimed;
  readonly #kinds: ReadonlySet<ClaimKind>;
  readonly #taken: Readonly<Record<Heap, ClusterBitmap>> = {
    'active-l2': new ClusterBitmap(),
    'refcount-block': new ClusterBitmap(),
    pieces: new ClusterBitmap(),
  };

  constructor(of: Claimed, kinds: ReadonlySet<ClaimKind>) {
    this.#of = of;
    this.#kinds = kinds;
    this.refresh();
  }

  /** Looks all structures up again: after one has moved. */
  refresh(): void {
    for (const { offset, length } of this.#of.pieces()) this.add('pieces', offset, length);
    const { l1, refTable, g } = this.#of;
    for (const [heap, table] of [['active-l2', l1] as const, ['refcount-block', refTable] as const]) {
      for (let i = 0; i < table.count; i++) if (table.isSet(i)) this.add(heap, table.at(i), g.clusterSize);
    }
  }

  /** Something stands here from now on. */
  add(heap: Heap, offset: number, length: number): void {
    const { clusterSize } = this.#of.g;
    const first = Math.floor(offset / clusterSize);
    if (length > 0) this.#taken[heap].setRun(first, Math.ceil((offset + length) / clusterSize) - first);
  }

  /** What stands in the bytes, in QEMU's words; `but`: the kind that is being written and may stand there. */
  at(offset: number, length: number, but?: ClaimKind): string | undefined {
    const { clusterSize } = this.#of.g;
    const end = Math.ceil((offset + length) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster < end; cluster++) {
      if (!this.#mayBeTaken(cluster, but)) continue;
      const start = cluster * clusterSize;
      const kind = this.#find(start, (end - cluster) * clusterSize, but);
      if (kind) return NAMES[kind];
      if (but === undefined && !this.#find(start, clusterSize)) {
        for (const bitmap of Object.values(this.#taken)) bitmap.clear(cluster);
      }
    }
    return undefined;
  }

  #mayBeTaken(cluster: number, but: ClaimKind | undefined): boolean {
    const { pieces, 'active-l2': tables, 'refcount-block': blocks } = this.#taken;
    if (pieces.has(cluster)) return true;
    return (but !== 'active-l2' && tables.has(cluster)) || (but !== 'refcount-block' && blocks.has(cluster));
  }

  #find(offset: number, length: number, but?: ClaimKind): ClaimKind | undefined {
    const found = new Set<ClaimKind>();
    const meets = (at: number, size: number): boolean => at < offset + length && at + size > offset;
    for (const piece of this.#of.pieces()) if (meets(piece.offset, piece.length)) found.add(piece.kind);
    const { l1, refTable, g } = this.#of;
    const anyOf = (table: PairTable): boolean => {
      for (let i = 0; i < table.count; i++) {
        const at = table.at(i);
        if (at !== 0 && meets(at, g.clusterSize)) return true;
      }
      return false;
    };
    if (anyOf(l1)) found.add('active-l2');
    if (anyOf(refTable)) found.add('refcount-block');
    for (const kind of Object.keys(NAMES) as ClaimKind[]) {
      if (found.has(kind) && kind !== but && this.#kinds.has(kind)) return kind;
    }
    return undefined;
  }
}
