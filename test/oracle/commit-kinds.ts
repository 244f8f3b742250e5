/** The kinds of commit that tests stop, fail and fill the disk under: by order alone, by journal, with a rollback file. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { create, io, map } from '../support/qemu.ts';
import type { Format } from './conversion.ts';

export interface CommitKind {
  readonly says: string;
  readonly format: Format;
  /** What is typed before `commit`. */
  readonly lines: readonly string[];
  readonly keep: boolean;
}

export const CLUSTER = 4096;

/** A small image of several L2 tables, fragmented, with zero clusters and with zeros for data, which a file may have as holes. */
export function makeImage(path: string, format: Format): void {
  create(path, format, '8M', { options: { cluster_size: CLUSTER } });
  io(path, format, [
    'write -q -P 1 6M 64k',
    'write -q -P 2 0 40k',
    'write -q -z 8k 4k',
    'write -q -P 3 4M 4k',
    'write -q -P 0 5M 8k',
  ]);
}

/** All kinds, for an image that `makeImage` made of that format. */
export function kindsOf(path: string, format: Format): CommitKind[] {
  const hostOf = (guest: number): number => {
    const row = map(path, format).find(({ start, length }) => start <= guest && guest < start + length);
    return (row?.offset as number) + guest - (row?.start as number);
  };
  const [host, zeros] = [hostOf(0), hostOf(5 * 2 ** 20)];
  const end = Math.ceil(statSync(path).size / CLUSTER) * CLUSTER;
  // A cluster moved by hand: appended data, tables overwritten in place; and data over zeros.
  const moved = [
    `copy ${host} ${zeros} ${CLUSTER}`,
    `copy ${host} ${end} ${CLUSTER}`,
    `set l2[0][0] ${end}${format === 'qcow2' ? ' copied' : ''}`,
    ...(format === 'qcow2'
      ? [`set refcount[${end / CLUSTER}] 1`, `set refcount[${host / CLUSTER}] 0`]
      : [`copy ${host + CLUSTER} ${host + 2 * CLUSTER} 1k`]),
  ];
  const convert = [`convert-inplace ${format === 'qcow2' ? 'qed' : 'qcow2'}`];
  return [false, true].flatMap((keep) => [
    { says: `${format} converted`, format, lines: convert, keep },
    { says: `a cluster of ${format} moved`, format, lines: moved, keep },
  ]);
}

/** What lies beside the image, by the ending of its name: `.platter-journal`. */
export function beside(path: string): string[] {
  if (!existsSync(dirname(path))) return [];
  const name = basename(path);
  return readdirSync(dirname(path)).flatMap((other) =>
    other.startsWith(`${name}.`) ? [other.slice(name.length)] : [],
  );
}
