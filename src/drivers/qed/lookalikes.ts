/**
 * What looks like a structure of QED, from its bytes alone. A table is one whose every entry is allowed and leads to a
 * cluster of the file; an L1 table is told by what it leads to. Data can look so by chance.
 */
import { sizeText } from '../../bytes/size.ts';
import { decode } from '../../bytes/struct.ts';
import type { Haystack, Lookalike } from '../driver.ts';
import { QedImage } from './image.ts';
import { Header, LIMITS, MAGIC, ZERO_CLUSTER } from './layout.ts';

/** Entries of a table that are followed, to see what they lead to. */
const FOLLOWED = 4;

export function lookalikes(haystack: Haystack): readonly Lookalike[] {
  const shape = shapeOf(haystack);
  return shape ? [HEADER, ...tables(shape)] : [HEADER];
}

const HEADER: Lookalike = {
  name: 'header',
  doc: 'a QED header',
  length: 512,
  align: 512,
  judge(bytes) {
    if (bytes[0] !== 0x51 || bytes[1] !== 0x45) return undefined;
    const { magic, cluster_size, table_size, image_size } = decode(Header, bytes.subarray(0, Header.size));
    if (magic !== MAGIC) return undefined;
    return `disk of ${sizeText(image_size)}, clusters of ${sizeText(cluster_size)}, tables of ${table_size} clusters`;
  },
};

interface Shape {
  readonly fileSize: number;
  readonly clusterSize: number;
  readonly tableBytes: number;
}

function shapeOf({ fileSize, image, clusterSize }: Haystack): Shape | undefined {
  if (image instanceof QedImage) {
    const { geometry: g } = image;
    return { fileSize, clusterSize: g.clusterSize, tableBytes: g.tableBytes };
  }
  if (clusterSize === undefined || clusterSize < LIMITS.minCluster) return undefined;
  // How many clusters a table has is not known: each looks like a table of its own.
  return { fileSize, clusterSize, tableBytes: clusterSize };
}

function tables(shape: Shape): Lookalike[] {
  const { clusterSize: align, tableBytes: length } = shape;
  return [
    {
      name: 'l1',
      doc: 'an L1 table: entries that lead to L2 tables',
      length,
      align,
      judge(bytes, _, around) {
        const found = entries(shape, bytes);
        return found && isL1(shape, found, around) ? `${words(found)}, to L2 tables` : undefined;
      },
    },
    {
      name: 'l2',
      doc: 'an L2 table: entries that lead to clusters of the file',
      length,
      align,
      judge(bytes, _, around) {
        const found = entries(shape, bytes);
        if (!found) return undefined;
        const rather = isL1(shape, found, around) ? '; what they hold looks like L2 tables, so rather an L1 table' : '';
        return words(found) + rather;
      },
    },
  ];
}

interface Entries {
  readonly offsets: readonly number[];
  readonly zeros: number;
}

function entries({ fileSize, clusterSize }: Shape, bytes: Uint8Array): Entries | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets: number[] = [];
  let zeros = 0;
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    if (value === 0) continue;
    if (value === ZERO_CLUSTER) zeros++;
    else if (value % clusterSize !== 0 || value >= fileSize) return undefined;
    else offsets.push(value);
  }
  return offsets.length > 0 ? { offsets, zeros } : undefined;
}

function isL1(shape: Shape, { offsets, zeros }: Entries, around: Parameters<Lookalike['judge']>[2]): boolean {
  if (zeros > 0) return false;
  return offsets.slice(0, FOLLOWED).every((to) => entries(shape, around(to, shape.tableBytes)) !== undefined);
}

function words({ offsets, zeros }: Entries): string {
  const n = offsets.length;
  return `${n} ${n === 1 ? 'entry' : 'entries'}${zeros > 0 ? `, ${zeros} of zeros` : ''}`;
}
