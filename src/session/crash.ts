/**
 * What a power cut would leave of a commit, at every moment of it: each state is opened, checked and read as the next
 * program would, and recovered as the next open by Platter would.
 *
 * Invariants (test/session/crash.test.ts):
 *  1. Nothing is written: not to the file, not beside it.
 *  2. A state is `old` or `new` only when the image opens as it is, without recovery, with the same guest contents and
 *     no more faults; and when a journal lies beside it, recovery agrees.
 *  3. States are overlays: memory does not grow with their number times their size.
 */
import type { Progress } from '../bytes/progress.ts';
import { Ranges } from '../bytes/ranges.ts';
import { ByteLog } from '../device/byte-log.ts';
import { CrashDisk, type CrashFiles, CrashSite } from '../device/crash-disk.ts';
import { CrashFile } from '../device/crash-file.ts';
import { type CrashState, crashStates, keptEvents } from '../device/crash-states.ts';
import { type Device, readBytes } from '../device/device.ts';
import { type RecordedEvent, type RecordedWrite, type Recording, recordNaive } from '../device/recording.ts';
import { recoverOn } from '../device/recovery.ts';
import { probe } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';
import type { FollowPolicy } from './follow.ts';
import { isLike, Likener, type Likeness, storedBytes } from './likeness.ts';
import { placeOf, recordSteps } from './plan.ts';
import { Session } from './session.ts';

export type Outcome = 'old' | 'new' | 'journal' | 'lost';
export const OUTCOMES: readonly Outcome[] = ['old', 'new', 'journal', 'lost'];

export type CommitOrder = 'commit' | 'naive';

export interface CrashRequest {
  readonly order: CommitOrder;
  /** As a commit that keeps a rollback file. */
  readonly keep: boolean;
  readonly seed: number;
}

interface Judged {
  readonly outcome: Outcome;
  /** Why it is lost. */
  readonly why?: string;
}

/** Reasons that are kept. */
const REASONS = 1000;

/** What was found. Holds the bytes of the commit until `close`. */
export class Exploration {
  readonly request: CrashRequest;
  /** The session's, when it was made. */
  readonly state: unknown;
  readonly recording: Recording;
  readonly states: readonly CrashState[];
  /** Of how many 64 KiB chunks of guest data one was read, where nothing is written to them. */
  readonly every: number;
  /** Whether the new image holds for the guest what the old one holds; undefined when that is not known. */
  readonly sameContents: boolean | undefined;
  /** Why states are lost, by number, from 1. */
  readonly reasons = new Map<number, string>();
  /** What there is when the commit has returned. */
  end: Outcome = 'lost';
  readonly #outcomes: Outcome[] = [];

  constructor(
    request: CrashRequest,
    state: unknown,
    recording: Recording,
    states: readonly CrashState[],
    looks: { readonly every: number; readonly sameContents: boolean | undefined },
  ) {
    this.request = request;
    this.state = state;
    this.recording = recording;
    this.states = states;
    this.every = looks.every;
    this.sameContents = looks.sameContents;
  }

  /** In the order of the states. */
  get outcomes(): readonly Outcome[] {
    return this.#outcomes;
  }

  count(outcome: Outcome): number {
    return this.#outcomes.reduce((sum, each) => sum + (each === outcome ? 1 : 0), 0);
  }

