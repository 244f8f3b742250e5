/**
 * A conversion target with L1 and L2 tables: what is the same whatever the format. A format says how its tables and
 * header look, and what it builds at the end.
 *
 * Invariants:
 *  1. Before `copyHeader` nothing is written where the source claims anything.
 *  2. `state` and the device are all there is: what `reload` makes of them is the same target.
 */
import type { Extent, ExtentColumns } from '../../bytes/extents.ts';
import type { Progress } from '../../bytes/progress.ts';
import { sizeText } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { overlay } from '../../device/overlay.ts';
import type {
  BuildPhase,
  ConversionOptions,
  ConversionTarget,
  Image,
  PlacedRun,
  Placement,
  TargetReport,
  TargetState,
} from '../driver.ts';
import { type NamePlace, SECTOR } from './first-sector.ts';
import { Mapper } from './mapper.ts';
import type { TargetSpace } from './space.ts';
import { type TableShape, TargetTables } from './tables.ts';

/** In a state's runs: tables that a held L1 table does not name yet. */
const HELD = 'l2';

/** Where a target is built. */
export interface TargetGround {
  readonly device: Device;
  readonly options: ConversionOptions;
  readonly space: TargetSpace;
  /** Offsets of structures, in bytes, by name; `source_end` is the source file's length in whole clusters. */
  readonly placed: Record<string, number>;
  readonly runs: Record<string, readonly PlacedRun[]>;
}

/** What a format's tables and entries look like. */
export interface TargetForm {
  readonly shape: TableShape;
  /** Host clusters from 0 that belong to the header and the backing name: no table and no data may lie there. */
  readonly headerClusters: number;
  /** The low word of an entry that reads as zeros; undefined where the format has none. */
  readonly zeroEntry: number | undefined;
  readonly name: NamePlace | undefined;
}

export abstract class TwoLevelTarget implements ConversionTarget {
  abstract readonly format: string;
  readonly clusterSize: number;
  protected readonly device: Device;
  protected readonly options: ConversionOptions;
  protected readonly space: TargetSpace;
  protected readonly tables: TargetTables;
  protected readonly placed: Record<string, number>;
  protected readonly runs: Record<string, readonly PlacedRun[]>;
  readonly #form: TargetForm;
  readonly #mapper: Mapper;

  protected constructor({ device, options, space, placed, runs }: TargetGround, form: TargetForm) {
    // A target is refused before it is made when its backing name has no place.
    if (options.backing && !form.name) throw new Error('a target with a backing file, and no place for its name');
    this.clusterSize = space.clusterSize;
    this.device = device;
    this.options = options;
    this.space = space;
    this.placed = placed;
    this.runs = runs;
    this.#form = form;
    this.tables = new TargetTables(device, form.shape, (bytes) => space.place(bytes));
    this.#mapper = new Mapper(this.tables, space, {
      imageSize: options.imageSize,
      sourceUnit: options.clusterSize,
      sourceEnd: placed['source_end'] as number,
      headerClusters: form.headerClusters,
      zeroEntry: form.zeroEntry,
    });
  }

  abstract readonly phases: readonly BuildPhase[];
  abstract finish(): Generator<Progress, TargetReport>;
  abstract pieces(phase: BuildPhase): number;
  abstract report(): TargetReport;
  abstract headerSector(): Uint8Array;
  /** The chosen settings, as TargetState keeps them. */
  protected abstract get settings(): Readonly<Record<string, number>>;
  /** The target's image on a device that has its header. */
  protected abstract open(device: Device): Image;

  /** Begins a new target: its L1 table, and the backing name where that cannot wait for the header. */
  create(): void {
    const { headerClusters, name } = this.#form;
    this.space.keepOut(0, headerClusters * this.clusterSize);
    this.tables.createL1();
    this.placed['l1'] = this.tables.l1Offset;
    const { backing } = this.options;
    if (backing && name?.where === 'slack') {
      this.device.write(name.offset, Buffer.from(backing.file), 'backing file name');
    }
  }

  /** Goes on with a target that is on the device. */
  reload(): void {
    this.tables.reloadL1(this.placed['l1'] as number, this.runs[HELD]);
    this.#mapper.reload();
  }

  /** Complete with what is on the device: call `sync` first. */
  get state(): TargetState {
    return {
      format: this.format,
      options: this.options,
      settings: this.settings,
      free: this.space.free,
      end: this.space.end,
      placed: { ...this.placed },
      runs: { ...this.runs, ...(this.tables.isHeld ? { [HELD]: this.tables.held } : {}) },
    };
  }

  view(device: Device = this.device): Image {
    const { offset, bytes } = this.tables.pending;
    const tables = bytes.length > 0 ? overlay(device, offset, bytes) : device;
    return this.open(overlay(tables, 0, this.headerSector()));
  }

  get tableSpan(): number {
    return this.tables.entries * this.clusterSize;
  }

  *parts(run: Extent): Generator<Extent> {
    const span = this.tableSpan;
    const { from, to } = this.#mapper.mapped(run);
    for (let at = from; at < to; ) {
      const length = Math.min((Math.floor(at / span) + 1) * span, to) - at;
      const host = run.host === undefined ? {} : { host: run.host + at - run.guest };
      yield { kind: run.kind, guest: at, length, ...host };
      at += length;
    }
  }

  tableOf(guest: number): Placement | undefined {
    const index = Math.floor(guest / this.tableSpan);
    const offset = this.tables.l2Offset(index);
    return offset === 0 ? undefined : { offset, length: this.tables.shape.l2Bytes, what: `l2 table ${index}` };
  }

  holdL1(): void {
    this.tables.isHeld = true;
  }

  build(_phase: BuildPhase, _piece: number): Placement {
    const { l1Offset: offset, count, shape } = this.tables;
    this.tables.writeL1();
    delete this.runs[HELD];
    const holds = `names ${count} ${count === 1 ? 'table' : 'tables'}, ${sizeText(count * 8)} of ${sizeText(shape.l1Bytes)}`;
    return { offset, length: shape.l1Bytes, what: 'l1 table', holds };
  }

  map(extents: ExtentColumns, force = false): void {
    this.#mapper.map(extents, force);
  }

  sync(): void {
    this.tables.sync();
  }

  copyHeader(rollback: Device): void {
    rollback.write(0, readBytes(this.device, 0, SECTOR), 'old header');
    this.device.write(0, this.headerSector(), 'header');
  }

  /** Where the header says that the backing name stands, in bytes; 0 without one. */
  protected get nameOffset(): number {
    return this.#form.name?.offset ?? 0;
  }
}
