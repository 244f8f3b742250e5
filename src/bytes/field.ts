/**
 * A named field of an image where it stands in the file: what the inspector, the hexdump, `print`, `set` and `explain`
 * show. Drivers make them (driver.ts); everything else only reads them.
 */

/** One part of an entry or of a set of flags, spelled out. `set PATH.NAME` sets it alone. */
export interface FieldPart {
  /** `offset`, `copied`, `compressed`, `dirty`. */
  readonly name: string;
  readonly text: string;
  readonly doc?: string;
}

export interface Field {
  /** Unique in the image, as `print` takes it: `header.cluster_bits`, `l1[0]`, `l2[0][16]`, `refcount[9]`. */
  readonly path: string;
  /** Bytes of the file. */
  readonly offset: number;
  /** Bytes; a field of fewer than eight bits has 1. */
  readonly size: number;
  /** The value in the field's own terms, exact, as `set` takes it: `16`, `8388608 (8 MiB)`, `0x50000 copied`, `unallocated`. */
  readonly text: string;
  readonly parts?: readonly FieldPart[];
  readonly doc?: string;
  /** Section of the format's specification. */
  readonly spec: string;
  /** The byte of the file that the field leads to, where it leads anywhere. */
  readonly points?: number;
  /** Guest bytes that the field decides about: an L2 entry's cluster, what an L1 entry covers. */
  readonly guest?: { readonly offset: number; readonly length: number };
}

/** Some fields of many: what `print l2[0]` lists. */
export interface FieldList {
  readonly fields: readonly Field[];
  /** The path was that of one field, or of a part of one. */
  readonly single?: true;
  /** Entries before the last one listed that were left out because they are 0. */
  readonly empty: number;
  /** The first that is not listed; absent when the list is whole. */
  readonly next?: string;
}

/** The bytes that set a field. */
export interface FieldWrite {
  /** Bytes of the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** One stop on the way from a guest byte to its host byte. */
export interface Hop {
  /** `L1 entry`, `L2 entry`, `refcount`, `data`, `backing file`. */
  readonly title: string;
  /** Where the stop is in the file: the field's offset, or the host byte of the data. Absent: the way ends outside. */
  readonly host?: number;
  /** Bytes at `host`. */
  readonly length?: number;
  readonly field?: Field;
  /** The stop in one sentence without a full stop: `slot 0 of 512: its L2 table is at 0x4000`. */
  readonly says: string;
}
