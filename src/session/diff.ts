/**
 * What differs between two moments of a session, with a name for every byte: fields in their own terms, guest data by
 * its guest byte, and the file's length.
 *
 *  1. Every byte that differs (a file reads as zeros behind its end) lies in exactly one change; counters of fewer than
 *     eight bits, listed one by one, share theirs.
 *  2. The later moment's terms are used both ways: a diff back is the diff forth with old and new exchanged.
 *  3. Cost and memory go with what the steps touched, not with the image; only bytes that no structure names need a walk
 *     over the image, and only where one is asked for.
 *  4. It reads two views of the staged bytes: it is good until the next step, undo, redo or switch.
 */
import type { Progress } from '../bytes/progress.ts';
import { type Range, Ranges } from '../bytes/ranges.ts';
import { conversionOf } from '../convert/refuse.ts';
import { type Device, readBytes } from '../device/device.ts';
import { overlay } from '../device/overlay.ts';
import type { ConversionTarget, Image, TargetState } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import { TwoMoments } from './diff-bytes.ts';
import { type Change, inverse } from './diff-change.ts';
import { type Formerly, fieldChanges } from './diff-fields.ts';
import { clip, type Piece, piecesOf, type Sides } from './diff-pieces.ts';
import { named } from './diff-rest.ts';
import { DiffSide } from './diff-side.ts';
import { type Shape, shapeOf, TableDiff } from './diff-table.ts';
import type { Moment } from './moment.ts';
import type { Session } from './session.ts';

export interface DiffOptions {
  /** Every field by itself; otherwise neighbours of a table are folded, and a whole new table is one change. */
  readonly all?: boolean;
  /** False: bytes that no structure names are told without their owner, for which the image would have to be walked. */
  readonly walk?: boolean;
}

/** The first sector holds what a format is told by. */
const SECTOR = 512;
/** Bytes of a cluster where the format has none. */
const PAGE = 4096;
/** What is found in a moment: bytes touched, and clusters of a target that is resumed. */
const CHEAP_BYTES = 2 ** 20;
const CHEAP_CLUSTERS = 2 ** 20;

export class Diff {
  readonly from: number;
  readonly to: number;
  /** Bytes: the file's length at both. */
  readonly oldSize: number;
  readonly newSize: number;
  readonly #before: Moment;
  readonly #after: Moment;
  /** The target that the session has open, at whichever step it is. */
  readonly #open: ConversionTarget | undefined;
  readonly #moments: TwoMoments;
  readonly #touched: Ranges;

