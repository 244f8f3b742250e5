/**
 * The conversion that a session takes in pieces: `convert` begins it, and each of step, next, until and finish is one
 * step of the session. Where it stands is in the session's marks, so undo and redo take it along.
 */
import type { Progress } from '../bytes/progress.ts';
import { hex } from '../bytes/size.ts';
import { type ConversionPosition, PHASES, type PhaseName } from '../convert/position.ts';
import { beginConversion, type Piece, Stepper } from '../convert/stepping.ts';
import type { ConversionTarget, Driver, TargetReport, TargetRequest } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { PHASE_TITLES } from './phase-titles.ts';
import type { Session } from './session.ts';

/** Something that can happen: where `until` stops. Offsets in bytes. */
export type Goal =
  | { readonly kind: 'phase'; readonly phase: PhaseName }
  | { readonly kind: 'guest' | 'host'; readonly offset: number }
  | { readonly kind: 'write'; readonly what: string };

/** How far to go: so many pieces, to the end of the phase or of everything, or until something happened. */
export type Until = { readonly pieces: number } | 'phase' | 'end' | Goal;

/** What was done, in the order in which it was done. */
export interface Advance {
  readonly pieces: number;
  /** The first few of each phase, and its last. */
  readonly shown: readonly ShownPiece[];
  /** Where the conversion stands now. */
  readonly position: ConversionPosition;
  /** Once the header is written. */
  readonly report: TargetReport | undefined;
}

export interface ShownPiece extends Piece {
  /** So many of the phase came before this one, and are not shown. */
  readonly skipped: number;
}

/** Of each phase the first so many pieces are shown, and the last. */
const SHOWN = 3;

/** Stages the target's beginning as a step. Throws Refusal, and what opening a target throws. */
export function* begin(
  session: Session,
  line: string,
  driver: Driver,
  request: TargetRequest,
): Generator<Progress, ConversionTarget> {
  return yield* session.step(line, function* (draft) {
    const { target, position } = yield* beginConversion(draft.device, draft.image, driver, request);
    draft.target = target;
    draft.conversion = position;
    return target;
  });
}

/** Goes on, as one step. Throws ImageError `no-conversion`, `never-comes`, or what a piece throws: nothing is done then. */
export function* advance(session: Session, line: string, until: Until): Generator<Progress, Advance> {
  const running = runningIn(session);
  if (typeof until === 'object' && 'kind' in until) refuseVain(until, running, session);
  return yield* session.step(line, function* (draft) {
    const stepper = new Stepper(draft.image, draft.target as ConversionTarget, running);
    const log = new Log();
    yield* run(stepper, until, log);
    stepper.end();
    draft.conversion = stepper.position;
    const { report, position } = stepper;
    if (report) {
      draft.device.resize(report.fileSize);
      draft.format = position.to;
      draft.target = undefined;
      draft.converted = true;
    }
    return { pieces: log.count, shown: log.shown, position, report };
  });
}

/** One phase as a list shows it. */
export interface PhaseStatus {
  readonly phase: PhaseName;
  readonly state: 'done' | 'now' | 'ahead' | 'absent';
  /** Of what is counted; undefined: nothing is. */
  readonly done?: number;
  readonly total?: number;
}

export interface ConversionStatus {
  readonly position: ConversionPosition;
  readonly phases: readonly PhaseStatus[];
  /** What the next piece is, in words; undefined at the end. */
  readonly next: string | undefined;
}

/** Undefined: no conversion was begun. */
export function* conversionStatus(session: Session): Generator<Progress, ConversionStatus | undefined> {
  const { conversion, target, image } = session;
  if (!conversion) return undefined;
  const phases = PHASES.map((phase): PhaseStatus => {
    const at = conversion.phases.indexOf(phase);
    if (at < 0) return { phase, state: 'absent' };
    const now = conversion.phase === 'done' ? conversion.phases.length : conversion.phases.indexOf(conversion.phase);
    const total = totalOf(phase, conversion, target);
    if (at < now) return { phase, state: 'done', done: total, total };
    if (at > now) return { phase, state: 'ahead', done: 0, total };
    return { phase, state: 'now', done: doneOf(conversion), total };
  });
  const next = target && (yield* new Stepper(image, target, conversion).next());
  return { position: conversion, phases, next };
}

/** `L2 tables 3/12`: the phase at hand and how far it is; undefined while no conversion is under way. */
export function conversionWords({ conversion, target }: Session): string | undefined {
  if (!conversion || !target || conversion.phase === 'done') return undefined;
  const { phase } = conversion;
  const total = totalOf(phase, conversion, target);
  return `${PHASE_TITLES[phase]}${total === undefined ? '' : ` ${doneOf(conversion)}/${total}`}`;
}

function totalOf(
  phase: PhaseName,
  { tables, refcounts }: ConversionPosition,
  target: ConversionTarget | undefined,
): number | undefined {
  if (phase === 'l2') return tables;
  if (phase === 'verify') return Math.max(tables, 1);
  if (phase === 'refcount') return refcounts ?? target?.pieces(phase);
  return 1;
}

function doneOf({ phase, at, tablesDone }: ConversionPosition): number {
  return phase === 'l2' || phase === 'verify' ? tablesDone : at;
}

