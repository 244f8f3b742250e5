/**
 * A header that is gone, deduced from the tables: every cluster size is tried, and what agrees best is taken. What is left of
 * the old header is kept where it fits what was found.
 */

import type { Progress } from '../../../bytes/progress.ts';
import { hex, roundUp, sizeText } from '../../../bytes/size.ts';
import { decode, patch } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { overlay } from '../../../device/overlay.ts';
import { isZero } from '../../../device/zeros.ts';
import { ImageError } from '../../../errors.ts';
import type { Disk } from '../../../evidence/disk.ts';
import { sizesOf } from '../../../evidence/sizes.ts';
import type { OpenContext } from '../../driver.ts';
import type { Confidence, Proposal } from '../../rescue.ts';
import { readExtensions } from '../extensions.ts';
import { Qcow2Image } from '../image.ts';
import { HeaderCompression, HeaderV2, HeaderV3, MAGIC, SnapshotEntry } from '../layout.ts';
import { ImageDisk } from './scene.ts';
import { tableSectors } from './sectors.ts';
import { type Shape, shapeOf } from './shape.ts';

const LEAST_BITS = 9;
const MOST_BITS = 21;
/** Below this nothing speaks for an image. */
const ENOUGH = 20;
/** How much better the best cluster size must be than the next. */
const CLEAR = 8;
const ZSTD = 0xfd2f_b528;

export interface FoundHeader {
  readonly score: number;
  readonly proposal: Proposal;
  /** The header cluster as it would be. */
  readonly bytes: Uint8Array;
  /** There is no refcount table: it has to be built. */
  readonly needsRefcounts: boolean;
}

export function* findHeader(device: Device, context: OpenContext): Generator<Progress, FoundHeader | undefined> {
  const like = yield* tableSectors(device);
  const shapes: Shape[] = [];
  for (let bits = LEAST_BITS; bits <= MOST_BITS && 2 ** bits < device.size; bits++) {
    for (const size of bits >= 14 ? ([8, 16] as const) : ([8] as const)) {
      const shape = shapeOf(device, like, bits, size);
      if (shape) shapes.push(shape);
      yield { what: 'trying cluster sizes', done: bits - LEAST_BITS, total: MOST_BITS - LEAST_BITS };
    }
  }
  // Plain entries read as extended ones too, so of equals the plain ones are meant.
  shapes.sort((a, b) => b.score - a.score || a.l2EntrySize - b.l2EntrySize);
  const [best, next] = shapes.filter((shape) => shape.refcounts || shape.l1);
  if (!best || best.score < ENOUGH) return undefined;
  const rival = next?.clusterBits === best.clusterBits ? undefined : next;
  return build(device, context, best, rival && best.score - rival.score < CLEAR ? rival : undefined);
}

function build(device: Device, context: OpenContext, shape: Shape, rival: Shape | undefined): FoundHeader | undefined {
  const clusterSize = 2 ** shape.clusterBits;
  const span = (clusterSize * clusterSize) / shape.l2EntrySize;
  const old = decode(HeaderV2, readBytes(device, 0, HeaderV2.size));
  const evidence = [...shape.evidence];
  const doubts: string[] = [];
  const first = header(device, shape, {
    size: 0,
    l1Entries: Math.max(1, shape.l1?.entries ?? 1),
    snapshots: undefined,
  });
  const image = opened(device, context, first.bytes, { size: Math.max(1, shape.l1?.entries ?? 1) * span });
  if (!image) return undefined;
  const least = lastMapped(image);
  const sized = sizeFrom(device, shape, image, least, span, old.size);
  evidence.push(sized.why);
  if (!sized.isSure) doubts.push('the disk may be larger: nothing found says where it ends');
  if (rival) doubts.push(`clusters of ${sizeText(2 ** rival.clusterBits)}`);
  if (!shape.l1) doubts.push('no L1 table was found: where it stands is a guess');
  const snapshots = snapshotsOf(device, image, shape);
  if (snapshots)
    evidence.push(
      `a table of ${snapshots.count === 1 ? '1 snapshot' : `${snapshots.count} snapshots`} at ${hex(snapshots.offset)}`,
    );
  const l1Entries = Math.max(shape.l1?.entries ?? 1, Math.ceil(sized.size / span), 1);
  const { bytes, isVersion2 } = header(device, shape, { size: sized.size, l1Entries, snapshots });
  if (!opened(device, context, bytes)) return undefined;
  const confidence: Confidence = rival || !shape.l1 || !shape.refcounts || !sized.isSure ? 'low' : 'high';
  const proposal: Proposal = {
    part: 'header',
    what: `header: version ${isVersion2 ? 2 : 3}, clusters of ${sizeText(clusterSize)}, a disk of ${sizeText(sized.size)}, L1 table at ${hex(first.l1Offset)}`,
    host: 0,
    length: bytes.length,
    confidence,
    evidence,
    alternatives: doubts,
    needs: [],
    *apply(to: Device) {
      yield { what: 'header', done: 0, total: bytes.length };
      to.write(0, bytes, 'header');
    },
  };
  return { score: shape.score, proposal, bytes, needsRefcounts: !shape.refcounts };
}

