/**
 * An open QED image: translations, regions, check and what a conversion must know. Reads only; holds no table, so it
 * costs the same for any disk. What one pass over all tables tells (survey.ts) is kept once made: the image never
 * changes under it, because after each change the driver opens the device anew.
 */
import { type Extent, type ExtentColumns, INVALID } from '../../bytes/extents.ts';
import type { Field, Hop } from '../../bytes/field.ts';
import { Named } from '../../bytes/named.ts';
import { type Progress, runToEnd } from '../../bytes/progress.ts';
import { Ranges } from '../../bytes/ranges.ts';
import { hex64 } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { ImageError } from '../../errors.ts';
import type { BackingReference, ConversionOptions, Image, ImageInfo, MappingRows, Region } from '../driver.ts';
import type { CheckReport } from '../finding.ts';
import { QedFields } from './fields.ts';
import { clusterFault, type Geometry, tableFault } from './geometry.ts';
import { backingName, geometry, readHeader } from './header.ts';
import type { Header } from './layout.ts';
import { ownership } from './regions.ts';
import { reportOf } from './rules.ts';
import { conversionOptions } from './source.ts';
import { structures } from './structures.ts';
import { faultText, Survey } from './survey.ts';
import { entryValue, PIECE_ENTRIES, runs } from './tables.ts';
import { trace } from './trace.ts';

/** One answer needs one run: read little, and stop as soon as it is closed. */
const ONE_RUN = { batch: 1, piece: 512 } as const;
const MANY_RUNS = { batch: PIECE_ENTRIES, piece: PIECE_ENTRIES } as const;

export class QedImage extends Named implements Image {
  readonly format = 'qed';
  readonly device: Device;
  readonly header: Header;
  readonly geometry: Geometry;
  readonly backing: BackingReference | undefined;
  #tree: QedFields | undefined;
  #survey: Survey | undefined;
  #report: CheckReport | undefined;

  /** Throws ImageError `qed-<field>` for what QEMU refuses too. */
  static open(device: Device): QedImage {
    const header = readHeader(device);
    return new QedImage(device, header, geometry(header, device.size));
  }

  private constructor(device: Device, header: Header, g: Geometry) {
    super();
    this.device = device;
    this.header = header;
    this.geometry = g;
    const file = backingName(device, header);
    const isRaw = header.features.backing_format_no_probe;
    this.backing = file === undefined ? undefined : isRaw ? { file, format: 'raw' } : { file };
  }

  get size(): number {
    return this.geometry.size;
  }

  get clusterSize(): number {
    return this.geometry.clusterSize;
  }

  get unit(): number {
    return this.geometry.clusterSize;
  }

  get dataDevice(): Device {
    return this.device;
  }

  getConversionOptions(): ConversionOptions {
    return conversionOptions(this, runToEnd(this.surveyed()));
  }

  getMapping(guest: number): Extent {
    const { size, clusterSize } = this.geometry;
    if (guest >= size) {
      throw new ImageError({
        code: 'past-end',
        class: 'range',
        what: `guest offset ${guest} lies behind the end of the disk, which has ${size} bytes`,
      });
    }
    const from = Math.floor(guest / clusterSize);
    const range = { from, to: Math.ceil(size / clusterSize), end: size };
    for (const columns of runs(this.device, this.geometry, range, ONE_RUN)) {
      const run = columns.at(0);
      const skip = guest - run.guest;
      const rest = { kind: run.kind, guest, length: run.length - skip };
      if (run.host !== undefined) return { ...rest, host: run.host + skip };
      return columns.kind[0] === INVALID ? { ...rest, ...this.#fault(from) } : rest;
    }
    throw new Error(`qed: no run at guest ${guest}`);
  }

  /** Begins with the cluster that holds `from` (bytes). */
  mappings(from = 0, to = this.size, rows: MappingRows = 'all'): Iterable<ExtentColumns> {
    const { clusterSize, size } = this.geometry;
    const end = Math.min(to, size);
    const range = { from: Math.floor(from / clusterSize), to: Math.ceil(end / clusterSize), end };
    return runs(this.device, this.geometry, range, MANY_RUNS, rows);
  }

  regions(): Iterable<Region> {
    return runToEnd(this.ownership());
  }

  *ownership(): Generator<Progress, Iterable<Region>> {
    return yield* ownership(this.geometry, yield* this.surveyed(), this.device.size);
  }

  structures(among: Ranges): Generator<Progress, readonly Region[]> {
    return structures(this.device, this.geometry, among);
  }

  /** None: QED marks nothing free, and QEMU only ever appends. */
  freeRanges(): Ranges {
    return new Ranges();
  }

  *check(): Generator<Progress, CheckReport> {
    const survey = yield* this.surveyed();
    this.#report ??= reportOf(this.header, this.geometry, survey, this.device.size);
    return this.#report;
  }

  /** The pass over all tables, made the first time it is asked for. */
  *surveyed(): Generator<Progress, Survey> {
    if (!this.#survey) {
      const survey = new Survey(this.device, this.geometry);
      yield* survey.run();
      this.#survey = survey;
    }
    return this.#survey;
  }

  info(): ImageInfo {
    return {
      format: this.format,
      virtualSize: this.size,
      clusterSize: this.clusterSize,
      dirty: this.header.features.need_check,
      encrypted: false,
      backing: this.backing,
      snapshots: [],
      specific: {},
    };
  }

  fields(region: Region, from: number, to: number): readonly Field[] {
    return this.tree.fieldsIn(region, from, to);
  }

  trace(guest: number): readonly Hop[] {
    return trace(this, this.tree, guest);
  }

  /** Made when first asked for. */
  protected get tree(): QedFields {
    this.#tree ??= new QedFields(this.device, this.header, this.geometry);
    return this.#tree;
  }

  /** What is wrong with the entry that makes a guest cluster unreadable, and where it points. */
  #fault(cluster: number): { host: number; fault: string } {
    const g = this.geometry;
    const index = Math.floor(cluster / g.tableEntries);
    const l1 = this.#entry(g.l1Offset, index);
    const badTable = tableFault(g, l1.value);
    if (badTable !== undefined) {
      return { host: l1.value, fault: `l1[${index}] is ${l1.text}, ${faultText(g, badTable, 'table')}` };
    }
    const entry = cluster % g.tableEntries;
    const l2 = this.#entry(l1.value, entry);
    const bad = clusterFault(g, l2.value);
    if (bad === undefined) throw new Error(`qed: l2[${index}][${entry}] is valid after all`);
    return { host: l2.value, fault: `l2[${index}][${entry}] is ${l2.text}, ${faultText(g, bad, 'cluster')}` };
  }

  #entry(table: number, index: number): { value: number; text: string } {
    const words = new Int32Array(readBytes(this.device, table + index * 8, 8).buffer);
    return { value: entryValue(words, 0), text: hex64(words[1] as number, words[0] as number) };
  }
}