  add({ outcome, why }: Judged): void {
    this.#outcomes.push(outcome);
    if (why !== undefined && this.reasons.size < REASONS) this.reasons.set(this.#outcomes.length, why);
  }

  /** What the disk holds in the state of that number, from 1. Throws ImageError `no-such-state`. */
  files(number: number): CrashFiles {
    return new CrashDisk(this.recording).files(this.stateOf(number));
  }

  stateOf(number: number): CrashState {
    const state = this.states[number - 1];
    if (state) return state;
    throw new ImageError({
      code: 'no-such-state',
      class: 'range',
      what: `there is no state ${number}: they are numbered from 1 to ${this.states.length}`,
    });
  }

  close(): void {
    this.recording.log?.close();
  }
}

/** Judges every state of the commit of the session's steps. Throws ImageError `nothing-to-commit`, or as reading does. */
export function* explore(session: Session, request: CrashRequest): Generator<Progress, Exploration> {
  const log = new ByteLog();
  let found: Exploration | undefined;
  try {
    const recording = yield* record(session, request, log);
    const states = crashStates(recording, request.seed);
    const old = session.original();
    const stored = Math.max(yield* storedBytes(old), yield* storedBytes(session.image));
    const likener = new Likener(touchedBy(recording), stored);
    const before = yield* likener.of(old);
    const after = yield* likener.of(session.image);
    const sameContents = likener.every > 1 ? undefined : before.contents === after.contents;
    const judge = new Judge(session, recording, likener, before, after);
    const exploration = new Exploration(request, session.state, recording, states, {
      every: likener.every,
      sameContents,
    });
    for (const state of states) {
      exploration.add(yield* judge.of(state));
      yield { what: 'crash states', done: exploration.outcomes.length, total: states.length };
    }
    const last = states.at(-1)?.segment;
    if (last)
      exploration.end = (yield* judge.of({
        segment: last,
        called: last.pending.length,
        kept: { kind: 'all' },
      })).outcome;
    found = exploration;
    return exploration;
  } finally {
    // Cancelled, or thrown: nobody will close it.
    if (!found) log.close();
  }
}

function* record(session: Session, { order, keep }: CrashRequest, log: ByteLog): Generator<Progress, Recording> {
  if (order === 'commit') return yield* recordSteps(session, keep, log);
  const planned = yield* recordSteps(session, false);
  return yield* recordNaive(placeOf(session), planned, session.staged ?? session.file, log);
}

/** Where in the file any state may differ from the file. */
function touchedBy({ base, events }: Recording): Ranges {
  const touched = new Ranges();
  const cut = (size: number): void => touched.add(size, Number.MAX_SAFE_INTEGER - size);
  cut(base.size);
  for (const event of events) {
    if (event.op === 'write' && event.file === 'image') touched.add(event.offset, event.length);
    if (event.op === 'resize') cut(Math.min(event.size, base.size));
  }
  return touched;
}

/** Which image the bytes are, or why neither. `half`: as good as both, but written in part. */
type Which = 'old' | 'new' | 'half' | { readonly why: string };

class Judge {
  readonly #session: Session;
  readonly #recording: Recording;
  readonly #likener: Likener;
  readonly #old: Likeness;
  readonly #new: Likeness;
  readonly #disk: CrashDisk;
  /** Images that were judged, by what is in them: many states differ only in the journal. */
  readonly #known = new Map<string, Which>();

  constructor(session: Session, recording: Recording, likener: Likener, old: Likeness, now: Likeness) {
    this.#session = session;
    this.#recording = recording;
    this.#likener = likener;
    this.#old = old;
    this.#new = now;
    this.#disk = new CrashDisk(recording);
  }

