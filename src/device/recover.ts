/** Recovery of a real file: what to do about a journal that a crash left beside an image. */
import type { Progress } from '../bytes/progress.ts';
import { FileDevice } from './file.ts';
import { FileSite } from './file-site.ts';
import { refuseWhenInUse } from './in-use.ts';
import { fieldText, JOURNAL_STATES, type JournalState, type RecordKind } from './journal.ts';
import { findJournal } from './journal-path.ts';
import { readJournal, refuseOtherFile } from './journal-reader.ts';
import { withLock } from './lock-file.ts';
import { type RecoveryResult, recoverOn } from './recovery.ts';

/**
 * Finishes or takes back the commit whose journal lies beside the image. `force`: even where the file was written to
 * by others since. Throws ImageError `journal-damaged`, `journal-not-of-this-image`, `journal-foreign-write`,
 * `in-use`, `locked`, or as writing does; the image is then as it was found.
 */
export function* recover(
  imagePath: string,
  { force = false }: { readonly force?: boolean } = {},
): Generator<Progress, RecoveryResult> {
  const image = new FileDevice(imagePath);
  try {
    if (findJournal(image) === undefined) {
      return { outcome: 'none', what: 'there is no journal beside the image', notes: [] };
    }
    return yield* withLock(image.path, function* (): Generator<Progress, RecoveryResult> {
      yield { what: 'recovery', done: 0, total: 1 };
      const site = new FileSite(image);
      try {
        refuseWhenInUse(image);
        image.allowWrites();
        return recoverOn(site, { force });
      } finally {
        site.close();
      }
    });
  } finally {
    image.close();
  }
}

/** What a journal or rollback file says of itself. Sizes in bytes. */
export interface JournalDescription {
  readonly state: JournalState;
  readonly label: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly dev: string;
  readonly ino: string;
  readonly oldSize: number;
  /** Absent while the commit was still preparing. */
  readonly newSize?: number;
  readonly overwrittenBytes: number;
  readonly freshBytes: number;
  readonly cutBytes: number;
  /** The file's own length. */
  readonly bytes: number;
  /** What is stored, in order: at most RANGES_LISTED of them; bytes of the image. */
  readonly ranges: readonly { readonly kind: RecordKind; readonly offset: number; readonly length: number }[];
  readonly rangeCount: number;
}

/** Ranges that a description lists. */
const RANGES_LISTED = 64;

/** Reads and checks a journal or rollback file. Undefined: it was never finished being made. Throws ImageError `journal-damaged`, `not-a-rollback-file`. */
export function describe(path: string): JournalDescription | undefined {
  const file = new FileDevice(path);
  try {
    refuseOtherFile(file);
    const journal = readJournal(file);
    if (!journal) return undefined;
    const { header, state, stateName, records } = journal;
    const sum = (kind: string): number =>
      records.reduce((total, record) => total + (record.kind === kind ? record.length : 0), 0);
    // What the commit wrote is told by what it replaced: a pair is one range.
    const ranges = records.filter(({ kind }) => kind !== 'new' && kind !== 'new-header');
    return {
      state: stateName,
      label: fieldText(header.label),
      created: header.created,
      dev: fieldText(header.dev),
      ino: fieldText(header.ino),
      oldSize: header.old_size,
      ...(stateName === JOURNAL_STATES[0] ? {} : { newSize: state.new_size }),
      overwrittenBytes: sum('old') + sum('old-header'),
      freshBytes: sum('fresh'),
      cutBytes: sum('cut'),
      bytes: file.size,
      ranges: ranges.slice(0, RANGES_LISTED).map(({ kind, offset, length }) => ({ kind, offset, length })),
      rangeCount: ranges.length,
    };
  } finally {
    file.close();
  }
}
