/**
 * What `commit` would do, in its order: the very protocol, run on paper (device/recording.ts). A row is what one run of
 * calls does to one place; a barrier belongs to the row before it.
 */
import type { Progress } from '../bytes/progress.ts';
import type { ByteLog } from '../device/byte-log.ts';
import type { CommitRules } from '../device/commit-source.ts';
import { journalPathOf } from '../device/journal-path.ts';
import {
  type RecordedEvent,
  type RecordedPlace,
  type Recording,
  recordCommit,
  type WriteStage,
} from '../device/recording.ts';
import { journalOf, sourceOf } from './commit.ts';
import type { Session } from './session.ts';

/**
 * What is found if the machine stops while this is done or flushed: `old` and `new` the image of before and after,
 * whole; `old-or-new` one of the two; `journal`: perhaps neither, and the next open mends it from the journal.
 */
export type Instant = 'old' | 'old-or-new' | 'journal' | 'new';

export type PlanStage = WriteStage | 'grow' | 'truncate' | 'make journal' | 'remove journal' | 'keep journal' | 'flush';

export type Flushed = 'image' | 'journal' | 'folder';

/** Bytes. */
export interface PlanRow {
  readonly stage: PlanStage;
  readonly offset?: number;
  readonly length?: number;
  readonly what: string;
  /** What is flushed after it: nothing that follows is written before the disk has all that came before. */
  readonly flushes: readonly Flushed[];
  readonly instant: Instant;
}

/** Sizes in bytes. */
export interface Plan {
  readonly rows: readonly PlanRow[];
  /** The image's length before, after, and at most in between. */
  readonly oldSize: number;
  readonly newSize: number;
  readonly peakSize: number;
  readonly journalSize: number;
  /** What is written over bytes that the old image claims, the header sector included. */
  readonly overwritten: number;
  readonly written: number;
  readonly barriers: number;
}

/** What `commit` would do. `keep`: as with a rollback file. Throws ImageError `nothing-to-commit`. */
export function* planSteps(session: Session, keep = false): Generator<Progress, Plan> {
  return planOf(yield* recordSteps(session, keep));
}

/** The commit of the applied steps on paper; with a `log` the bytes are kept. */
export function* recordSteps(session: Session, keep: boolean, log?: ByteLog): Generator<Progress, Recording> {
  const rules: CommitRules = { keep, journal: journalOf(session), label: labelOf(session) };
  return yield* recordCommit(placeOf(session), sourceOf(session), rules, log);
}

/** The session's file as a recording needs it. */
export function placeOf({ file }: Session): RecordedPlace {
  const { identity } = file;
  return {
    image: file,
    imageId: identity,
    mtimeNs: identity.mtimeNs,
    fixedSize: file.kind === 'block-device',
    journalName: journalPathOf(file),
  };
}

/** The commands, for the journal. */
export function labelOf({ steps }: Session): string {
  return steps.flatMap(({ line, applied }) => (applied ? [line] : [])).join('; ');
}

/** The rows of a recorded commit, with what each moment would leave. */
export function planOf(recording: Recording): Plan {
  const { events, base, result } = recording;
  const rows: Row[] = [];
  const instants = instantsOf(recording);
  let peakSize = base.size;
  let size = base.size;
  let journalSize = 0;
  let written = 0;
  let overwritten = 0;
  let barriers = 0;
  events.forEach((event, i) => {
    const instant = instants[i] as Instant;
    const last = rows.at(-1);
    if (event.op === 'flush' || event.op === 'sync-folder') {
      barriers++;
      const flushed = event.op === 'flush' ? event.file : 'folder';
      if (!last) rows.push({ stage: 'flush', what: '', flushes: [flushed], instant });
      else last.flushes.push(flushed);
      return;
    }
    if (event.op === 'write') {
      const end = event.offset + event.length;
      if (event.file === 'journal') journalSize = Math.max(journalSize, end);
      else {
        size = Math.max(size, end);
        written += event.length;
        if (event.stage !== 'fresh') overwritten += event.length;
      }
      const goesOn = last?.stage === event.stage && last.flushes.length === 0 && last.instant === instant;
      if (
        goesOn &&
        last.what === event.what &&
        last.offset !== undefined &&
        last.offset + (last.length ?? 0) === event.offset
      ) {
        last.length = (last.length ?? 0) + event.length;
      } else
        rows.push({
          stage: event.stage,
          offset: event.offset,
          length: event.length,
          what: event.what,
          flushes: [],
          instant,
        });
    } else if (event.op === 'resize') {
      const [low, high] = [Math.min(event.from, event.size), Math.max(event.from, event.size)];
      size = event.size;
      const [stage, what] =
        event.size < event.from ? (['truncate', 'cut off'] as const) : (['grow', 'new length'] as const);
      rows.push({ stage, offset: low, length: high - low, what, flushes: [], instant });
    } else rows.push({ stage: `${event.op === 'create' ? 'make' : event.op} journal`, what: '', flushes: [], instant });
    peakSize = Math.max(peakSize, size);
  });
  return { rows, oldSize: base.size, newSize: result.newSize, peakSize, journalSize, overwritten, written, barriers };
}

type Row = { -readonly [K in keyof Omit<PlanRow, 'flushes'>]: PlanRow[K] } & { readonly flushes: Flushed[] };

/** What may be found after each event. One sector is old or new by itself; more than one need the journal. */
export function instantsOf({ events, rules }: Recording): Instant[] {
  const isChange = (event: RecordedEvent): boolean => {
    if (rules.journal === 'always' && event.op === 'resize') return event.file === 'image';
    if (event.op !== 'write' || event.file !== 'image') return false;
    return rules.journal === 'always' || event.stage !== 'fresh';
  };
  const needsJournal =
    rules.journal === 'always' || events.some((event) => event.op === 'write' && event.stage === 'overwrite');
  const changing: Instant = needsJournal ? 'journal' : 'old-or-new';
  const first = events.findIndex(isChange);
  const last = events.findLastIndex(isChange);
  const isFlush = (event: RecordedEvent): boolean => event.op === 'flush' && event.file === 'image';
  // A commit that only appends or cuts changes nothing that either image reads: it is done at its last flush.
  const settled =
    first < 0 ? events.findLastIndex(isFlush) : events.findIndex((event, i) => i > last && isFlush(event));
  // Until the journal is READY, recovery goes back: what is complete may still become the old image.
  const ready = rules.journal === 'always' ? events.findLastIndex((event) => event.op === 'remove') : -1;
  return events.map((_, i) => {
    if (first < 0) return i < settled ? 'old-or-new' : 'new';
    return i < first ? 'old' : i < Math.max(settled, ready) ? changing : 'new';
  });
}
