/** Clues of every kind in a cluster, and the file systems of a disk as far as it is known. */
import type { Clue, Disk, Partition, Volume } from './disk.ts';
import { extClue, extVolume } from './ext.ts';
import { fatClues, fatVolume } from './fat.ts';
import { ntfsClues, ntfsVolume } from './ntfs.ts';
import { partitionClue, partitionsOf } from './partitions.ts';

const SECTOR = 512;

/** What in the cluster says where it lies, sector by sector. */
export function cluesIn(cluster: Uint8Array): Clue[] {
  const clues: Clue[] = [];
  for (let at = 0; at + SECTOR <= cluster.length; at += SECTOR) {
    const sector = cluster.subarray(at, at + SECTOR);
    if (cluster[at + 510] === 0x55 && cluster[at + 511] === 0xaa) {
      const ntfs = ntfsClues(sector, at);
      const fat = ntfs.length > 0 ? [] : fatClues(sector, at);
      clues.push(...ntfs, ...fat);
      const table = ntfs.length + fat.length > 0 ? undefined : partitionClue(sector, at);
      if (table) clues.push(table);
    } else if (cluster[at] === 0x45) {
      const gpt = partitionClue(sector, at);
      if (gpt) clues.push(gpt);
    }
    if (cluster[at + 56] === 0x53 && cluster[at + 57] === 0xef && at + 1024 <= cluster.length) {
      const ext = extClue(cluster.subarray(at, at + 1024), at);
      if (ext) clues.push(ext);
    }
  }
  return clues;
}

/** Partitions of the disk, or the whole of it where it has none that can be read. */
export function partsOf(disk: Disk): readonly Partition[] {
  const partitions = partitionsOf(disk);
  return partitions.length > 0 ? partitions : [{ start: 0, length: disk.size, name: 'the disk' }];
}

/** Where partitions begin that no table tells of: at once, at the first mebibyte, or behind one track. */
export const USUAL_STARTS = [0, 2048 * SECTOR, 63 * SECTOR] as const;

/** File systems that can be read where they must be, or where something else said that they begin (bytes). */
export function volumesOf(disk: Disk, starts: Iterable<number> = []): Volume[] {
  const parts = partsOf(disk);
  const known = new Set(parts.map(({ start }) => start));
  const others = [...new Set(starts)].filter((start) => !known.has(start));
  const all = [...parts, ...others.map((start) => ({ start, length: disk.size - start, name: 'a file system' }))];
  return all.flatMap(({ start, length }) => {
    const end = Math.min(length, disk.size - start);
    if (end < 4096) return [];
    const found = ntfsVolume(disk, start, end) ?? extVolume(disk, start) ?? fatVolume(disk, start, end);
    return found ? [found] : [];
  });
}
