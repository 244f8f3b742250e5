/**
 * A conversion in pieces: each piece writes one structure, or what one run of the source adds to one table, and says
 * what it was. Piece by piece or a phase at a time, the bytes at the end are those of the conversion in one go.
 *
 * Invariants:
 *  1. `position` and the target's state are all that goes on from one Stepper to the next.
 *  2. The header is written only after every guest byte was read back through the target's own driver; what any other
 *     step writes after that is read back again (position.ts).
 *  3. What was mapped by hand is left as it is; where that is wrong, verifying says so.
 */
import { clip, type Extent, extentColumns } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Range, Ranges } from '../bytes/ranges.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Device } from '../device/device.ts';
import { MemoryDevice } from '../device/memory.ts';
import type {
  BuildPhase,
  ConversionTarget,
  Driver,
  Image,
  Placement,
  TargetReport,
  TargetRequest,
} from '../drivers/driver.ts';
import { firstDifference } from './compare.ts';
import { notAllMapped, openTarget } from './convert.ts';
import { mappedIn, mapRest, without } from './map-rest.ts';
import { type ConversionPosition, countTables, nextPhase, type PhaseName, startOf } from './position.ts';

/** Bytes. */
const HEADER = 512;

/** What was done. */
export interface Piece {
  readonly phase: PhaseName;
  /** One line. */
  readonly text: string;
  /** What the target now maps, or was compared with. */
  readonly guest?: Range;
  /** Where guest data lies that the target now maps. */
  readonly host?: Range;
  /** What was written, and where. */
  readonly writes: readonly Placement[];
  /** It was the last of its table or phase. */
  readonly completes: boolean;
}

/** Opens the target, and stops before the first phase. Throws as `openTarget`. */
export function* beginConversion(
  device: Device,
  source: Image,
  driver: Driver,
  request: TargetRequest,
): Generator<Progress, { readonly target: ConversionTarget; readonly position: ConversionPosition }> {
  const target = yield* openTarget(device, source, driver, request);
  target.holdL1();
  return { target, position: yield* startOf(source, target) };
}

export class Stepper {
  position: ConversionPosition;
  /** Once the header is written. */
  report: TargetReport | undefined;
  readonly #source: Image;
  readonly #target: ConversionTarget;
  #parts: Generator<Progress, void> | undefined;
  #ahead: Extent | undefined;
  #byHand: Ranges | undefined;

  constructor(source: Image, target: ConversionTarget, position: ConversionPosition) {
    this.#source = source;
    this.#target = target;
    this.position = position;
  }

  /** The next piece. Not at the end; after the last piece of a step `end` is called. */
  *piece(): Generator<Progress, Piece> {
    switch (this.position.phase) {
      case 'l2':
        return yield* this.#mapOne();
      case 'verify':
        return yield* this.#verifyOne();
      default:
        return this.#build();
    }
  }