function runningIn({ conversion, target }: Session): ConversionPosition {
  if (conversion?.phase === 'done') {
    throw new ImageError({
      code: 'no-conversion',
      what: `the conversion to ${conversion.to} is complete`,
      tryThis: 'commit, or undo',
    });
  }
  if (conversion) return conversion;
  throw new ImageError(
    target
      ? { code: 'no-conversion', what: 'the target was opened to be mapped by hand', tryThis: 'setmap, or copy-header' }
      : { code: 'no-conversion', what: 'no conversion is under way', tryThis: 'convert FORMAT' },
  );
}

function* run(stepper: Stepper, until: Until, log: Log): Generator<Progress, void> {
  const isOver = (): boolean => stepper.position.phase === 'done';
  if (until === 'phase') return log.add(yield* stepper.phase());
  if (until === 'end') {
    while (!isOver()) log.add(yield* stepper.phase());
    return;
  }
  if ('pieces' in until) {
    for (let i = 0; i < until.pieces && !isOver(); i++) {
      log.add([yield* stepper.piece()]);
      yield { what: 'stepping', done: i + 1, total: until.pieces };
    }
    return;
  }
  yield* runTo(stepper, until, log);
}

/** Tables and phases of which nothing can be the goal are taken whole. */
function* runTo(stepper: Stepper, goal: Goal, log: Log): Generator<Progress, void> {
  if (goal.kind === 'guest') log.add(yield* stepper.tablesBefore(goal.offset));
  for (;;) {
    const { phase, at } = stepper.position;
    if (phase === 'done') throw neverComes(goal);
    // The header is not written on the way to something that does not come.
    if (phase === 'header' && !headerIs(goal)) throw neverComes(goal);
    if (goal.kind === 'guest' && phase !== 'l2') throw neverComes(goal);
    if (goal.kind === 'phase' && goal.phase !== phase) {
      log.add(yield* stepper.phase());
      continue;
    }
    if (goal.kind === 'phase' && phase === 'verify') return log.add(yield* stepper.phase());
    const piece = yield* stepper.piece();
    log.add([piece]);
    if (isReached(goal, piece)) return;
    yield { what: phase, done: at, total: 0 };
  }
}

function isReached(goal: Goal, { phase, guest, host, writes, completes }: Piece): boolean {
  switch (goal.kind) {
    case 'phase':
      return phase === goal.phase && (phase !== 'l2' || completes);
    case 'guest':
      return phase === 'l2' && holds(guest, goal.offset);
    case 'host':
      return holds(host, goal.offset) || writes.some((write) => holds(write, goal.offset));
    case 'write':
      return writes.some(({ what }) => what === goal.what);
  }
}

function holds(range: { readonly offset: number; readonly length: number } | undefined, offset: number): boolean {
  return range !== undefined && offset >= range.offset && offset < range.offset + range.length;
}

/** Whether writing the header is what is waited for. */
function headerIs(goal: Goal): boolean {
  return isReached(goal, {
    phase: 'header',
    text: '',
    writes: [{ offset: 0, length: 512, what: 'header' }],
    completes: true,
  });
}

/** Throws ImageError `never-comes` where that can be known before anything is done. */
function refuseVain(goal: Goal, { phases, phase, at, to }: ConversionPosition, { image }: Session): void {
  if (goal.kind === 'phase') {
    const index = phases.indexOf(goal.phase);
    if (index < 0) throw neverComes(goal, `${to} needs no phase ${goal.phase}`);
    if (index < phases.indexOf(phase as PhaseName)) throw neverComes(goal, `phase ${goal.phase} is behind`);
  }
  if (goal.kind !== 'guest') return;
  const { kind } = image.getMapping(goal.offset);
  if (kind.startsWith('unallocated')) throw neverComes(goal, `guest ${hex(goal.offset)} is ${kind}: it is not mapped`);
  if (phase !== 'l2' || goal.offset < at) throw neverComes(goal, `guest ${hex(goal.offset)} is mapped already`);
}

function neverComes(goal: Goal, why?: string): ImageError {
  const what = {
    phase: () => `phase ${'phase' in goal ? goal.phase : ''} does not come`,
    guest: () => `guest ${'offset' in goal ? hex(goal.offset) : ''} gets no entry`,
    host: () => `nothing up to the header writes host ${'offset' in goal ? hex(goal.offset) : ''}, or maps it`,
    write: () => `no write up to the header is '${'what' in goal ? goal.what : ''}'`,
  }[goal.kind]();
  return new ImageError({ code: 'never-comes', what: why ?? what, tryThis: 'convert --status' });
}

/** Keeps a few pieces of each phase, however many there are. */
class Log {
  readonly shown: ShownPiece[] = [];
  count = 0;
  #inPhase = 0;

  add(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      this.count++;
      const last = this.shown.at(-1);
      this.#inPhase = last?.phase === piece.phase ? this.#inPhase + 1 : 1;
      const skipped = Math.max(this.#inPhase - SHOWN - 1, 0);
      if (this.#inPhase > SHOWN + 1) this.shown.pop();
      this.shown.push({ ...piece, skipped });
    }
  }
}