interface Rest {
  readonly size: number;
  readonly l1Entries: number;
  readonly snapshots: { readonly offset: number; readonly count: number } | undefined;
}

/** The bytes of the header: as they stand where they can be true, as they were deduced otherwise. */
function header(
  device: Device,
  shape: Shape,
  rest: Rest,
): { bytes: Uint8Array; l1Offset: number; isVersion2: boolean } {
  const clusterSize = 2 ** shape.clusterBits;
  const stands = readBytes(device, 0, Math.min(clusterSize, 4096));
  const old = decode(HeaderV2, stands);
  const isVersion2 = old.version === 2 && old.magic === MAGIC && shape.l2EntrySize === 8;
  const end = roundUp(device.size, clusterSize);
  const l1Offset = shape.l1?.offset ?? blankFor(device, shape) ?? end;
  const name = keptName(stands, clusterSize, isVersion2 ? HeaderV2.size : HeaderCompression.size);
  const length = isVersion2 ? HeaderV2.size : HeaderCompression.size;
  // Extensions that can still be read stay; anything else behind the header ends with an end marker.
  const area = readExtensions(device, length, name ? name.offset : clusterSize);
  const keeps =
    area.fault === undefined &&
    (isZero(readBytes(device, length, 8)) || area.extensions.length > 0) &&
    isKnown(area.extensions);
  const bytes = stands.slice(0, keeps ? length : length + 8);
  bytes.fill(0);
  patch(HeaderV2, bytes, {
    magic: MAGIC,
    version: isVersion2 ? 2 : 3,
    backing_file_offset: name?.offset ?? 0,
    backing_file_size: name?.length ?? 0,
    cluster_bits: shape.clusterBits,
    size: rest.size,
    l1_size: rest.l1Entries,
    l1_table_offset: l1Offset,
    refcount_table_offset: shape.refcounts?.offset ?? end,
    refcount_table_clusters: shape.refcounts?.clusters ?? 1,
    nb_snapshots: rest.snapshots?.count ?? 0,
    snapshots_offset: rest.snapshots?.offset ?? 0,
  });
  if (isVersion2) return { bytes, l1Offset, isVersion2 };
  const isZstd = usesZstd(device, shape);
  patch(HeaderV3, bytes, {
    incompatible_features: { compression_type: isZstd, extended_l2: shape.l2EntrySize === 16 },
    refcount_order: shape.refcounts?.order ?? 4,
    header_length: length,
  });
  patch(HeaderCompression, bytes, { compression_type: isZstd ? 1 : 0 });
  return { bytes, l1Offset, isVersion2 };
}

const KNOWN = new Set([0xe279_2aca, 0x6803_f857, 0x2385_2875, 0x4441_5441]);

function isKnown(extensions: readonly { readonly type: number }[]): boolean {
  return extensions.every(({ type }) => KNOWN.has(type));
}

/** The backing file's name, where the old header still says where it stands, and it looks like one. */
function keptName(
  stands: Uint8Array,
  clusterSize: number,
  from: number,
): { offset: number; length: number } | undefined {
  const { backing_file_offset: offset, backing_file_size: length } = decode(HeaderV2, stands);
  if (offset < from || length === 0 || length > 1023 || offset + length > Math.min(clusterSize, stands.length))
    return undefined;
  const text = Buffer.from(stands.subarray(offset, offset + length));
  return text.every((byte) => byte >= 0x20 && byte !== 0x7f) ? { offset, length } : undefined;
}

