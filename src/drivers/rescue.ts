/**
 * Rescue: what a format can still find of an image whose header, tables or refcounts are gone. A driver looks, says
 * what it found, why, and how sure it is; whoever asked decides what is taken.
 *
 *  1. `search` writes nothing and never throws for what the bytes say. Its work is linear in the file, its memory
 *     bounded by the file's tables; where a bound is reached, a note says so.
 *  2. Proposals stand in the order in which they have to be applied; each names those it builds on.
 *  3. A proposal of confidence `high` has evidence of its own: a checksum, a structure that says where it lies, an
 *     agreement of tables. What is only likely is `low`, with what else it could be.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Device } from '../device/device.ts';
import type { OpenContext } from './driver.ts';

export type Confidence = 'high' | 'low';

export type LostPart = 'header' | 'l1' | 'l2' | 'refcounts';

export interface Proposal {
  readonly part: LostPart;
  /** What would be changed: 'l1[3]: the L2 table at 0x50000'. */
  readonly what: string;
  /** Bytes: where the found structure or data stands in the file, and the guest bytes that come back. */
  readonly host?: number;
  readonly guest?: number;
  readonly length?: number;
  readonly confidence: Confidence;
  /** What speaks for it, one clause each. */
  readonly evidence: readonly string[];
  /** What else it could be; for `low`. */
  readonly alternatives: readonly string[];
  /** Indices of proposals that must be applied with it. */
  readonly needs: readonly number[];
  /** Writes it to the device. */
  apply(device: Device): Generator<Progress, void>;
}

/** What a search came to. */
export interface Findings {
  readonly format: string;
  /** How much speaks for this format, for files that nothing else tells of; 0: nothing. */
  readonly score: number;
  readonly proposals: readonly Proposal[];
  /** What was found and could not be placed, and bounds that were reached. */
  readonly notes: readonly string[];
}

export interface RescueDriver {
  search(device: Device, context: OpenContext): Generator<Progress, Findings>;
}