  /** What is left of the phase at hand, in one go where that is faster. */
  *phase(): Generator<Progress, Piece[]> {
    const { phase } = this.position;
    if (phase === 'l2') return [yield* this.#mapTo(this.#source.size)];
    if (phase === 'verify') return [yield* this.#verify(this.#source.size)];
    const done: Piece[] = [];
    while (this.position.phase === phase) {
      done.push(this.#build());
      yield { what: done[0]?.writes[0]?.what ?? phase, done: done.length, total: done.length };
    }
    return done;
  }

  /** In `l2`: all tables before the one that maps the guest byte, in one go; nothing where that is the next. */
  *tablesBefore(guest: number): Generator<Progress, Piece[]> {
    const span = this.#target.tableSpan;
    const end = Math.floor(guest / span) * span;
    return end > this.position.at ? [yield* this.#mapTo(end)] : [];
  }

  /** Puts on the device what is not there yet. */
  end(): void {
    if (!this.report) this.#target.sync();
  }

  /** What the next piece will be, in words; undefined at the end. */
  *next(): Generator<Progress, string | undefined> {
    const { phase, at, to } = this.position;
    switch (phase) {
      case 'l2': {
        const part = yield* this.#peek();
        return part && `guest ${rangeText(part.guest, part.length)} ${placeText(part)}`;
      }
      case 'verify':
        return `guest data from ${hex(at)} is read back through the target`;
      case 'header':
        return `the header, ${HEADER} bytes at 0x0: the file becomes ${to}`;
      case 'done':
        return undefined;
      default:
        return `piece ${at + 1} of ${this.#target.pieces(phase as BuildPhase)} of the phase ${phase}`;
    }
  }

  /** One run of the source, within one table. */
  *#mapOne(): Generator<Progress, Piece> {
    const part = (yield* this.#peek()) as Extent;
    const { guest, length } = part;
    this.#byHand ??= mappedIn(this.#target, guest, this.#source.size);
    const rest = this.#byHand.count === 0 ? [part] : [...without(part, this.#byHand)];
    const isNew = this.#target.tableOf(guest) === undefined;
    this.#target.map(extentColumns(rest, 1, this.#source.size));
    const table = this.#target.tableOf(guest) as Placement;
    this.#ahead = undefined;
    const next = yield* this.#peek();
    const span = this.#target.tableSpan;
    const completes = !next || Math.floor(next.guest / span) > Math.floor(guest / span);
    const { position } = this;
    const tablesDone = position.tablesDone + (completes ? 1 : 0);
    this.position = next ? { ...position, at: next.guest, tablesDone } : nextPhase(position);
    const entries = Math.ceil(length / this.#target.clusterSize);
    const where = `${entries} ${entries === 1 ? 'entry' : 'entries'} of ${table.what}, ${isNew ? 'new ' : ''}at ${hex(table.offset)}`;
    const byHand = rest.length === 1 && rest[0]?.length === length ? '' : '; what was mapped by hand stays';
    return {
      phase: 'l2',
      text:
        rest.length === 0
          ? `guest ${rangeText(guest, length)} is mapped already, by hand: left as it is`
          : `guest ${rangeText(guest, length)} ${placeText(part)}: ${where}${byHand}`,
      guest: { offset: guest, length },
      ...(part.host === undefined ? {} : { host: { offset: part.host, length } }),
      writes: rest.length === 0 ? [] : [table],
      completes,
    };
  }

  /** Everything before the guest byte `end`, a border of two tables or the end of the disk. */
  *#mapTo(end: number): Generator<Progress, Piece> {
    const { position } = this;
    const { at, tables, tablesDone } = position;
    const isAll = end >= this.#source.size;
    const count = isAll ? tables - tablesDone : yield* countTables(this.#source, this.#target, at, end);
    yield* mapRest(this.#source, this.#target, { from: at, to: end });
    this.#parts = undefined;
    this.#ahead = undefined;
    const next = isAll ? undefined : yield* this.#peek(end);
    this.position = next ? { ...position, at: next.guest, tablesDone: tablesDone + count } : nextPhase(position);
    return {
      phase: 'l2',
      text: `guest ${rangeText(at, end - at)} is mapped: ${count} ${count === 1 ? 'l2 table' : 'l2 tables'}`,
      guest: { offset: at, length: end - at },
      writes: [],
      completes: true,
    };
  }

  /** Of l1, refcount and header. */
  #build(): Piece {
    const { phase, at, from, to } = this.position;
    const target = this.#target;
    if (phase === 'header') {
      this.report = target.report();
      target.copyHeader(new MemoryDevice());
      this.position = nextPhase(this.position);
      const write = { offset: 0, length: HEADER, what: 'header' };
      const became = from === to ? `the file is the new ${to} image now` : `the file was ${from}, and is ${to} now`;
      const text = `header at 0x0, ${HEADER} bytes: ${became}`;
      return { phase, text, writes: [write], completes: true };
    }
    const written = target.build(phase as BuildPhase, at);
    const completes = at + 1 === target.pieces(phase as BuildPhase);
    const built = phase === 'refcount' ? { refcounts: at + 1 } : {};
    this.position = completes ? { ...nextPhase(this.position), ...built } : { ...this.position, at: at + 1 };
    const { what, offset, length, holds } = written;
    const text = `${what} at ${hex(offset)}, ${sizeText(length)}${holds === undefined ? '' : `: ${holds}`}`;
    return { phase: phase as BuildPhase, text, writes: [written], completes };
  }

  /** What one table maps, and the gap before it. */
  *#verifyOne(): Generator<Progress, Piece> {
    const span = this.#target.tableSpan;
    const here = yield* this.#peek();
    if (!here) return yield* this.#verify(this.#source.size);
    const end = (Math.floor(here.guest / span) + 1) * span;
    this.#parts = undefined;
    this.#ahead = undefined;
    const next = yield* this.#peek(end);
    return yield* this.#verify(next ? end : this.#source.size);
  }

  /** Up to the guest byte `end`. Throws ImageError `not-all-mapped`. */
  *#verify(end: number): Generator<Progress, Piece> {
    const { at, tablesDone } = this.position;
    this.#target.sync();
    const missing = yield* firstDifference(this.#source, this.#target.view(), at, end);
    if (missing) throw notAllMapped(missing, 'undo to before it was mapped so, and setmap or step from there');
    const completes = end >= this.#source.size;
    this.position = completes ? nextPhase(this.position) : { ...this.position, at: end, tablesDone: tablesDone + 1 };
    return {
      phase: 'verify',
      text: `guest ${rangeText(at, end - at)} read back through the target: all is where it was`,
      guest: { offset: at, length: end - at },
      writes: [],
      completes,
    };
  }

  /** The first part of a run that begins at or behind `from`, and is to be mapped; undefined when there is none. */
  *#peek(from = this.position.at): Generator<Progress, Extent | undefined> {
    this.#parts ??= this.#walk(from);
    while (!this.#ahead) {
      const step = this.#parts.next();
      if (step.done) break;
      if (!this.#ahead) yield step.value;
    }
    return this.#ahead;
  }

  /** Leaves each part in `#ahead`, one after the other. */
  *#walk(from: number): Generator<Progress, void> {
    const { size } = this.#source;
    for (const batch of this.#source.mappings(from, size, 'mapped')) {
      for (const run of batch) {
        for (const part of this.#target.parts(clip(run, from, size))) {
          this.#ahead = part;
          yield { what: 'mapping', done: part.guest, total: size, unit: 'bytes' };
        }
      }
      yield { what: 'looking for what is mapped', done: from, total: size, unit: 'bytes' };
    }
  }
}

function rangeText(offset: number, length: number): string {
  return `${hex(offset)}..${hex(offset + length)}`;
}

function placeText({ host }: Extent): string {
  return host === undefined ? 'reads as zeros' : `is at host ${hex(host)}`;
}
