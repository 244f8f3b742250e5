/**
 * What looks like a structure of qcow2, from its bytes alone. A table is one whose every entry is allowed and leads to
 * a cluster of the file; an L1 table and a refcount table are told by what they lead to. Data can look so by chance.
 */
import { sizeText } from '../../bytes/size.ts';
import { decode } from '../../bytes/struct.ts';
import type { Haystack, Lookalike } from '../driver.ts';
import { compressedRange } from './geometry.ts';
import { Qcow2Image } from './image.ts';
import { HeaderCompression, HeaderV2, MAGIC } from './layout.ts';

/** Entries of a table that are followed, to see what they lead to. */
const FOLLOWED = 4;
/** A refcount above this is one of many snapshots, or no refcount. */
const LIKELY_COUNT = 256;

export function lookalikes(haystack: Haystack): readonly Lookalike[] {
  const shape = shapeOf(haystack);
  return shape ? [HEADER, ...tables(shape)] : [HEADER];
}

const HEADER: Lookalike = {
  name: 'header',
  doc: 'a qcow2 header',
  length: 512,
  align: 512,
  judge(bytes) {
    if (bytes[0] !== 0x51 || bytes[1] !== 0x46) return undefined;
    const { magic, version, cluster_bits, size } = decode(HeaderV2, bytes.subarray(0, HeaderCompression.size));
    if (magic !== MAGIC || version < 2) return undefined;
    const clusters = cluster_bits >= 9 && cluster_bits <= 21 ? sizeText(2 ** cluster_bits) : `2^${cluster_bits} bytes`;
    return `version ${version}, disk of ${sizeText(size)}, clusters of ${clusters}`;
  },
};

interface Shape {
  readonly fileSize: number;
  readonly clusterSize: number;
  /** 32-bit words of an L2 entry. */
  readonly l2Words: number;
  readonly refcountBits: number;
}

function shapeOf({ fileSize, image, clusterSize }: Haystack): Shape | undefined {
  if (image instanceof Qcow2Image) {
    const { geometry: g } = image;
    return {
      fileSize,
      clusterSize: g.clusterSize,
      l2Words: g.l2EntrySize / 4,
      refcountBits: 2 ** g.refcountOrder,
    };
  }
  if (clusterSize === undefined || clusterSize < 512) return undefined;
  return { fileSize, clusterSize, l2Words: 2, refcountBits: 16 };
}