/** Where the L1 table may have been: zeros that are counted, and that nothing leads to, right behind the refcounts. */
function blankFor(device: Device, { refcounts, clusterBits }: Shape): number | undefined {
  if (!refcounts) return undefined;
  const clusterSize = 2 ** clusterBits;
  const block = new DataView(readBytes(device, refcounts.offset, 8).buffer);
  const first = block.getUint32(0) * 2 ** 32 + block.getUint32(4);
  const at = Math.max(refcounts.offset + (refcounts.clusters - 1) * clusterSize, first) + clusterSize;
  return at < device.size && isZero(readBytes(device, at, clusterSize)) ? at : undefined;
}

function opened(
  device: Device,
  context: OpenContext,
  bytes: Uint8Array,
  more?: { readonly size: number },
): Qcow2Image | undefined {
  const copy = bytes.slice();
  if (more) patch(HeaderV2, copy, more);
  try {
    return Qcow2Image.open(overlay(device, 0, copy), context);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** Guest bytes up to the end of the last cluster that has anything. */
function lastMapped(image: Qcow2Image): number {
  let end = 0;
  for (const batch of image.mappings(0, image.size, 'mapped')) {
    if (batch.count === 0) continue;
    const { guest, length } = batch.at(batch.count - 1);
    end = guest + length;
  }
  return end;
}

function sizeFrom(
  device: Device,
  shape: Shape,
  image: Qcow2Image,
  least: number,
  span: number,
  stands: number,
): { size: number; why: string; isSure: boolean } {
  const most = 4_194_304 * span;
  const cluster = 2 ** shape.clusterBits;
  const fits = (size: number): boolean =>
    size > 0 && size % 512 === 0 && roundUp(size, cluster) >= least && size <= most;
  const { magic, cluster_bits, l1_size } = decode(HeaderV2, readBytes(device, 0, HeaderV2.size));
  // What stands in the header counts where something else in it is right too.
  const agrees = magic === MAGIC || cluster_bits === shape.clusterBits || l1_size === Math.ceil(stands / span);
  if (agrees && fits(stands))
    return { size: stands, why: `the size ${sizeText(stands)} still stands in the header`, isSure: true };
  const disk: Disk = new ImageDisk(image);
  for (const { size, why, isSure } of sizesOf(disk)) if (fits(size)) return { size, why, isSure };
  const size = roundUp(Math.max(least, cluster), Math.max(cluster, 512));
  return { size, why: `the last cluster in use ends at ${sizeText(least)}`, isSure: false };
}

/** Whether compressed clusters begin as zstd does. */
function usesZstd(device: Device, { tables, l2EntrySize, clusterBits }: Shape): boolean {
  for (const [at, { used, slots }] of tables) {
    if (used === slots.length) continue;
    const view = new DataView(readBytes(device, at, 2 ** clusterBits).buffer);
    for (let i = 0; i < view.byteLength; i += l2EntrySize) {
      const hi = view.getUint32(i);
      if (hi >>> 30 !== 1) continue;
      const offset = (hi & (2 ** (38 - clusterBits) - 1)) * 2 ** 32 + view.getUint32(i + 4);
      return new DataView(readBytes(device, offset, 4).buffer).getUint32(0, true) === ZSTD;
    }
  }
  return false;
}

/** A cluster that nothing leads to and that reads as a snapshot table from its first byte. */
function snapshotsOf(device: Device, image: Qcow2Image, { clusterBits }: Shape): Rest['snapshots'] {
  const clusterSize = 2 ** clusterBits;
  for (const { role, offset, length } of image.regions()) {
    if (role !== 'leaked') continue;
    for (let at = offset; at < offset + length; at += clusterSize) {
      const count = countSnapshots(device, at, clusterSize);
      if (count > 0) return { offset: at, count };
    }
  }
  return undefined;
}

function countSnapshots(device: Device, from: number, clusterSize: number): number {
  let count = 0;
  for (let at = from; count < 65_536; count++) {
    const entry = decode(SnapshotEntry, readBytes(device, at, SnapshotEntry.size));
    const { l1_table_offset: l1, l1_size, id_str_size, name_size, extra_data_size } = entry;
    const isPlace = l1 > 0 && l1 % clusterSize === 0 && l1 + l1_size * 8 <= roundUp(device.size, clusterSize);
    if (!isPlace || l1_size === 0 || id_str_size === 0 || id_str_size > 64 || name_size > 1024) break;
    if (extra_data_size > 1024) break;
    const id = readBytes(device, at + SnapshotEntry.size + extra_data_size, id_str_size);
    if (!id.every((byte) => byte >= 0x30 && byte <= 0x39)) break;
    at += roundUp(SnapshotEntry.size + extra_data_size + id_str_size + name_size, 8);
  }
  return count;
}
