/**
 * A conversion target with L1 and L2 tables: what is the same whatever the format. A format says how its tables and
 * header look, and what it builds at the end.
 *
 * Invariants:
 *  1. Before `copyHeader` nothing is written where the source claims anything.
 *  2. `state` and the device are all there is: what `reload` makes of them is the same target.
 */
import type { ExtentColumns } from '../../bytes/extents.ts';
import type { Progress } from '../../bytes/progress.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { ConversionOptions, ConversionTarget, Image, TargetReport, TargetState } from '../driver.ts';
import { type NamePlace, SECTOR } from './first-sector.ts';
import { Mapper } from './mapper.ts';
import type { TargetSpace } from './space.ts';
import { type TableShape, TargetTables } from './tables.ts';

/** Where a target is built. */
export interface TargetGround {
  readonly device: Device;
  readonly options: ConversionOptions;
  readonly space: TargetSpace;
  /** Offsets of structures, in bytes, by name; `source_end` is the source file's length in whole clusters. */
  readonly placed: Record<string, number>;
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
  readonly #form: TargetForm;
  readonly #mapper: Mapper;

  protected constructor({ device, options, space, placed }: TargetGround, form: TargetForm) {
    // A target is refused before it is made when its backing name has no place.
    if (options.backing && !form.name) throw new Error('a target with a backing file, and no place for its name');
    this.clusterSize = space.clusterSize;
    this.device = device;
    this.options = options;
    this.space = space;
    this.placed = placed;
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

  abstract view(): Image;
  abstract finish(): Generator<Progress, TargetReport>;
  abstract headerSector(): Uint8Array;
  /** The chosen settings, as TargetState keeps them. */
  protected abstract get settings(): Readonly<Record<string, number>>;

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
    this.tables.reloadL1(this.placed['l1'] as number);
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
    };
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
