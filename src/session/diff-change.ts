/** What a diff says, one change at a time. Bytes of the file; `old` and `new` are in the order that was asked for. */
import type { Role } from '../drivers/driver.ts';

/** A field and its two values, in its own terms. */
export interface FieldChange {
  /** `header.size`, `target l2[0][3]`. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly old: string;
  readonly new: string;
}

/** Entries of one table, folded. */
export interface EntriesChange {
  /** `l2[0][16..47]`. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** How many of them changed, and how many stand from the first to the last. */
  readonly count: number;
  readonly span: number;
  readonly first: FieldChange;
  readonly last: FieldChange;
}

/** A table that is in one of the two moments only. */
export interface TableChange {
  /** `l2[3][0..511]`. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly state: 'new' | 'gone';
  readonly entries: number;
  /** Entries that are not 0. */
  readonly set: number;
}

/** What has no fields. */
export interface BytesChange {
  readonly offset: number;
  readonly length: number;
  /** Whose the bytes are; absent where nobody looked, because only a walk over the image tells. */
  readonly role?: Role;
  /** Which structure, where they are of one and no field of it names them: `header`, `l1`. */
  readonly inside?: string;
  /** The guest byte that the first one is. */
  readonly guest?: number;
}

export type Change =
  | ({ readonly kind: 'size' } & { readonly old: number; readonly new: number })
  | ({ readonly kind: 'field' } & FieldChange)
  | ({ readonly kind: 'entries' } & EntriesChange)
  | ({ readonly kind: 'table' } & TableChange)
  | ({ readonly kind: 'bytes' } & BytesChange);

/** The same change the other way round. */
export function inverse(change: Change): Change {
  switch (change.kind) {
    case 'size':
      return { ...change, old: change.new, new: change.old };
    case 'field':
      return { ...change, ...turned(change) };
    case 'entries':
      return { ...change, first: turned(change.first), last: turned(change.last) };
    case 'table':
      return { ...change, state: change.state === 'new' ? 'gone' : 'new' };
    case 'bytes':
      return change;
  }
}

function turned(change: FieldChange): FieldChange {
  return { ...change, old: change.new, new: change.old };
}
