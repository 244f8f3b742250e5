/**
 * The way of one guest byte through a qcow2 image, stop by stop: L1 entry, L2 entry, the byte in the file, and the
 * refcount of the cluster it is in. What an entry means is entry.ts's to say.
 */

import type { Extent } from '../../bytes/extents.ts';
import type { Hop } from '../../bytes/field.ts';
import { fieldOf, type Leaf, resolve } from '../../bytes/fields/tree.ts';
import { hex } from '../../bytes/size.ts';
import type { Qcow2Fields } from './fields.ts';
import type { Qcow2Image } from './image.ts';

/** Throws ImageError `past-end` at or behind the disk's end. `guest` in bytes. */
export function trace(image: Qcow2Image, tree: Qcow2Fields, guest: number): readonly Hop[] {
  const extent = image.getMapping(guest);
  const { clusterSize, l2Entries, l1Entries } = image.geometry;
  const cluster = Math.floor(guest / clusterSize);
  const slot = Math.floor(cluster / l2Entries);
  const index = cluster % l2Entries;
  const table = tree.l2Offset(tree.active, slot);
  const l1 = hop(tree, 'L1 entry', `l1[${slot}]`);
  const which = `slot ${slot} of ${l1Entries}`;
  if (typeof table !== 'number') {
    if (extent.kind === 'invalid') return [{ ...l1, says: `${which}: ${extent.fault}` }];
    return [{ ...l1, says: `${which}: unallocated, there is no L2 table` }, hole(image)];
  }
  const l2 = hop(tree, 'L2 entry', `l2[${slot}][${index}]`);
  return [
    { ...l1, says: `${which}: its L2 table is at ${hex(table)}` },
    { ...l2, says: `entry ${index} of ${l2Entries}: ${entrySays(image, extent, guest)}` },
    ...ending(image, tree, extent),
  ];
}

function hop(tree: Qcow2Fields, title: string, path: string): Omit<Hop, 'says'> {
  const field = fieldOf(resolve(tree.root, path, tree.read).node as Leaf, path, tree.read);
  return { title, host: field.offset, length: field.size, field };
}

function entrySays({ geometry: { clusterSize, l2EntrySize } }: Qcow2Image, extent: Extent, guest: number): string {
  const part = l2EntrySize === 16 ? `subcluster ${Math.floor((guest % clusterSize) / (clusterSize / 32))} ` : '';
  const at = extent.host === undefined ? '' : hex(extent.host - (guest % clusterSize));
  switch (extent.kind) {
    case 'data':
    case 'encrypted':
      return `${part}in the cluster at ${at}${extent.kind === 'encrypted' ? ', encrypted' : ''}`;
    case 'zero':
      return `${part}reads as zeros, and has no place in the file`;
    case 'zero-allocated':
      return `${part}reads as zeros; the cluster at ${at} is kept for it`;
    case 'unallocated':
      return `${part}unallocated`;
    case 'unallocated-allocated':
      return `${part}unallocated; the cluster at ${at} is kept for it`;
    case 'compressed':
      return `compressed, the stream begins at ${hex(extent.host ?? 0)}`;
    case 'invalid':
      return extent.fault ?? 'invalid';
  }
}

/** What follows the L2 entry. */
function ending(image: Qcow2Image, tree: Qcow2Fields, extent: Extent): Hop[] {
  const { kind, host } = extent;
  if (kind === 'invalid') return [];
  if (kind === 'unallocated') return [hole(image)];
  if (kind === 'zero' || host === undefined) return [{ title: 'zeros', says: 'the way ends here: nothing is stored' }];
  // Clusters of an external data file have no refcounts.
  const refcounts = image.dataFile ? [] : counted(image, tree, host, 1);
  if (kind === 'unallocated-allocated') return [hole(image), ...refcounts];
  if (kind === 'zero-allocated') {
    return [{ title: 'zeros', says: 'the way ends here: what is stored in the cluster is not read' }, ...refcounts];
  }
  if (image.dataFile) {
    const name =
      image.dataFile.file === '' ? 'the external data file' : `the external data file '${image.dataFile.file}'`;
    return [{ title: 'data file', says: `byte ${hex(host)} of ${name}` }];
  }
  if (kind === 'compressed') {
    const length = Math.min(extent.hostLength ?? 0, image.device.size - host);
    const says = `a compressed stream of at most ${extent.hostLength} bytes, which holds the whole cluster`;
    return [{ title: 'compressed data', host, length, says }, ...counted(image, tree, host, length)];
  }
  const inCluster = image.clusterSize - (host % image.clusterSize);
  const length = Math.max(0, Math.min(inCluster, extent.length, image.device.size - host));
  const says = `byte ${hex(host % image.clusterSize)} of the cluster at ${hex(host - (host % image.clusterSize))}`;
  return [{ title: 'data', host, length, says }, ...refcounts];
}

function hole({ backing }: Qcow2Image): Hop {
  if (!backing) return { title: 'hole', says: 'the way ends here: nothing is stored, and it reads as zeros' };
  return { title: 'backing file', says: `the way leads out of the image, to the backing file '${backing.file}'` };
}

/** The refcount of each cluster that the bytes touch: one, or two of a compressed stream. */
function counted(image: Qcow2Image, tree: Qcow2Fields, host: number, length: number): Hop[] {
  const { clusterSize } = image;
  const hops: Hop[] = [];
  for (let cluster = Math.floor(host / clusterSize); cluster * clusterSize < host + Math.max(length, 1); cluster++) {
    const node = tree.refcounts().at(cluster);
    if (node.kind === 'leaf') {
      const field = fieldOf(node, `refcount[${cluster}]`, tree.read);
      const says = `cluster ${cluster} is referred to ${field.text === '1' ? 'once' : `${field.text} times`}`;
      hops.push({ title: 'refcount', host: field.offset, length: field.size, field, says });
    } else {
      hops.push({ title: 'refcount', says: `of cluster ${cluster}: ${node.kind === 'missing' ? node.why : ''}` });
    }
  }
  return hops;
}
