/**
 * Mending what `check` finds: a driver says what could be done about each finding, what that would change and what
 * would be lost by it; src/check/repair.ts chooses, whatever the format.
 *
 * What holds for every driver (test/check/repair.test.ts):
 *  1. A proposal that is `isSafe` changes no byte that the guest reads now, and loses nothing that could still be found.
 *  2. Nothing frees a cluster whose bytes are not all zero but a proposal that says so in `freesData`.
 *  3. New structures and copies go behind the end of the file: what is there and seems free may be all that is left
 *     of something lost.
 *  4. Whatever is chosen, refcounts and flags of what was touched are right afterwards.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Range } from '../bytes/ranges.ts';
import type { Device } from '../device/device.ts';
import type { Where } from '../errors.ts';
import type { OpenContext } from './driver.ts';
import type { CheckReport, Finding } from './finding.ts';

export interface Proposal {
  /** Of the findings that it mends, and how many of them: the first few places. */
  readonly code: string;
  readonly findings: number;
  readonly places: readonly Where[];
  /** What would be done, one sentence without the final stop. */
  readonly change: string;
  /** What would be lost by it; absent: nothing. */
  readonly loses?: string;
  /** What the guest reads afterwards, where that is not what it reads now. */
  readonly guestReads?: string;
  readonly isSafe: boolean;
  /** Proposals of one group exclude each other; the preferred one is taken where nobody chooses. */
  readonly group: string;
  readonly isPreferred: boolean;
  /** What to try first. */
  readonly hint?: string;
  /** Guest bytes that may read otherwise afterwards, where they are few enough to be told. */
  readonly guest: readonly Range[];
  /** How many bytes other than zero it would free, which nothing refers to. */
  readonly freesData?: number;
  /** Only for an image in which nothing else is wrong: a mark that says that it is. */
  readonly isLast?: boolean;
}

/** What can be done about one state of an image. */
export interface Repairs {
  readonly report: CheckReport;
  readonly proposals: readonly Proposal[];
  /** Findings that nothing here mends, each with the reason. */
  readonly unmended: readonly { readonly finding: Finding; readonly why: string }[];
  /** Does what some of `proposals` say, on the same state. */
  apply(device: Device, chosen: readonly Proposal[]): Generator<Progress, void>;
}

export interface RepairDriver {
  /** Checks the image and says what can be done. Throws ImageError where it cannot be opened. */
  examine(device: Device, context: OpenContext): Generator<Progress, Repairs>;
}
