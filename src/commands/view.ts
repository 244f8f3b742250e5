/**
 * What a command answers: data, never text, colour or widgets. The same value becomes lines for a person
 * (to-text.ts) and JSON (to-json.ts).
 *
 * Invariant: a View that can be long (`map`) is a description of what to walk, not the rows themselves, so that
 * listing an image of sixteen million extents takes no more memory than listing ten.
 */
import type { Extent } from '../bytes/extents.ts';
import type { Image, Role } from '../drivers/driver.ts';
import type { CheckReport } from '../drivers/finding.ts';
import type { Diff } from '../session/diff.ts';
import type { Spot } from '../session/trail.ts';
import type { Unweighed } from './palette.ts';

export type View =
  | NothingView
  | MessageView
  | FactsView
  | TableView
  | MapView
  | CheckView
  | HexdumpView
  | DiffView
  | StripView
  | PartsView
  | ScriptView;

/** The byte that an answer is about: a screen puts its cursor there. */
export type Place = Spot;

interface Placed {
  readonly place?: Place;
}

export interface NothingView {
  readonly kind: 'nothing';
}

/** A sentence or a few lines; `data` is what a script wants of it. */
export interface MessageView extends Placed {
  readonly kind: 'message';
  readonly text: string;
  /** Paragraphs, to be broken into lines; one that begins with a blank stays as it is. */
  readonly prose?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** How a number is shown: `size` as `64 KiB`, `offset` as `0x50000`. JSON always has the number. */
export type Unit = 'plain' | 'size' | 'offset';

export interface Fact {
  /** JSON's key. */
  readonly key: string;
  /** The words before the colon; the key with blanks for hyphens when absent. */
  readonly label?: string;
  readonly value: FactValue;
  readonly unit?: Unit;
  /** For the few facts whose place differs between the two. */
  readonly only?: 'text' | 'json';
}

export type Scalar = string | number | boolean;
export type FactValue = Scalar | readonly Scalar[] | readonly Fact[] | readonly (readonly Fact[])[];

export interface FactsView extends Placed {
  readonly kind: 'facts';
  readonly facts: readonly Fact[];
}

export interface Column {
  readonly key: string;
  readonly label: string;
  readonly unit?: Unit;
  readonly align?: 'right';
}

export interface TableView extends Placed {
  readonly kind: 'table';
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (Scalar | undefined)[])[];
  /** Shown in place of a table without rows. */
  readonly empty: string;
  /** Sentences below the table, for a person. */
  readonly notes?: readonly string[];
}

/** Where guest bytes `from` .. `to` - 1 live, down the backing chain as far as it was opened. */
export interface MapView {
  readonly kind: 'map';
  /** The image first, then its backing files as far as they may be followed. */
  readonly chain: readonly Image[];
  /** The name of the first backing file that was not opened. */
  readonly unopened?: string;
  readonly from: number;
  readonly to: number;
  readonly shape: 'list' | 'by-host' | 'summary';
  /** For the summary of a whole disk: the image whose file is looked through for what is leaked or claimed twice. */
  readonly owners?: Image;
}

export interface CheckView {
  readonly kind: 'check';
  readonly filename: string;
  readonly format: string;
  /** Undefined: the format has nothing to check. */
  readonly report?: CheckReport;
}

/** Bytes of the file, a line each 16 of them: what owns them, and the fields they are. */
export interface HexdumpView extends Placed {
  readonly kind: 'hexdump';
  readonly lines: readonly {
    readonly offset: number;
    readonly bytes: Uint8Array;
    readonly owner: string;
    /** Paths, in order. */
    readonly fields: readonly string[];
    /** The line in stretches, without a hole between them. */
    readonly spans: readonly DumpSpan[];
  }[];
}

/** Bytes with one owner and one field, or several that share a byte. */
export interface DumpSpan {
  /** Bytes of the file. */
  readonly offset: number;
  readonly length: number;
  readonly role: Role;
  readonly owner: string;
  /** Paths; none where no field is declared. */
  readonly fields: readonly string[];
  /** Part of a structure, but of none of its fields. */
  readonly gap?: true;
}

/** A row of points, each with a glyph and a colour: as long as it is, it is broken into lines. */
export interface StripView {
  readonly kind: 'strip';
  /** Keys of `looks`, in order. */
  readonly points: readonly string[];
  readonly looks: Readonly<Record<string, Unweighed>>;
  /** Points before which a mark stands, by index, ascending. */
  readonly marks: readonly number[];
  /** What a mark is. */
  readonly mark: string;
}

/** What differs between two moments: compared while it is written. Good until the next step. */
export interface DiffView {
  readonly kind: 'diff';
  readonly diff: Diff;
  /** `the file on disk -> step 3, copy-header`. */
  readonly title: string;
  /** Every field, none folded and none left out. */
  readonly all: boolean;
  /** With the bytes before and after. */
  readonly bytes: boolean;
}

/** Several views in one, each under its JSON key. */
export interface PartsView extends Placed {
  readonly kind: 'parts';
  readonly parts: readonly { readonly key: string; readonly title?: string; readonly view: View }[];
}

/** Lines to be run as if they were typed: nothing to show, the runner runs them. */
export interface ScriptView {
  readonly kind: 'script';
  readonly name: string;
  /** Which file they are of, whatever its name. */
  readonly id: string;
  readonly lines: readonly string[];
  /** Whether lines after one that failed are run too. */
  readonly keepGoing: boolean;
  /** Whether each line is shown before it runs. */
  readonly verbose: boolean;
}

export const NOTHING: View = { kind: 'nothing' };

export function message(text: string, data?: Readonly<Record<string, unknown>>, place?: Place): MessageView {
  return { kind: 'message', text, data, ...(place && { place }) };
}

/** The kinds of extent as a person reads them in a list. */
export const KIND_TEXT: Readonly<Record<Extent['kind'], string>> = {
  unallocated: 'unallocated',
  data: 'data',
  zero: 'zero',
  'zero-allocated': 'zero, allocated',
  'unallocated-allocated': 'unallocated, space reserved',
  compressed: 'compressed',
  encrypted: 'encrypted',
  invalid: 'INVALID',
};
