/**
 * What the pieces' content says about their places, gathered until nothing new is learned: a placed piece may hold the
 * table that tells what another one is.
 */
import type { Progress } from '../bytes/progress.ts';
import { type Device, readBytes } from '../device/device.ts';
import { isZero } from '../device/zeros.ts';
import type { Claim, Clue, Volume } from './disk.ts';
import type { Solution } from './place.ts';
import type { Piece, Placement, Puzzle } from './puzzle.ts';
import { cluesIn, partsOf, USUAL_STARTS, volumesOf } from './volumes.ts';

const STRONG = 10;
const WEAK = 2;
/** A block of a file system may be this long, bytes. */
const WINDOW = 4096;
/** Sentences kept of each place. */
const MOST_EVIDENCE = 3;
/** Clues kept of all pieces. */
const MOST_CLUES = 100_000;
/** Bytes looked at between two reports. */
const STEP = 2 ** 22;

interface FoundClue extends Clue {
  readonly piece: number;
  readonly slot: number;
}

interface Vote {
  weight: number;
  readonly evidence: string[];
}

type Votes = Map<number, Vote>;

export interface Round {
  readonly fresh: readonly Placement[];
  /** File systems that can be read with what is placed so far. */
  readonly volumes: readonly Volume[];
}

export class ContentVotes {
  readonly #puzzle: Puzzle;
  readonly #clues: readonly FoundClue[];
  /** What was known when the pieces were last compared with file systems. */
  #seen = '';

  private constructor(puzzle: Puzzle, clues: readonly FoundClue[]) {
    this.#puzzle = puzzle;
    this.#clues = clues;
  }

  static *of(puzzle: Puzzle): Generator<Progress, ContentVotes> {
    return new ContentVotes(puzzle, yield* findClues(puzzle));
  }