  /** `from` and `to`: numbers of steps of the current branch; 0 is the file on disk. Throws ImageError `no-such-step`. */
  constructor(session: Session, from: number, to: number) {
    this.from = from;
    this.to = to;
    this.#before = session.momentAt(Math.min(from, to));
    this.#after = session.momentAt(Math.max(from, to));
    this.#moments = new TwoMoments(this.#before.device, this.#after.device);
    this.#open = session.target;
    this.#touched = session.staged?.between(from, to) ?? new Ranges();
    const sizes = [this.#before.device.size, this.#after.device.size] as const;
    [this.oldSize, this.newSize] = from > to ? [sizes[1], sizes[0]] : sizes;
  }

  /** The two values of some bytes. */
  bytes(offset: number, length: number): { readonly old: Uint8Array; readonly new: Uint8Array } {
    const { before, after } = this.#moments.at(offset, length);
    return this.from > this.to ? { old: after, new: before } : { old: before, new: after };
  }

  /** Tells the changes: the file's length, then what structures name, then the rest, each in the order of the file. */
  *changes(tell: (change: Change) => void, options: DiffOptions = {}): Generator<Progress, void> {
    const told = this.from > this.to ? (change: Change) => tell(inverse(change)) : tell;
    const [before, after] = [this.#moments.before.size, this.#moments.after.size];
    if (before !== after) told({ kind: 'size', old: before, new: after });
    if (this.#touched.count === 0) return;
    const [first, second] = this.#sides();
    const pieces = yield* piecesOf(second, first, this.#touched);
    const unnamed = yield* new Walk(this.#moments, this.#touched, { before: first, after: second }, options).run(
      pieces,
      told,
    );
    yield* this.#rest(unnamed, [second, first], options.walk ?? true, told);
  }

  *#rest(unnamed: Ranges, sides: readonly Sides[], walk: boolean, tell: (change: Change) => void) {
    if (unnamed.count === 0) return;
    const images = sides.flatMap(([side]) => (side ? [side.image] : []));
    for (const { offset, length, ...what } of walk ? yield* named(unnamed, images) : unnamed) {
      const hull = this.#moments.hull({ offset, length });
      if (!hull) continue;
      const guest = 'guest' in what && what.guest !== undefined ? { guest: what.guest + hull.offset - offset } : {};
      tell({ kind: 'bytes', ...what, ...hull, ...guest });
    }
  }

  /** Whether changes are found in a moment: little was touched, and no large target is to be resumed for it. */
  get isCheap(): boolean {
    const isLarge = ({ options }: TargetState): boolean => options.imageSize / options.clusterSize > CHEAP_CLUSTERS;
    const dear = [this.#before, this.#after].some(({ target }) => target && isLarge(target) && !this.#openerOf(target));
    return this.#touched.total <= CHEAP_BYTES && !dear;
  }

  /** Of the moment before, and of the one after. */
  #sides(): readonly [Sides, Sides] {
    return [this.#sidesOf(this.#before), this.#sidesOf(this.#after)];
  }

  #sidesOf(moment: Moment): Sides {
    const { device, target } = moment;
    const image = new DiffSide(device, 'image', (shown) => moment.open(shown));
    if (!target) return [image];
    const open = this.#openerOf(target) ?? ((shown) => resumed(device, target).view(shown));
    return [image, new DiffSide(device, 'target', open)];
  }

  /** What opens the target without resuming it, which reads all of its tables: something at hand that leads to the same ones. */
  #openerOf(target: TargetState): ((shown: Device) => Image) | undefined {
    const { format, placed, runs } = target;
    const open = this.#open;
    if (open?.format === format && isSamePlace(open.state, target)) return (shown) => open.view(shown);
    // The step that copied its header: all of it is on the device before.
    const after = this.#after;
    const isCopied = Math.abs(this.from - this.to) === 1 && !after.target && after.format === format;
    const isPending = Object.values(runs).some((some) => some.length > 0);
    if (!isCopied || isPending || placed['l1'] === undefined) return undefined;
    const header = readBytes(after.device, 0, SECTOR);
    return (shown) => after.open(overlay(shown, 0, header));
  }
}

function isSamePlace(a: TargetState, b: TargetState): boolean {
  return a.placed['l1'] === b.placed['l1'] && JSON.stringify(a.runs) === JSON.stringify(b.runs);
}

function resumed(device: Device, target: TargetState): ConversionTarget {
  return conversionOf(driverNamed(target.format)).resume(device, target);
}

/** Compares what was touched, structure by structure. */
class Walk {
  readonly #moments: TwoMoments;
  readonly #touched: Ranges;
  readonly #sides: { readonly before: Sides; readonly after: Sides };
  readonly #options: DiffOptions;
  readonly #rest = new Ranges();
  #restEnd = 0;
  /** What tables of a role and a length are like. */
  readonly #shapes = new Map<string, Shape | undefined>();
  #total = 0;

  constructor(
    moments: TwoMoments,
    touched: Ranges,
    sides: { readonly before: Sides; readonly after: Sides },
    options: DiffOptions,
  ) {
    this.#moments = moments;
    this.#touched = touched;
    this.#sides = sides;
    this.#options = options;
  }

  /** Answers what no structure names and differs: whole sectors, and what lies between them in one cluster. */
  *run(pieces: readonly Piece[], tell: (change: Change) => void): Generator<Progress, Ranges> {
    this.#total = this.#touched.total;
    let done = 0;
    let at = 0;
    const end = Math.max(this.#moments.before.size, this.#moments.after.size);
    for (const piece of pieces) {
      done += yield* this.#gap(at, piece.from, done);
      at = piece.to;
      const parts = [...clip(this.#touched, piece.from, piece.to)];
      if (parts.length === 0) continue;
      yield* this.#told(this.#piece(piece, parts, tell), done);
      done += parts.reduce((sum, { length }) => sum + length, 0);
    }
    yield* this.#gap(at, end, done);
    return this.#rest;
  }

  *#piece(piece: Piece, parts: readonly Range[], tell: (change: Change) => void): Generator<undefined, void> {
    const shape = this.#shape(piece);
    let { from } = piece;
    if (shape) {
      const table = new TableDiff(piece, shape, this.#moments);
      const isWhole = !piece.isKept && !this.#options.all && table.end > from;
      if (isWhole) tell(yield* table.whole());
      else if (this.#options.all) yield* table.each(parts, tell);
      else yield* table.folded(parts, tell);
      from = Math.max(from, table.end);
    }
    const behind = parts.flatMap(({ offset, length }) => {
      const start = Math.max(offset, from);
      return start < offset + length ? [{ offset: start, length: offset + length - start }] : [];
    });
    if (behind.length > 0) {
      for (const change of fieldChanges(piece, from, behind, this.#moments, this.#formerly(piece))) tell(change);
    }
    yield;
  }

  #shape(piece: Piece): Shape | undefined {
    const { side, region, moment } = piece;
    const key = `${moment} ${side.prefix}${region.role} ${region.length}`;
    const known = this.#shapes.get(key);
    const isFull = known && known.count * known.size === region.length * known.perByte;
    if (isFull) return { ...known, base: region.offset };
    const shape = shapeOf(piece);
    this.#shapes.set(key, shape);
    return shape;
  }

  /** What the earlier moment's image had there, when it was of another format. */
  #formerly({ side, moment }: Piece): Formerly | undefined {
    const [other] = moment === 'after' ? this.#sides.before : this.#sides.after;
    if (!other || other.format === side.format || side.prefix !== '') return undefined;
    return (offset, length) => {
      const region = { offset: 0, length: other.image.clusterSize || SECTOR, role: 'header' as const };
      return { format: other.format, fields: other.fields(region, offset, offset + length) };
    };
  }

  *#gap(from: number, to: number, done: number): Generator<Progress, number> {
    const unit = this.#sides.after[0]?.image.clusterSize || PAGE;
    let compared = 0;
    for (const part of clip(this.#touched, from, to)) {
      for (const { offset, length } of this.#moments.sectors(part)) {
        const last = this.#restEnd;
        // Within a cluster, what lies between two sectors that differ belongs to the same change.
        const isSame = last > from && Math.floor((last - 1) / unit) === Math.floor(offset / unit);
        const start = isSame ? last : offset;
        this.#rest.add(start, offset + length - start);
        this.#restEnd = offset + length;
      }
      compared += part.length;
      yield this.#progress(done + compared);
    }
    return compared;
  }

  *#told(work: Generator<undefined, void>, done: number): Generator<Progress, void> {
    for (const _ of work) yield this.#progress(done);
  }

  #progress(done: number): Progress {
    return { what: 'comparing', done, total: this.#total, unit: 'bytes' };
  }
}
