/**
 * The block-conversion API of the 2011 series, in today's words, and what surrounds it. A driver *translates*: it
 * says where guest bytes lie and who owns each byte of the file; guest-io.ts reads and writes guest bytes for every
 * format from those translations.
 *
 * What holds for every driver (test/drivers/contract.ts checks each sentence):
 *  1. `mappings` tiles [from, to) of the disk with maximal runs, in guest order.
 *  2. `getMapping(g)` starts at g, is never empty, never reaches past the disk's end, and agrees with `mappings`.
 *  3. `regions()` tiles the file exactly: every byte has one owner, or is free, or leaked.
 *  4. Opening reads bounded tables only; nothing is allocated that the file's length does not justify.
 *  5. `fields` lie in the bytes asked for and are found again by their path; `encodeField` of what a field shows changes
 *     no byte; `trace` ends where `getMapping` says.
 *  6. Reading never writes: only a ConversionTarget writes, and only through the device it was given.
 */
import type { EntryLayout } from '../bytes/bits.ts';
import type { Extent, ExtentColumns } from '../bytes/extents.ts';
import type { Field, FieldList, FieldWrite, Hop } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Range, Ranges } from '../bytes/ranges.ts';
import type { Struct } from '../bytes/struct.ts';
import type { Device } from '../device/device.ts';
import type { ImageError, Reason } from '../errors.ts';
import type { CheckReport } from './finding.ts';
import type { RepairDriver } from './repair.ts';
import type { RescueDriver } from './rescue.ts';
import type { SectorCipher } from './sector-cipher.ts';
import type { WritingDriver } from './writing.ts';

/**
 * What a source may hold that a target may be unable to represent. A source states each it has as a Feature; a
 * target's driver lists those it `represents`; the rest refuse the conversion (FORMATS: preconditions).
 */
export type FeatureCode =
  | 'dirty'
  | 'corrupt'
  | 'snapshots'
  | 'vm-state'
  | 'bitmaps'
  | 'encryption'
  | 'compressed'
  | 'data-file'
  | 'backing-file'
  | 'backing-format'
  | 'zero-over-backing'
  | 'shared-clusters'
  | 'unknown-features'
  | 'unknown-extensions'
  | 'invalid-entries';

/** One feature the image has, in words, with what would remove it. `lift` names a command where there is one. */
export interface Feature extends Reason {
  readonly code: FeatureCode;
}

export interface BackingReference {
  /** The name as stored in the image; never opened but through OpenContext. */
  readonly file: string;
  /** The format recorded beside it, if any. Never guessed. */
  readonly format?: string;
}

/** bdrv_get_conversion_options: everything a target has to know of the source. Sizes in bytes. */
export interface ConversionOptions {
  readonly format: string;
  /** The guest disk's size. */
  readonly imageSize: number;
  /** The finest granularity at which the mapping changes: the cluster, or the subcluster. */
  readonly clusterSize: number;
  /** Largest power of two dividing the guest and host start of every data run (and its length, but for the last). */
  readonly alignment: number;
  readonly encryption: 'none' | 'aes' | 'luks';
  readonly backing?: BackingReference;
  /** Where the backing name stands in the file: it can stay there when the target addresses it by offset. */
  readonly backingNameOffset?: number;
  /** Bytes of the source's header area, behind the first sector, that the source does not read: `{offset, length}`. */
  readonly headerSlack?: Range;
  readonly features: readonly Feature[];
  /** Format-specific settings for people: refcount_bits, compat, table_size. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

export type Role =
  | 'header'
  | 'l1'
  | 'l2'
  | 'refcount-table'
  | 'refcount-block'
  | 'data'
  | 'compressed'
  | 'zero-allocated'
  | 'snapshot-table'
  | 'snapshot-l1'
  | 'snapshot-l2'
  | 'snapshot-data'
  | 'vm-state'
  | 'bitmap-directory'
  | 'bitmap-table'
  | 'bitmap-data'
  | 'crypto-header'
  | 'overlap'
  | 'leaked'
  | 'unknown'
  | 'free';

/** A byte range of the file and who owns it. */
export interface Region {
  readonly offset: number;
  readonly length: number;
  readonly role: Role;
  /** Which one, where there are several: 'l2 table 3', 'snapshot s1'. */
  readonly label?: string;
}

/** What `info` shows. Keys of `specific` are qemu-img's (`format-specific.data`). */
export interface ImageInfo {
  readonly format: string;
  readonly virtualSize: number;
  readonly clusterSize?: number;
  readonly vmStateOffset?: number;
  readonly dirty?: boolean;
  readonly encrypted: boolean;
  readonly backing?: BackingReference;
  readonly dataFile?: { readonly file: string; readonly raw: boolean };
  readonly snapshots: readonly SnapshotInfo[];
  readonly specific: Readonly<Record<string, unknown>>;
}

export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  /** Bytes. */
  readonly vmStateSize: number;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  readonly vmClockNanoseconds: number;
  /** Bytes; absent when the entry does not record it. */
  readonly diskSize?: number;
}

