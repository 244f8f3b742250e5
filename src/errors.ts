/**
 * The three kinds of complaint, never mixed:
 *  - a finding (drivers/finding.ts): the image is odd. Data, listed by `check`, never thrown.
 *  - an ImageError: we cannot go on, and the reason lies in the image, the file or the request. Thrown by
 *    drivers, devices and the conversion; caught once, in the command runner; shown without a stack.
 *  - anything else is a bug in Platter: shown with a stack and a plea to report it.
 */

/** A place in a file that a complaint is about, so that it can be shown in a hexdump. */
export interface Where {
  /** Byte offset in the file. */
  readonly offset: number;
  /** How many bytes the complaint is about. */
  readonly length: number;
  /** The field, in the format's own words: `header.cluster_bits`, `l2[0][5]`. */
  readonly path?: string;
  /** The file, when it is not the image itself (backing file, journal). */
  readonly file?: string;
  /** The section of the format's specification that states the rule. */
  readonly spec?: string;
}

/** The class of a defect: what kind of rule was broken, whatever the format. */
export type FaultClass =
  | 'magic'
  | 'version'
  | 'unsupported'
  | 'range'
  | 'align'
  | 'overlap'
  | 'eof'
  | 'dup'
  | 'checksum'
  | 'dirty'
  | 'reserved'
  | 'consistency'
  | 'size';

export interface Complaint {
  /** Stable kebab-case name, for scripts and for looking the rule up. */
  readonly code: string;
  /** What is, and what was expected, with both numbers. No full stop at the end. */
  readonly what: string;
  readonly class?: FaultClass;
  readonly where?: Where;
  /** What the user can do about it. No full stop at the end. */
  readonly tryThis?: string;
}

/** `what (offset 0x14, 4 bytes). Try: tryThis` */
export function sentence(complaint: Complaint): string {
  const { what, where, tryThis } = complaint;
  const place = where ? ` (${whereText(where)})` : '';
  return `${what}${place}${tryThis ? `. Try: ${tryThis}` : ''}`;
}

export function whereText(where: Where): string {
  const file = where.file ? `${where.file}, ` : '';
  return `${file}offset 0x${where.offset.toString(16)}, ${where.length} ${where.length === 1 ? 'byte' : 'bytes'}`;
}

/** We cannot go on; the reason is the image, the file or the request, not Platter. */
export class ImageError extends Error implements Complaint {
  override readonly name = 'ImageError';
  readonly code: string;
  readonly what: string;
  readonly class?: FaultClass;
  readonly where?: Where;
  readonly tryThis?: string;

  constructor(complaint: Complaint) {
    super(sentence(complaint));
    this.code = complaint.code;
    this.what = complaint.what;
    this.class = complaint.class;
    this.where = complaint.where;
    this.tryThis = complaint.tryThis;
  }
}

/** One reason why a conversion was refused, and what would lift it. */
export interface Reason {
  /** Stable kebab-case name of the feature or rule: 'snapshots', 'compressed', 'dirty'. */
  readonly code: string;
  readonly what: string;
  /** What would lift the refusal. */
  readonly lift: string;
}

/** A request was refused before anything was staged; every reason at once. */
export class Refusal extends ImageError {
  readonly reasons: readonly Reason[];

  constructor(what: string, reasons: readonly Reason[]) {
    super({
      code: 'refused',
      class: 'unsupported',
      what: `${what}:${reasons.map((r) => `\n  - ${r.what} [${r.code}]. To lift this: ${r.lift}`).join('')}`,
    });
    this.reasons = reasons;
  }
}
