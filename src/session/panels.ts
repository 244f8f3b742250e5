/**
 * What the screen, `status` and `export` show of a session, as interfaces: the guest's side (extents) and the file's
 * side (clusters). extent-table.ts and cluster-map.ts make them, by walking the image in slices; whoever draws sees
 * only this.
 */
import type { ExtentKind } from '../bytes/extents.ts';
import type { Field } from '../bytes/field.ts';
import type { Region, Role } from '../drivers/driver.ts';

/** `source`: the image as it was before the conversion (or just the image). `target`: what it is becoming. */
export type Side = 'source' | 'target';

/** One line of the extent table. Bytes. */
export interface ExtentRow {
  readonly kind: ExtentKind;
  readonly guest: number;
  readonly length: number;
  readonly host?: number;
  /** `compressed` only: how many bytes of the file the stream may occupy. */
  readonly hostLength?: number;
  /** `invalid` only: what is wrong with the entry. */
  readonly fault?: string;
  /** Differs from what the table showed before the last step. */
  readonly changed: boolean;
}

/** Rows in some order, some of them left out. Every call takes well under a millisecond at eight million rows. */
export interface ExtentRows {
  /** How many rows there are; it grows while the walk goes on. */
  readonly count: number;
  /** False while the image is still being walked, or the order made. */
  readonly complete: boolean;
  /** Host offsets are of an external data file: they are no places of the cluster map. */
  readonly hostIsElsewhere: boolean;
  /** `index` is below `count`. */
  at(index: number): ExtentRow;
  /** The row that holds the guest byte, or the nearest one before it; -1 when there is none. */
  indexOfGuest(guest: number): number;
  /** The row whose data lies at the host byte; -1 when there is none (or the order by host is not made yet). */
  indexOfHost(host: number): number;
}

/** How the user wants the rows. By host, only rows with a place in the file are listed. */
export interface RowOrder {
  readonly sort: 'guest' | 'host';
  /** Undefined: all kinds. `unallocated` runs are rows only where they are asked for. */
  readonly kinds?: readonly ExtentKind[];
}

/** What a stretch of the file shows in one cell. */
export interface Cell {
  /** The gravest role in the stretch (lowest weight in the palette). */
  readonly role: Role;
  /** Something in the stretch has another owner than before the last step, or was written by it. */
  readonly changed: boolean;
}

/** The file as one format sees it, at a grain of `unit` bytes: the cluster, or more where the file is very large. */
export interface ClusterSide {
  readonly format: string;
  /** False while the walk goes on. */
  readonly complete: boolean;
  /** Of the bytes `from` .. `to` - 1. Cost does not depend on how many clusters that is. */
  cell(from: number, to: number): Cell;
  /**
   * Of cell number `cell`, of `cellBytes` (a multiple of the unit) each: the role that most of it has; but what is
   * wrong, however little. Once complete. Counted when first asked for.
   */
  most(cell: number, cellBytes: number): Cell;
  /** Bytes by role; they sum up to the file's size. */
  totals(): Readonly<Partial<Record<Role, number>>>;
}

export type ShareName = 'overlap' | 'target-only' | 'source-only' | 'shared' | 'leaked' | 'free';

export interface ClusterView {
  /** Bytes: the larger of the file as it is and as it would be. */
  readonly size: number;
  readonly unit: number;
  readonly source: ClusterSide;
  /** Present while a target is open, and after copy-header until commit (then source is the file as it is on disk). */
  readonly target?: ClusterSide;
  /** Both sides in one: the gravest share of the bytes `from` .. `to` - 1. `shared` when there is no target and it is used. */
  share(from: number, to: number): ShareName;
  /** The same as `most` of a side, for both. */
  mostShare(cell: number, cellBytes: number): ShareName;
  shares(): Readonly<Partial<Record<ShareName, number>>>;
}

/** What lies at a byte of the file, for the inspector. */
export interface Inspection {
  readonly side: Side;
  /** Of the first byte shown; a multiple of 16. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The owner of the byte asked for; absent until the walk over the file is done. */
  readonly region?: Region;
  /** Named fields that lie in the bytes shown, in order; none in guest data. */
  readonly fields: readonly Field[];
  /** The field that holds the byte asked for. */
  readonly current?: Field;
  /** The guest byte that is stored at the byte asked for, where the table tells. */
  readonly guest?: number;
  /** The bytes as they are on the disk, where a staged step changed them. */
  readonly before?: Uint8Array;
}