/** `mapped` leaves out unallocated runs: half the rows of a scattered image, for who only wants what is there. */
export type MappingRows = 'all' | 'mapped';

export interface Image {
  readonly format: string;
  readonly device: Device;
  /** Guest bytes. */
  readonly size: number;
  /** Bytes; 0 for formats without clusters. */
  readonly clusterSize: number;
  /** Bytes; the unit of `mappings`' columns. */
  readonly unit: number;
  /** The device that host offsets of data mean: the file itself, or an external data file. Undefined: not opened. */
  readonly dataDevice: Device | undefined;
  /**
   * Present where the driver refuses to open the file: why. Then there are named fields of the header, the rest of the
   * file is `unknown`, and there is no guest: `size` is 0 and nothing is mapped.
   */
  readonly refused?: ImageError;
  /** The file's length is part of what the guest sees: it must not change but together with all the rest. */
  readonly lengthIsContents?: boolean;
  /**
   * `header` leaves out what only a walk over the mapping tells: the alignment is then the least that the format
   * guarantees, and the features compressed, zero-over-backing and invalid-entries are not among the features.
   */
  getConversionOptions(depth?: 'all' | 'header'): ConversionOptions;
  /** bdrv_get_mapping: the run at `guest` (bytes). Throws ImageError `past-end` at or behind the disk's end. */
  getMapping(guest: number): Extent;
  /** The same in batches: what map, check and convert walk. The batch is reused: consume it before the next one. */
  mappings(from?: number, to?: number, rows?: MappingRows): Iterable<ExtentColumns>;
  /** In host order, tiling [0, device.size). Walks the image in one go: `ownership` does the same in slices. */
  regions(): Iterable<Region>;
  /** The walk behind `regions`, in slices of a few milliseconds. The answer is iterated without another walk, and again. */
  ownership(): Generator<Progress, Iterable<Region>>;
  /**
   * Headers and tables that share a byte with `among`, in host order and disjoint, with the role and label that `regions`
   * gives them; where two claim the same bytes, one of them. Told from what leads to them, without a look into L2
   * tables: costs little however large the image is.
   */
  structures(among: Ranges): Generator<Progress, readonly Region[]>;
  /** Runs of at least `minimum` bytes below the end of file that the image marks free, the first few thousand. */
  freeRanges(minimum: number): Ranges;
  /** All rules of the format; undefined where the format has nothing to check (raw). */
  check?(): Generator<Progress, CheckReport>;
  /** Of an encrypted image that is unlocked. */
  readonly cipher?: SectorCipher;
  /** Decodes the compressed cluster at `extent`. Throws ImageError when the stream is short or broken. */
  readCompressed?(extent: Extent): Uint8Array;
  info(): ImageInfo;
  /**
   * Named fields of the structure `region` that lie in the bytes `from` .. `to` - 1 of the file, in order; none where
   * nothing is declared: guest data, free space. No walk; at most a few thousand.
   */
  fields(region: Region, from: number, to: number): readonly Field[];
  /** Throws ImageError `no-such-field`, which says what there is. */
  field(path: string): Field;
  /** The field at `path`, or those under it (`header`, `l2[0]`); those of all that is named where it is ''. */
  fieldList(path: string, limit: number): FieldList;
  /** What could stand where `start` has been typed, bounded. A path that goes on ends in `.` or `[`. */
  fieldNames(start: string): readonly string[];
  /** Throws ImageError `no-such-field` or `value-does-not-fit`. Touches nothing. */
  encodeField(path: string, value: string): FieldWrite;
  /** The way of the guest byte to its host byte. Throws ImageError `past-end`. */
  trace(guest: number): readonly Hop[];
}

