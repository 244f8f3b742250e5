/** Whether a cluster can be an L2 table: every entry keeps every rule, and no two lead to the same cluster. */
import { L2Entry } from '../layout.ts';

/** What has to be known of an image to tell. Bytes. */
export interface TableRules {
  readonly clusterSize: number;
  readonly clusterBits: number;
  readonly l2EntrySize: 8 | 16;
  readonly version: 2 | 3;
  readonly fileSize: number;
}

export interface LookedAt {
  /** Entries of plain data clusters, ascending, and where each cluster stands. */
  readonly slots: Uint32Array;
  readonly hosts: Float64Array;
  /** Entries that are not zero, of any kind, and those of them with the COPIED bit. */
  readonly used: number;
  readonly copied: number;
  /** The last entry that is not zero. */
  readonly last: number;
}

const RESERVED_HI = L2Entry.reserved.hi;
const RESERVED_LO = L2Entry.reserved.lo;
const OFFSET_HI = L2Entry.mask.offset.hi;
const COMPRESSED = 0x4000_0000;

/** Undefined for what is no table, and for a cluster of zeros. */
export function lookAtTable(bytes: Uint8Array, rules: TableRules): LookedAt | undefined {
  const { clusterSize, l2EntrySize, version, fileSize } = rules;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / l2EntrySize;
  const slots: number[] = [];
  const hosts: number[] = [];
  const seen = new Set<number>();
  let used = 0;
  let copied = 0;
  let last = -1;
  for (let slot = 0, at = 0; slot < count; slot++, at += l2EntrySize) {
    const hi = view.getInt32(at);
    const lo = view.getInt32(at + 4);
    const zeros = l2EntrySize === 16 ? view.getInt32(at + 8) : 0;
    const allocated = l2EntrySize === 16 ? view.getInt32(at + 12) : 0;
    if ((hi | lo | zeros | allocated) === 0) continue;
    used++;
    last = slot;
    if ((hi & COMPRESSED) !== 0) {
      if (hi < 0 || (zeros | allocated) !== 0 || !isStream(hi, lo, rules)) return undefined;
      continue;
    }
    if (((hi & RESERVED_HI) | (lo & RESERVED_LO)) !== 0) return undefined;
    const isZero = (lo & 1) !== 0;
    if (isZero && (version < 3 || l2EntrySize === 16)) return undefined;
    if ((zeros & allocated) !== 0) return undefined;
    const host = (hi & OFFSET_HI) * 2 ** 32 + ((lo & ~511) >>> 0);
    if (host % clusterSize !== 0 || host >= fileSize) return undefined;
    if (hi < 0) copied++;
    if (host === 0) {
      // Nothing but the zero flag, or bits of subclusters that read as zeros.
      if (hi < 0 || allocated !== 0 || (l2EntrySize === 8 && !isZero)) return undefined;
      continue;
    }
    if (seen.has(host)) return undefined;
    seen.add(host);
    if (isZero || (l2EntrySize === 16 && allocated === 0)) continue;
    slots.push(slot);
    hosts.push(host);
  }
  if (used === 0) return undefined;
  return { slots: Uint32Array.from(slots), hosts: Float64Array.from(hosts), used, copied, last };
}

function isStream(hi: number, lo: number, { clusterBits, fileSize, clusterSize }: TableRules): boolean {
  const bits = 70 - clusterBits - 32;
  const offset = (hi & (2 ** bits - 1)) * 2 ** 32 + (lo >>> 0);
  return offset >= clusterSize && offset < fileSize;
}
