/**
 * Pieces of a disk whose place is lost, and the places that are free. A piece is what one L2 table maps, or one cluster;
 * which of the two makes no difference here.
 */
import type { Device } from '../device/device.ts';
import type { Disk } from './disk.ts';

/** Clusters that belong together, at known distances from each other. */
export interface Piece {
  /** Byte of the file that tells when it was allocated: of the table, or of the cluster itself. */
  readonly host: number;
  /** Clusters from the piece's start, ascending, and where each stands in the file. */
  readonly slots: Uint32Array;
  readonly hosts: Float64Array;
}

export interface Puzzle {
  readonly device: Device;
  /** Bytes. */
  readonly clusterSize: number;
  /** Guest bytes of one place. */
  readonly span: number;
  /** Guest offsets of free places, ascending. */
  readonly bases: readonly number[];
  /** By ascending `host`. */
  readonly pieces: readonly Piece[];
  /** The disk as far as it is known without them. */
  readonly disk: Disk;
  /** Of neighbours in what is known: how many there are, and how many lie in the file in their order on the disk. */
  readonly order: { readonly pairs: number; readonly ascending: number };
  /** Whether what no piece maps reads as zeros. */
  readonly zerosElsewhere: boolean;
  /** What the pieces are: 'L2 table', 'cluster'. */
  readonly noun: string;
}

export interface Placement {
  /** Index into `pieces`. */
  readonly piece: number;
  readonly base: number;
  readonly confidence: 'high' | 'low';
  readonly evidence: readonly string[];
  /** Other bases it could have. */
  readonly alternatives: readonly number[];
}

/** The disk with the pieces placed so far. */
export class PuzzleDisk implements Disk {
  readonly #puzzle: Puzzle;
  readonly #free: ReadonlySet<number>;
  readonly #placed = new Map<number, Piece>();

  constructor(puzzle: Puzzle) {
    this.#puzzle = puzzle;
    this.#free = new Set(puzzle.bases);
  }

  get size(): number {
    return this.#puzzle.disk.size;
  }

  place(piece: Piece, base: number): void {
    this.#placed.set(base, piece);
  }

  read(guest: number, target: Uint8Array): boolean {
    return this.#read(guest, target, false);
  }

  guess(guest: number, target: Uint8Array): void {
    this.#read(guest, target, true);
  }

  #read(guest: number, target: Uint8Array, guesses: boolean): boolean {
    const { span, clusterSize } = this.#puzzle;
    for (let at = 0; at < target.length; ) {
      const base = Math.floor((guest + at) / span) * span;
      const inCluster = (guest + at) % clusterSize;
      const lost = this.#free.has(base);
      const room = lost ? clusterSize - inCluster : span - ((guest + at) % span);
      const part = target.subarray(at, at + Math.min(room, target.length - at));
      const isKnown = lost ? this.#readPiece(base, guest + at, part) : this.#puzzle.disk.read(guest + at, part);
      if (!isKnown && !guesses) return false;
      if (!isKnown) part.fill(0);
      at += part.length;
    }
    return true;
  }

  #readPiece(base: number, guest: number, target: Uint8Array): boolean {
    const { clusterSize, device, zerosElsewhere } = this.#puzzle;
    const piece = this.#placed.get(base);
    if (!piece) return false;
    const slot = Math.floor((guest - base) / clusterSize);
    const index = slotIndex(piece.slots, slot);
    if (index < 0) {
      target.fill(0);
      return zerosElsewhere;
    }
    device.read((piece.hosts[index] as number) + ((guest - base) % clusterSize), target);
    return true;
  }
}

/** The index of a slot, or -1. */
export function slotIndex(slots: Uint32Array, slot: number): number {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((slots[middle] as number) < slot) low = middle + 1;
    else high = middle;
  }
  return slots[low] === slot ? low : -1;
}
