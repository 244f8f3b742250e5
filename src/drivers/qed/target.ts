/**
 * A QED image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. The header sector is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. Before `copyHeader` nothing is written where the source claims anything.
 *  2. The file is a whole number of clusters from the start, because QEMU does not see what lies behind the last.
 *  3. header_size reaches to the lowest claimed cluster, so that dead clusters before it are no leaks.
 *  4. `state` and the device are all there is: `resume` makes the same target from them.
 */
import type { ExtentColumns } from '../../bytes/extents.ts';
import type { Progress } from '../../bytes/progress.ts';
import { roundUp } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { overlay } from '../../device/overlay.ts';
import { Refusal } from '../../errors.ts';
import type {
  ConversionDriver,
  ConversionOptions,
  ConversionTarget,
  Image,
  TargetReport,
  TargetState,
} from '../driver.ts';
import { Mapper } from '../two-level/mapper.ts';
import { TargetSpace } from '../two-level/space.ts';
import { TargetTables } from '../two-level/tables.ts';
import { tableEntries } from './geometry.ts';
import { buildHeaderSector, type NamePlace, placeBackingName, SECTOR } from './header-build.ts';
import { QedImage } from './image.ts';
import { LIMITS, ZERO_CLUSTER } from './layout.ts';
import { notesFor, REPRESENTS, REQUESTS, refusalsFor, type Settings, settingsFor } from './target-options.ts';

/** Offsets fill an entry: QED has no flags in it. */
const OFFSET_MASK = { hi: 0x7fff_ffff, lo: ~0 };

export const qedConversion: ConversionDriver = {
  requests: REQUESTS,
  represents: REPRESENTS,
  refusals: (options, request) => refusalsFor(options, settingsFor(options, request)),
  open(device, options, request, free) {
    const settings = settingsFor(options, request);
    const reasons = refusalsFor(options, settings);
    if (reasons.length > 0) throw new Refusal('this image cannot become qed in place', reasons);
    const sourceEnd = roundUp(device.size, settings.clusterSize);
    if (sourceEnd > device.size) device.resize(sourceEnd);
    const space = new TargetSpace(settings.clusterSize, free, sourceEnd);
    const target = new QedTarget(device, options, settings, space, { source_end: sourceEnd });
    target.create();
    return target;
  },
  resume(device, state) {
    const { cluster_size, table_size } = state.settings;
    const settings: Settings = { clusterSize: cluster_size as number, tableClusters: table_size as number };
    const space = new TargetSpace(settings.clusterSize, state.free, state.end);
    const target = new QedTarget(device, state.options, settings, space, { ...state.placed });
    target.reload();
    return target;
  },
};

class QedTarget implements ConversionTarget {
  readonly format = 'qed';
  readonly clusterSize: number;
  readonly #device: Device;
  readonly #options: ConversionOptions;
  readonly #settings: Settings;
  readonly #space: TargetSpace;
  readonly #tables: TargetTables;
  readonly #mapper: Mapper;
  /** Offsets of structures, in bytes, by name. */
  readonly #placed: Record<string, number>;
  readonly #name: NamePlace | undefined;
  /** Clusters that the header and the backing name need: no table and no data may lie there. */
  readonly #headerClusters: number;

  constructor(
    device: Device,
    options: ConversionOptions,
    settings: Settings,
    space: TargetSpace,
    placed: Record<string, number>,
  ) {
    const { clusterSize, tableClusters } = settings;
    const { imageSize, backing } = options;
    this.#device = device;
    this.#options = options;
    this.#settings = settings;
    this.clusterSize = clusterSize;
    this.#space = space;
    this.#placed = placed;
    this.#name = backing && placeBackingName(backing, options.backingNameOffset, options.headerSlack);
    const nameEnd = backing && this.#name ? this.#name.offset + Buffer.byteLength(backing.file) : 0;
    this.#headerClusters = Math.ceil(Math.max(SECTOR, nameEnd) / clusterSize);
    const tableBytes = tableClusters * clusterSize;
    const shape = {
      endian: 'little',
      l1Bytes: tableBytes,
      l1Entries: Math.ceil(imageSize / (clusterSize * tableEntries(clusterSize, tableClusters))),
      l2Bytes: tableBytes,
      offsetMask: OFFSET_MASK,
      flagsHi: 0,
    } as const;
    this.#tables = new TargetTables(device, shape, (bytes) => space.place(bytes));
    this.#mapper = new Mapper(this.#tables, space, {
      imageSize,
      sourceUnit: options.clusterSize,
      sourceEnd: placed['source_end'] as number,
      headerClusters: this.#headerClusters,
      zeroEntry: ZERO_CLUSTER,
    });
  }

  create(): void {
    this.#space.keepOut(0, this.#headerClusters * this.clusterSize);
    this.#tables.createL1();
    this.#placed['l1'] = this.#tables.l1Offset;
    const { backing } = this.#options;
    if (backing && this.#name?.where === 'slack') {
      this.#device.write(this.#name.offset, Buffer.from(backing.file), 'backing file name');
    }
  }

  reload(): void {
    this.#tables.reloadL1(this.#placed['l1'] as number);
    this.#mapper.reload();
  }

  /** Complete with what is on the device: call `sync` first. */
  get state(): TargetState {
    return {
      format: this.format,
      options: this.#options,
      settings: { cluster_size: this.clusterSize, table_size: this.#settings.tableClusters },
      free: this.#space.free,
      end: this.#space.end,
      placed: { ...this.#placed },
    };
  }

  map(extents: ExtentColumns, force = false): void {
    this.#mapper.map(extents, force);
  }

  sync(): void {
    this.#tables.sync();
  }

  view(): Image {
    return QedImage.open(overlay(this.#device, 0, this.headerSector()));
  }

  // biome-ignore lint/correctness/useYield: QED has nothing to build at the end; other formats do
  *finish(): Generator<Progress, TargetReport> {
    this.sync();
    const { clusterSize } = this;
    const { claimed, clustersInUse: end } = this.#space;
    const header = this.#headerSize();
    return {
      // A dead tail, source's tables mostly, is cut off once the header has changed.
      fileSize: end * clusterSize,
      metadataBytes: clusterSize + (1 + this.#tables.count) * this.#tables.shape.l2Bytes,
      hiddenBytes: (header - 1) * clusterSize,
      freeBytes: 0,
      leakedBytes: (end - header - claimed.countSet(header, end)) * clusterSize,
      notes: notesFor(this.#options, this.#settings),
    };
  }

  headerSector(): Uint8Array {
    return buildHeaderSector({
      clusterSize: this.clusterSize,
      tableClusters: this.#settings.tableClusters,
      headerClusters: this.#headerSize(),
      l1Offset: this.#tables.l1Offset,
      size: this.#options.imageSize,
      backing: this.#options.backing,
      backingNameOffset: this.#name?.offset ?? 0,
    });
  }

  copyHeader(rollback: Device): void {
    rollback.write(0, readBytes(this.#device, 0, SECTOR), 'old header');
    this.#device.write(0, this.headerSector(), 'header');
  }

  /** header_size: as far as the lowest claimed cluster, but header_size * cluster_size must fit 32 bits. */
  #headerSize(): number {
    return Math.min(this.#space.claimed.nextSet(0), Math.floor(LIMITS.headerArea / this.clusterSize));
  }
}