  /** What the content says of pieces without a place. */
  *round(solution: Solution): Generator<Progress, Round> {
    const puzzle = this.#puzzle;
    const votes = puzzle.pieces.map((): Votes => new Map());
    const starts = volumeStarts(puzzle, this.#clues, partsOf(solution.disk));
    voteByClues(puzzle, starts, this.#clues, votes);
    const volumes = this.volumes(solution);
    const now = `${solution.count} ${volumes.map(({ name, start }) => `${name} ${start}`).join()}`;
    if (now !== this.#seen) yield* voteByClaims(puzzle, volumes, solution, votes);
    this.#seen = now;
    return { fresh: winners(puzzle, votes, solution), volumes };
  }

  volumes({ disk }: Solution): Volume[] {
    const starts = volumeStarts(this.#puzzle, this.#clues, partsOf(disk));
    return volumesOf(disk, [...starts.values()].flat());
  }
}

function* findClues({ pieces, device, clusterSize }: Puzzle): Generator<Progress, FoundClue[]> {
  const found: FoundClue[] = [];
  const cluster = new Uint8Array(clusterSize);
  let since = 0;
  for (const [index, { slots, hosts }] of pieces.entries()) {
    for (let i = 0; i < slots.length && found.length < MOST_CLUES; i++) {
      device.read(hosts[i] as number, cluster);
      for (const clue of cluesIn(cluster)) found.push({ ...clue, piece: index, slot: slots[i] as number });
      since += clusterSize;
      if (since < STEP) continue;
      since = 0;
      yield { what: 'looking for known structures', done: index, total: pieces.length };
    }
  }
  return found;
}

function vote(votes: Votes, base: number, isStrong: boolean, evidence: string): void {
  let its = votes.get(base);
  if (!its) {
    its = { weight: 0, evidence: [] };
    votes.set(base, its);
  }
  its.weight += isStrong ? STRONG : WEAK;
  if (its.evidence.length < MOST_EVIDENCE && !its.evidence.includes(evidence)) its.evidence.push(evidence);
}

function voteByClues(
  puzzle: Puzzle,
  starts: ReadonlyMap<string, readonly number[]>,
  clues: readonly FoundClue[],
  votes: readonly Votes[],
): void {
  const bases = new Set(puzzle.bases);
  for (const clue of clues) {
    const shift = clue.slot * puzzle.clusterSize + clue.at;
    const guests = clue.within
      ? (starts.get(clue.within.volume) ?? []).map((start) => start + (clue.within?.offset ?? 0))
      : [clue.guest as number];
    for (const guest of guests) {
      const base = guest - shift;
      if (bases.has(base)) vote(votes[clue.piece] as Votes, base, clue.isStrong, clue.what);
    }
  }
}

/**
 * Where each file system may begin: at a partition it fits in, or where it says itself. Of several, those that agree
 * with the most of its clues.
 */
function volumeStarts(
  puzzle: Puzzle,
  clues: readonly FoundClue[],
  parts: readonly { readonly start: number; readonly length: number }[],
): Map<string, number[]> {
  const bases = new Set(puzzle.bases);
  const starts = new Map<string, number[]>();
  const tally = new Map<string, Map<number, number>>();
  for (const { within, slot, at } of clues) {
    if (!within) continue;
    const counts = tally.get(within.volume) ?? new Map<number, number>();
    tally.set(within.volume, counts);
    const fits = parts.filter(({ length }) => within.length <= length + 512).map(({ start }) => start);
    // One part that begins with the disk is a disk whose table is not known.
    const isUnknown = parts.length === 1 && parts[0]?.start === 0;
    const fitting = isUnknown ? USUAL_STARTS.filter((start) => start + within.length <= puzzle.disk.size) : fits;
    for (const start of new Set([...fitting, ...(within.start === undefined ? [] : [within.start])])) {
      const base = start + within.offset - slot * puzzle.clusterSize - at;
      counts.set(start, (counts.get(start) ?? 0) + (bases.has(base) ? 1 : 0));
    }
  }
  for (const [volume, counts] of tally) {
    const most = Math.max(...counts.values());
    if (most > 0)
      starts.set(
        volume,
        [...counts].filter(([, count]) => count === most).map(([start]) => start),
      );
  }
  return starts;
}

function* voteByClaims(
  puzzle: Puzzle,
  volumes: readonly Volume[],
  placed: Solution,
  votes: readonly Votes[],
): Generator<Progress, void> {
  if (volumes.length === 0) return;
  const { pieces, device, clusterSize } = puzzle;
  const bases = new Set(puzzle.bases);
  let since = 0;
  for (const [index, piece] of pieces.entries()) {
    if (placed.has(index)) continue;
    for (let i = 0; i < piece.slots.length; i++) {
      const bytes = windowOf(device, piece, i, clusterSize);
      if (!isZero(bytes)) {
        for (const claim of claimsOf(volumes, bytes)) {
          const base = claim.guest - (piece.slots[i] as number) * clusterSize;
          if (bases.has(base)) vote(votes[index] as Votes, base, claim.isStrong, claim.what);
          if (clusterSize < WINDOW) voteForRest(puzzle, index, base, claim, votes);
        }
      }
      since += clusterSize;
      if (since < STEP) continue;
      since = 0;
      yield { what: 'comparing with file systems', done: index, total: pieces.length };
    }
  }
}

/** A cluster, and where it is small what lies behind it, as far as a block of a file system goes. */
function windowOf(device: Device, { slots, hosts }: Piece, at: number, clusterSize: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(clusterSize, WINDOW));
  const slot = slots[at] as number;
  const isAlone = slots.length === 1 && slot === 0;
  for (let k = 0; k * clusterSize < bytes.length; k++) {
    const isThere = slots[at + k] === slot + k;
    // Of a cluster alone it is not known what follows it: in the file, perhaps the same.
    if (!isThere && !isAlone) break;
    const host = isThere ? (hosts[at + k] as number) : (hosts[at] as number) + k * clusterSize;
    device.read(host, bytes.subarray(k * clusterSize, (k + 1) * clusterSize));
  }
  return bytes;
}

/** The clusters right behind, where a block is larger than a cluster and its checksum holds over all of them. */
function voteForRest(
  { pieces, clusterSize, span }: Puzzle,
  index: number,
  base: number,
  claim: Claim,
  votes: readonly Votes[],
): void {
  if (span > clusterSize || !claim.isStrong) return;
  const host = pieces[index]?.host as number;
  for (let k = 1; k * clusterSize < WINDOW; k++) {
    if (pieces[index + k]?.host !== host + k * clusterSize) return;
    vote(votes[index + k] as Votes, base + k * clusterSize, true, claim.what);
  }
}

function* claimsOf(volumes: readonly Volume[], cluster: Uint8Array): Generator<Claim> {
  for (const volume of volumes) {
    for (const claim of volume.claims(cluster)) {
      if (claim.guest + cluster.length > volume.start && claim.guest < volume.start + volume.length) yield claim;
    }
  }
}

/** Pieces that one place is far ahead for, where no other piece says the same place as loudly. */
function winners(puzzle: Puzzle, votes: readonly Votes[], placed: Solution): Placement[] {
  const wanted = new Map<number, { piece: number; weight: number; second: number }[]>();
  for (const [piece, its] of votes.entries()) {
    if (placed.has(piece)) continue;
    const ranked = [...its]
      .filter(([base]) => !placed.isTaken(base) && fits(puzzle, piece, base))
      .sort((a, b) => b[1].weight - a[1].weight);
    const [first, second] = ranked;
    if (!first || first[1].weight < STRONG) continue;
    if (second && second[1].weight * 2 >= first[1].weight) continue;
    const claim = { piece, weight: first[1].weight, second: second?.[0] ?? -1 };
    wanted.set(first[0], [...(wanted.get(first[0]) ?? []), claim]);
  }
  return [...wanted].flatMap(([base, claims]): Placement[] => {
    const [best, rival] = claims.sort((a, b) => b.weight - a.weight);
    if (!best || (rival && rival.weight * 2 > best.weight && !areSame(puzzle, best.piece, rival.piece))) return [];
    const evidence = votes[best.piece]?.get(base)?.evidence ?? [];
    return [
      {
        piece: best.piece,
        base,
        confidence: 'high',
        evidence,
        alternatives: best.second < 0 ? [] : [best.second],
      },
    ];
  });
}

/** Two clusters with the same bytes: whichever goes where, the guest reads the same. */
function areSame({ device, clusterSize, span, pieces }: Puzzle, a: number, b: number): boolean {
  if (span > clusterSize) return false;
  const [one, other] = [a, b].map((piece) => readBytes(device, (pieces[piece] as Piece).host, clusterSize));
  return Buffer.compare(one as Uint8Array, other as Uint8Array) === 0;
}

/** Nothing of it lies behind the disk's end. */
export function fits({ pieces, clusterSize, disk }: Puzzle, piece: number, base: number): boolean {
  const last = pieces[piece]?.slots.at(-1) ?? 0;
  return base + last * clusterSize < disk.size;
}