/** Opens files named inside an image, where the user allowed it. */
export interface OpenContext {
  /** For messages. */
  readonly name: string;
  /** The passphrase of an encrypted image, where the user gave one: it is then unlocked, or not opened. */
  readonly passphrase?: Uint8Array;
  /** Answers the opened file, or undefined when the user did not ask to follow such names. */
  openExternal?(file: string): Device | undefined;
}

/** What the user asked of the target: `-o cluster_size=64k,refcount_bits=16`. */
export type TargetRequest = Readonly<Record<string, string>>;

/** Structures of one size right behind each other: number `index` stands at `offset` (bytes), `count` of them. */
export interface PlacedRun {
  readonly index: number;
  readonly offset: number;
  readonly count: number;
}

/** Everything needed to go on with a half-built target after undo or redo: plain data, no caches. */
export interface TargetState {
  readonly format: string;
  /** What the target was opened with: the source's options and the chosen settings. */
  readonly options: ConversionOptions;
  readonly settings: Readonly<Record<string, number>>;
  /** Where the next table goes: what is left of the free ranges, then the end of the file. */
  readonly free: readonly Range[];
  readonly end: number;
  /** Offsets of structures placed so far. */
  readonly placed: Readonly<Record<string, number>>;
  /** The same for structures there are many of, where nothing on the device says it yet. */
  readonly runs: Readonly<Record<string, readonly PlacedRun[]>>;
}

/** What is built once everything is mapped. */
export type BuildPhase = 'l1' | 'refcount';

/** A structure of a target and where it stands. Bytes. */
export interface Placement extends Range {
  /** As the write of it is labelled: 'l2 table 3'. */
  readonly what: string;
  /** What is in it, in a few words, where it was just built. */
  readonly holds?: string;
}

/** What a finished target comes to. Bytes. */
export interface TargetReport {
  /** The file's length once the target is committed. */
  readonly fileSize: number;
  readonly metadataBytes: number;
  /** Dead space of the source that the target hides from its leak check, could reuse, or only reports. */
  readonly hiddenBytes: number;
  readonly freeBytes: number;
  readonly leakedBytes: number;
  /** What the source had and the target drops, informational only. */
  readonly notes: readonly string[];
}