  *of(state: CrashState): Generator<Progress, Judged> {
    const files = this.#disk.files(state);
    const key = imageKey(state, this.#recording.events);
    const which = this.#known.get(key) ?? (yield* this.#which(files.image));
    this.#known.set(key, which);
    if (!files.journal) {
      if (typeof which === 'object') return { outcome: 'lost', why: which.why };
      return { outcome: which === 'half' ? 'old' : which };
    }
    const mended = yield* this.#mended(files);
    if (typeof mended === 'object') return { outcome: 'lost', why: mended.why };
    return { outcome: which === 'old' || which === 'new' ? which : 'journal' };
  }

  /** What recovery makes of it. */
  *#mended(files: CrashFiles): Generator<Progress, Which> {
    const site = new CrashSite(files, this.#recording);
    try {
      recoverOn(site, { force: false });
      const which = yield* this.#which(site.image);
      if (typeof which !== 'object') return which;
      return { why: `recovery leaves neither the old nor the new image: ${which.why}` };
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      return { why: `recovery is refused: ${error.what}` };
    } finally {
      site.close();
    }
  }

  *#which(device: Device): Generator<Progress, Which> {
    const reasons: string[] = [];
    for (const format of new Set([this.#old.format, this.#new.format])) {
      try {
        const like = yield* this.#likener.of(this.#session.openOn(device, format));
        const isOld = isLike(like, this.#old);
        const isNew = isLike(like, this.#new);
        if (isOld && isNew) return this.#byBytes(device);
        if (isOld) return 'old';
        if (isNew) return 'new';
        reasons.push(`as ${format} ${difference(like, this.#old, this.#new)}`);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        reasons.push(`as ${format}: ${error.what}`);
      }
    }
    return { why: reasons.join('; ') };
  }

  /** Old and new are alike to who uses them: what is written in place tells them apart. */
  #byBytes(device: Device): Which {
    const { events, log, base, result } = this.#recording;
    const inPlace = events.filter(
      (event): event is RecordedWrite => event.op === 'write' && event.file === 'image' && event.stage !== 'fresh',
    );
    let isOld = inPlace.length > 0 || device.size === base.size;
    let isNew = inPlace.length > 0 || device.size === result.newSize;
    for (const { offset, length, at } of inPlace) {
      const now = readBytes(device, offset, length);
      const next = new Uint8Array(length);
      log?.read(at, next);
      isNew &&= Buffer.compare(now, next) === 0;
      isOld &&= Buffer.compare(now, readBytes(base, offset, length)) === 0;
    }
    return isNew ? 'new' : isOld ? 'old' : 'half';
  }
}

/** Equal for states whose image holds the same. */
function imageKey(state: CrashState, events: readonly RecordedEvent[]): string {
  const { segment, torn } = state;
  const isImage = (i: number): boolean => {
    const event = events[i];
    return (event?.op === 'write' || event?.op === 'resize') && event.file === 'image';
  };
  const pending = segment.pending.filter(isImage);
  const called = events.slice(0, segment.from).filter((_, i) => isImage(i)).length;
  const durable = called - pending.filter((i) => i < segment.from).length;
  const kept = keptEvents(state);
  const tear = torn && isImage(torn.event) ? `${torn.event} ${torn.how} ${torn.seed}` : '';
  return `${durable} ${pending.filter((i) => kept.has(i)).join()} ${tear}`;
}

/** Why an image that opens is neither of the two. */
function difference(found: Likeness, old: Likeness, now: Likeness): string {
  const same = [old, now].filter(({ format }) => format === found.format);
  if (same.every(({ size }) => size !== found.size)) return `its disk has ${found.size} bytes`;
  if (same.every(({ contents }) => contents !== found.contents)) return 'the guest finds other contents';
  return `check counts ${found.faults}, expected ${[...new Set(same.map(({ faults }) => faults))].join(' or ')} faults`;
}

/** The state of that number as a session to look around in. Throws ImageError `no-such-state`, or as opening does. */
export function stepInto(session: Session, exploration: Exploration, number: number, follow: FollowPolicy): Session {
  const { image } = exploration.files(number);
  const why = new ImageError({
    code: 'crash-state',
    what: `this is what a crash would leave, state ${number}: nothing can be changed here`,
    tryThis: 'crash --leave',
  });
  const formats = new Set([session.original().format, session.image.format, probe(image).name, 'raw']);
  let failure: unknown;
  for (const format of formats) {
    const file = new CrashFile(session.file, image);
    try {
      return Session.toLookAt(file, { format, follow, passphrase: session.options.passphrase }, why);
    } catch (error) {
      file.close();
      if (!(error instanceof ImageError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}
