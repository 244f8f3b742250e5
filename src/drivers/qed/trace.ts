/** The way of one guest byte through a QED image, stop by stop: L1 entry, L2 entry, the byte in the file. */

import type { Hop } from '../../bytes/field.ts';
import { fieldOf, type Leaf, resolve } from '../../bytes/fields/tree.ts';
import { hex } from '../../bytes/size.ts';
import type { QedFields } from './fields.ts';
import type { QedImage } from './image.ts';

/** Throws ImageError `past-end` at or behind the disk's end. `guest` in bytes. */
export function trace(image: QedImage, tree: QedFields, guest: number): readonly Hop[] {
  const extent = image.getMapping(guest);
  const { clusterSize, tableEntries } = image.geometry;
  const cluster = Math.floor(guest / clusterSize);
  const slot = Math.floor(cluster / tableEntries);
  const index = cluster % tableEntries;
  const table = tree.l2Offset(slot);
  const l1 = hop(tree, 'L1 entry', `l1[${slot}]`);
  const which = `slot ${slot} of ${tableEntries}`;
  if (typeof table !== 'number') {
    if (extent.kind === 'invalid') return [{ ...l1, says: `${which}: ${extent.fault}` }];
    return [{ ...l1, says: `${which}: unallocated, there is no L2 table` }, hole(image)];
  }
  const l2 = hop(tree, 'L2 entry', `l2[${slot}][${index}]`);
  const entry = `entry ${index} of ${tableEntries}`;
  const first = { ...l1, says: `${which}: its L2 table is at ${hex(table)}` };
  const { kind, host } = extent;
  if (kind === 'data' && host !== undefined) {
    const inCluster = host % clusterSize;
    const start = hex(host - inCluster);
    const data = {
      title: 'data',
      host,
      length: Math.min(clusterSize - inCluster, extent.length, image.device.size - host),
      says: `byte ${hex(inCluster)} of the cluster at ${start}`,
    };
    return [first, { ...l2, says: `${entry}: the cluster at ${start}` }, data];
  }
  if (kind === 'zero') {
    const end = { title: 'zeros', says: 'the way ends here: nothing is stored' };
    return [first, { ...l2, says: `${entry}: reads as zeros` }, end];
  }
  if (kind === 'invalid') return [first, { ...l2, says: `${entry}: ${extent.fault}` }];
  return [first, { ...l2, says: `${entry}: unallocated` }, hole(image)];
}

function hop(tree: QedFields, title: string, path: string): Omit<Hop, 'says'> {
  const field = fieldOf(resolve(tree.root, path, tree.read).node as Leaf, path, tree.read);
  return { title, host: field.offset, length: field.size, field };
}

function hole({ backing }: QedImage): Hop {
  if (!backing) return { title: 'hole', says: 'the way ends here: nothing is stored, and it reads as zeros' };
  return { title: 'backing file', says: `the way leads out of the image, to the backing file '${backing.file}'` };
}
