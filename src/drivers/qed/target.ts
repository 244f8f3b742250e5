/**
 * A QED image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. The header sector is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. The file is a whole number of clusters from the start, because QEMU does not see what lies behind the last.
 *  2. header_size reaches to the lowest claimed cluster, so that dead clusters before it are no leaks.
 */
import type { Progress } from '../../bytes/progress.ts';
import { roundUp } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import { Refusal } from '../../errors.ts';
import type { ConversionDriver, Image, TargetReport } from '../driver.ts';
import { SECTOR } from '../two-level/first-sector.ts';
import { TargetSpace } from '../two-level/space.ts';
import { type TargetGround, TwoLevelTarget } from '../two-level/target.ts';
import { tableEntries } from './geometry.ts';
import { buildHeaderSector, placeBackingName } from './header-build.ts';
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
    const target = new QedTarget({ device, options, space, placed: { source_end: sourceEnd }, runs: {} }, settings);
    target.create();
    return target;
  },
  resume(device, state) {
    const { cluster_size, table_size } = state.settings;
    const settings: Settings = { clusterSize: cluster_size as number, tableClusters: table_size as number };
    const space = new TargetSpace(settings.clusterSize, state.free, state.end);
    const { options, placed, runs } = state;
    const target = new QedTarget({ device, options, space, placed: { ...placed }, runs: { ...runs } }, settings);
    target.reload();
    return target;
  },
};

class QedTarget extends TwoLevelTarget {
  readonly format = 'qed';
  readonly #settings: Settings;

  constructor(ground: TargetGround, settings: Settings) {
    const { clusterSize, tableClusters } = settings;
    const { imageSize, backing, backingNameOffset, headerSlack } = ground.options;
    const name = backing && placeBackingName(backing, backingNameOffset, headerSlack);
    const nameEnd = backing && name ? name.offset + Buffer.byteLength(backing.file) : 0;
    const tableBytes = tableClusters * clusterSize;
    super(ground, {
      shape: {
        endian: 'little',
        l1Bytes: tableBytes,
        l1Entries: Math.ceil(imageSize / (clusterSize * tableEntries(clusterSize, tableClusters))),
        l2Bytes: tableBytes,
        offsetMask: OFFSET_MASK,
        flagsHi: 0,
      },
      headerClusters: Math.ceil(Math.max(SECTOR, nameEnd) / clusterSize),
      zeroEntry: ZERO_CLUSTER,
      name,
    });
    this.#settings = settings;
  }

  protected get settings(): Readonly<Record<string, number>> {
    return { cluster_size: this.clusterSize, table_size: this.#settings.tableClusters };
  }

  protected open(device: Device): Image {
    return QedImage.open(device);
  }

  readonly phases = ['l1'] as const;

  pieces(): number {
    return 1;
  }

  // biome-ignore lint/correctness/useYield: QED has nothing to build at the end; other formats do
  *finish(): Generator<Progress, TargetReport> {
    this.sync();
    this.build('l1', 0);
    return this.report();
  }

  report(): TargetReport {
    const { clusterSize } = this;
    const { claimed, clustersInUse: end } = this.space;
    const header = this.#headerSize();
    return {
      // A dead tail, source's tables mostly, is cut off once the header has changed.
      fileSize: end * clusterSize,
      metadataBytes: clusterSize + (1 + this.tables.count) * this.tables.shape.l2Bytes,
      hiddenBytes: (header - 1) * clusterSize,
      freeBytes: 0,
      leakedBytes: (end - header - claimed.countSet(header, end)) * clusterSize,
      notes: notesFor(this.options, this.#settings),
    };
  }

  headerSector(): Uint8Array {
    return buildHeaderSector({
      clusterSize: this.clusterSize,
      tableClusters: this.#settings.tableClusters,
      headerClusters: this.#headerSize(),
      l1Offset: this.tables.l1Offset,
      size: this.options.imageSize,
      backing: this.options.backing,
      backingNameOffset: this.nameOffset,
    });
  }

  /** header_size: as far as the lowest claimed cluster, but header_size * cluster_size must fit 32 bits. */
  #headerSize(): number {
    return Math.min(this.space.claimed.nextSet(0), Math.floor(LIMITS.headerArea / this.clusterSize));
  }
}