/** bdrv_open_conversion_target's answer: an open target inside the source's file. Writes go to its device only. */
export interface ConversionTarget {
  readonly format: string;
  /** Bytes. */
  readonly clusterSize: number;
  readonly state: TargetState;
  /**
   * bdrv_map: guest bytes are host bytes, for every data and zero run of the batch; unallocated runs map nothing.
   * Throws ImageError: unaligned, past the disk, past the file, into metadata, a kind it cannot hold, or mapped before
   * (guest range: unless `force`, which maps it anew; host range: always). After a throw the caller drops the step
   * and resumes from the state before it.
   */
  map(extents: ExtentColumns, force?: boolean): void;
  /** Puts everything mapped so far onto the device. */
  sync(): void;
  /**
   * The target as it stands, as an image: its mapping and regions. Call `sync` first. `device`: another one that has the
   * same tables in the same places, with some bytes that differ.
   */
  view(device?: Device): Image;
  /** Guest bytes that one of its tables maps. */
  readonly tableSpan: number;
  /** The parts of a data or zero run that get entries, each within one table; none where all of it stays unmapped. */
  parts(run: Extent): Iterable<Extent>;
  /** The table that maps the guest byte; undefined before it has a place. */
  tableOf(guest: number): Placement | undefined;
  /** From now on the L1 table is left to `build`; `view` shows what it will say. Before anything is mapped. */
  holdL1(): void;
  /** Builds what can only be built once all is mapped (refcounts), and places the end of the file. */
  finish(): Generator<Progress, TargetReport>;
  /** The same in pieces: every piece of each phase here, in order, then `report`. */
  readonly phases: readonly BuildPhase[];
  pieces(phase: BuildPhase): number;
  /** Once a refcount is built, nothing can be mapped any more. */
  build(phase: BuildPhase, piece: number): Placement;
  report(): TargetReport;
  /** The first 512 bytes of the file as the target wants them. Valid after `finish`. */
  headerSector(): Uint8Array;
  /** bdrv_copy_header: old header aside, then the new one: the moment the format changes. */
  copyHeader(rollback: Device): void;
}

export interface ConversionDriver {
  /** Options `-o` accepts, with what they mean, for help and completion. */
  readonly requests: Readonly<Record<string, string>>;
  readonly represents: ReadonlySet<FeatureCode>;
  /** Every reason why this target cannot hold that source, and none when it can. Touches nothing. */
  refusals(options: ConversionOptions, request: TargetRequest): readonly Reason[];
  /** Writes nothing below the end of the file but into `free`. Throws Refusal. */
  open(device: Device, options: ConversionOptions, request: TargetRequest, free: Ranges): ConversionTarget;
  resume(device: Device, state: TargetState): ConversionTarget;
}

/** A structure of a format as it may stand anywhere in a file, told from its bytes alone: what `find` looks for. */
export interface Lookalike {
  /** `header`, `l2`: unique in the format. */
  readonly name: string;
  readonly doc: string;
  /** Bytes: how many are judged at once, and what the places are multiples of. */
  readonly length: number;
  readonly align: number;
  /**
   * What speaks for it, in a few words; undefined: it is none. `at` is where the bytes stand; `around` reads others
   * (zeros behind the end). Called for every place, so most calls must end early.
   */
  judge(bytes: Uint8Array, at: number, around: (offset: number, length: number) => Uint8Array): string | undefined;
}

/** Where lookalikes are sought, in so far as it is known. Bytes. */
export interface Haystack {
  readonly fileSize: number;
  /** Of the format's own; one that is refused tells nothing. */
  readonly image?: Image;
  /** Where no image tells it. */
  readonly clusterSize?: number;
}

export interface Driver {
  readonly name: string;
  /** Every declared structure, for docs, `print` and fuzzing. */
  readonly layouts: readonly Struct[];
  readonly entries: readonly EntryLayout[];
  /** From the first 512 bytes (zero padded) and the file's size: a score, as QEMU's: 0 no, 1 raw, 100 certain. */
  probe(head: Uint8Array, size: number): number;
  /** Throws ImageError for what QEMU refuses too; what QEMU opens is opened, and `check` lists what is wrong. */
  open(device: Device, context: OpenContext): Image;
  /** What has a name in a file that `open` refuses, so that it can be mended. Absent: `open` refuses nothing. */
  openRefused?(device: Device, refused: ImageError): Image;
  /** What can be told from bytes alone. Without a cluster size, what needs none. */
  lookalikes?(haystack: Haystack): readonly Lookalike[];
  readonly conversion?: ConversionDriver;
  /** Absent: nothing of this format can be found again once it is lost. */
  readonly rescue?: RescueDriver;
  /** Absent: guest bytes of this format cannot be changed. */
  readonly writing?: WritingDriver;
  /** Absent: there is nothing to check, and so nothing to mend. */
  readonly repair?: RepairDriver;
}