function tables(shape: Shape): Lookalike[] {
  const { clusterSize } = shape;
  const one = (name: string, doc: string, judge: Lookalike['judge']): Lookalike => {
    return { name, doc, length: clusterSize, align: clusterSize, judge };
  };
  return [
    one('l1', 'an L1 table, or a part of one: entries that lead to L2 tables', (bytes, _, around) => {
      const found = l1Entries(shape, bytes);
      return found && leadsTo(found, (to) => l2Entries(shape, around(to, clusterSize)) !== undefined)
        ? `${count(found.length, 'entry', 'entries')}, to L2 tables`
        : undefined;
    }),
    one('l2', 'an L2 table: entries that lead to clusters of the file', (bytes, _, around) => {
      const found = l2Entries(shape, bytes);
      if (!found) return undefined;
      const { data, zeros, compressed } = found;
      const parts = [
        count(data, 'cluster', 'clusters'),
        ...(compressed > 0 ? [`${compressed} compressed`] : []),
        ...(zeros > 0 ? [`${zeros} of zeros`] : []),
      ];
      const l1 = l1Entries(shape, bytes);
      const isL1 = l1 && leadsTo(l1, (to) => l2Entries(shape, around(to, clusterSize)) !== undefined);
      return parts.join(', ') + (isL1 ? '; what they hold looks like L2 tables, so rather an L1 table' : '');
    }),
    one('refcount-table', 'a refcount table: entries that lead to refcount blocks', (bytes, _, around) => {
      const found = pointers(shape, bytes, 0);
      return found && leadsTo(found, (to) => refcounts(shape, around(to, clusterSize)) !== undefined)
        ? `${count(found.length, 'entry', 'entries')}, to refcount blocks`
        : undefined;
    }),
    one('refcount-block', 'a refcount block: small counters, most of them 1', (bytes) => {
      const found = refcounts(shape, bytes);
      return found && `${count(found.used, 'cluster', 'clusters')} in use, the highest count is ${found.highest}`;
    }),
  ];
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

function leadsTo(offsets: readonly number[], is: (offset: number) => boolean): boolean {
  return offsets.slice(0, FOLLOWED).every(is);
}

const COPIED = 0x8000_0000 | 0;
const COMPRESSED = 0x4000_0000;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function l1Entries(shape: Shape, bytes: Uint8Array): number[] | undefined {
  return pointers(shape, bytes, COPIED);
}

/** Where the entries lead; undefined where one of them is not allowed, or none leads anywhere. */
function pointers({ fileSize, clusterSize }: Shape, bytes: Uint8Array, allowed: number): number[] | undefined {
  const view = viewOf(bytes);
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const hi = view.getInt32(at);
    const lo = view.getUint32(at + 4);
    if (hi === 0 && lo === 0) continue;
    if ((hi & ~(allowed | 0x00ff_ffff)) !== 0) return undefined;
    const offset = (hi & 0x00ff_ffff) * 2 ** 32 + lo;
    if (offset === 0 || offset % clusterSize !== 0 || offset >= fileSize) return undefined;
    found.push(offset);
  }
  return found.length > 0 ? found : undefined;
}

interface L2Found {
  readonly data: number;
  readonly zeros: number;
  readonly compressed: number;
}

function l2Entries({ fileSize, clusterSize, l2Words }: Shape, bytes: Uint8Array): L2Found | undefined {
  const view = viewOf(bytes);
  const clusterBits = Math.log2(clusterSize);
  let [data, zeros, compressed] = [0, 0, 0];
  for (let at = 0; at + 8 <= bytes.length; at += l2Words * 4) {
    const hi = view.getInt32(at);
    const lo = view.getUint32(at + 4);
    if (hi === 0 && lo === 0) continue;
    if ((hi & COMPRESSED) !== 0) {
      if ((hi & COPIED) !== 0 || compressedRange({ clusterBits }, hi, lo | 0).offset >= fileSize) return undefined;
      compressed++;
      continue;
    }
    const isZero = (lo & 1) === 1;
    if ((hi & 0x3f00_0000) !== 0 || (lo & 0x1fe) !== 0 || (isZero && l2Words === 4)) return undefined;
    const offset = (hi & 0x00ff_ffff) * 2 ** 32 + lo - (lo & 1);
    if (offset % clusterSize !== 0 || offset >= fileSize) return undefined;
    if (offset === 0 && !isZero) return undefined;
    if (isZero) zeros++;
    else data++;
  }
  // Zeros alone are a file of ones as likely as a table.
  return data + compressed > 0 ? { data, zeros, compressed } : undefined;
}

/** Counters of fewer than 16 bits are like any bytes. */
function refcounts({ refcountBits }: Shape, bytes: Uint8Array): { used: number; highest: number } | undefined {
  if (refcountBits < 16) return undefined;
  const view = viewOf(bytes);
  const size = refcountBits / 8;
  let [used, highest, ones] = [0, 0, 0];
  for (let at = 0; at < bytes.length; at += size) {
    const high = size === 8 ? view.getUint32(at) : 0;
    const value = size === 2 ? view.getUint16(at) : view.getUint32(at + size - 4);
    if (high > 0 || value > LIKELY_COUNT) return undefined;
    if (value === 0) continue;
    used++;
    if (value === 1) ones++;
    highest = Math.max(highest, value);
  }
  return used > 0 && ones * 2 >= used ? { used, highest } : undefined;
}
