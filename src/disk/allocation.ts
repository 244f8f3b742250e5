/**
 * What an image itself says of guest bytes, and what it leaves to its backing file: QEMU's "allocated". Zeros that an
 * entry of the image states are allocated, with host space or without.
 */
import {
  type ExtentColumns,
  INVALID,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../bytes/extents.ts';
import type { Image } from '../drivers/driver.ts';
import { invalidEntry } from '../drivers/guest-io.ts';

export interface AllocationRun {
  readonly allocated: boolean;
  /** Bytes. */
  readonly length: number;
}

/** The maximal run at `offset` (bytes), not beyond `to`. Throws ImageError `invalid-entry` where nothing can be told. */
export function allocationAt(image: Image, offset: number, to: number): AllocationRun {
  let allocated: boolean | undefined;
  for (const row of rows(image, offset, to)) {
    if (row.kind === INVALID) {
      if (allocated === undefined) throw invalidEntry(image, row.from, 'told');
      return { allocated, length: row.from - offset };
    }
    const its = !isLeftToBacking(row.kind);
    if (allocated !== undefined && its !== allocated) return { allocated, length: row.from - offset };
    allocated = its;
  }
  return { allocated: allocated ?? false, length: to - offset };
}

/** Whether a range (bytes) of the first image reads as zeros, from mappings alone: zeros that are stored are not seen. */
export function readsAsZeros(images: readonly Image[], from: number, to: number): boolean {
  const [image, ...below] = images;
  if (!image || from >= Math.min(to, image.size)) return true;
  for (const row of rows(image, from, Math.min(to, image.size))) {
    if (row.kind === ZERO || row.kind === ZERO_ALLOCATED) continue;
    if (!isLeftToBacking(row.kind) || !readsAsZeros(below, row.from, row.to)) return false;
  }
  return true;
}

/**
 * The first guest byte of `from` .. `to` - 1 that no image of the chain says anything about; undefined: there is none.
 * What lies behind the end of a shorter image below is known: zeros.
 */
export function firstUnheld(images: readonly Image[], from: number, to: number): number | undefined {
  const [image, ...below] = images;
  if (!image) return from < to ? from : undefined;
  for (const row of rows(image, from, Math.min(to, image.size))) {
    const unheld = isLeftToBacking(row.kind) ? firstUnheld(below, row.from, row.to) : undefined;
    if (unheld !== undefined) return unheld;
  }
  return undefined;
}

function isLeftToBacking(kind: number): boolean {
  return kind === UNALLOCATED || kind === UNALLOCATED_ALLOCATED;
}

/** The rows of `from` .. `to` - 1, in bytes, cut to it. */
function* rows(image: Image, from: number, to: number): Generator<{ kind: number; from: number; to: number }> {
  if (from >= to) return;
  for (const columns of image.mappings(from, to)) yield* rowsOf(columns, from, to);
}

function* rowsOf(
  columns: ExtentColumns,
  from: number,
  to: number,
): Generator<{ kind: number; from: number; to: number }> {
  const { unit } = columns;
  for (let i = 0; i < columns.count; i++) {
    const start = Math.max((columns.guest[i] as number) * unit, from);
    const end = Math.min(((columns.guest[i] as number) + (columns.length[i] as number)) * unit, to);
    if (start < end) yield { kind: columns.kind[i] as number, from: start, to: end };
  }
}
