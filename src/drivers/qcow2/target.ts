/**
 * A qcow2 image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. The header sector is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. Every cluster of the target is referred to once, so every refcount is 1 and COPIED is set everywhere.
 *  2. Refcounts are built last, from what is claimed then: metadata of the old format gets 0, and is no leak.
 */
import type { Progress } from '../../bytes/progress.ts';
import { bitsOf, roundUp } from '../../bytes/size.ts';
import { overlay } from '../../device/overlay.ts';
import { Refusal } from '../../errors.ts';
import type { ConversionDriver, Image, TargetReport, TargetState } from '../driver.ts';
import { TargetSpace } from '../two-level/space.ts';
import { type TargetGround, TwoLevelTarget } from '../two-level/target.ts';
import { buildHeaderSector, placeBackingName } from './header-build.ts';
import { Qcow2Image } from './image.ts';
import { L2Entry } from './layout.ts';
import { refcountSize, writeRefcountBlocks } from './refcount-build.ts';
import { REPRESENTS, REQUESTS, refusalsFor, type Settings, settingsFor } from './target-options.ts';

export const qcow2Conversion: ConversionDriver = {
  requests: REQUESTS,
  represents: REPRESENTS,
  refusals: (options, request) => refusalsFor(options, settingsFor(options, request)),
  open(device, options, request, free) {
    const settings = settingsFor(options, request);
    const reasons = refusalsFor(options, settings);
    if (reasons.length > 0) throw new Refusal('this image cannot become qcow2 in place', reasons);
    const space = new TargetSpace(settings.clusterSize, free, device.size);
    const placed = { source_end: roundUp(device.size, settings.clusterSize) };
    const target = new Qcow2Target({ device, options, space, placed }, settings);
    target.create();
    return target;
  },
  resume(device, state) {
    const settings = settingsIn(state);
    const space = new TargetSpace(settings.clusterSize, state.free, state.end);
    const target = new Qcow2Target({ device, options: state.options, space, placed: { ...state.placed } }, settings);
    target.reload();
    return target;
  },
};

class Qcow2Target extends TwoLevelTarget {
  readonly format = 'qcow2';
  readonly #settings: Settings;

  constructor(ground: TargetGround, settings: Settings) {
    const { clusterSize, version } = settings;
    const { imageSize, backing, backingNameOffset, headerSlack } = ground.options;
    // QEMU refuses an L1 table without entries, so an empty disk has one too.
    const l1Entries = Math.max(Math.ceil(imageSize / (clusterSize * (clusterSize / 8))), 1);
    super(ground, {
      shape: {
        endian: 'big',
        l1Bytes: roundUp(l1Entries * 8, clusterSize),
        l1Entries,
        l2Bytes: clusterSize,
        offsetMask: L2Entry.mask.offset,
        flagsHi: L2Entry.mask.copied.hi,
      },
      headerClusters: 1,
      // Version 2 has no zero clusters; refusalsFor has seen to it that unallocated reads the same.
      zeroEntry: version === 3 ? L2Entry.mask.zero.lo : undefined,
      // refusalsFor has seen to it that there is a place.
      name: backing && placeBackingName(version, clusterSize, backing, backingNameOffset, headerSlack),
    });
    this.#settings = settings;
    this.space.claim(0, clusterSize);
  }

  protected get settings(): Readonly<Record<string, number>> {
    const { version, refcountOrder } = this.#settings;
    return { version, cluster_size: this.clusterSize, refcount_order: refcountOrder };
  }

  view(): Image {
    return Qcow2Image.open(overlay(this.device, 0, this.headerSector()), { name: this.device.name });
  }

  *finish(): Generator<Progress, TargetReport> {
    this.sync();
    const { clusterSize } = this;
    const { refcountOrder } = this.#settings;
    const space = this.space;
    const { blocks, tableClusters } = refcountSize(
      space.end / clusterSize,
      clusterSize,
      refcountOrder,
      space.freeClusters,
    );
    const table = tableClusters === 1 ? space.place(clusterSize) : space.append(tableClusters * clusterSize);
    const offsets = Array.from({ length: blocks }, () => space.place(clusterSize));
    this.placed['refcount_table'] = table;
    this.placed['refcount_table_clusters'] = tableClusters;
    yield* writeRefcountBlocks(this.device, space.claimed, clusterSize, refcountOrder, offsets);
    this.#writeRefcountTable(table, tableClusters, offsets);
    // What lies behind the last claimed cluster is the source's dead tail: the commit cuts it off, after the header.
    const clusters = space.clustersInUse;
    return {
      fileSize: clusters * clusterSize,
      metadataBytes: (1 + this.tables.count + blocks + tableClusters) * clusterSize + this.tables.shape.l1Bytes,
      hiddenBytes: 0,
      freeBytes: (clusters - space.claimed.countSet(0, clusters)) * clusterSize,
      leakedBytes: 0,
      notes: [],
    };
  }

  headerSector(): Uint8Array {
    return buildHeaderSector({
      version: this.#settings.version,
      clusterBits: bitsOf(this.clusterSize),
      size: this.options.imageSize,
      l1Entries: this.tables.shape.l1Entries,
      l1Offset: this.tables.l1Offset,
      refcountTableOffset: this.placed['refcount_table'] ?? 0,
      refcountTableClusters: this.placed['refcount_table_clusters'] ?? 0,
      refcountOrder: this.#settings.refcountOrder,
      backing: this.options.backing,
      backingNameOffset: this.nameOffset,
    });
  }

  #writeRefcountTable(offset: number, clusters: number, blocks: readonly number[]): void {
    const table = new DataView(new ArrayBuffer(clusters * this.clusterSize));
    for (const [i, block] of blocks.entries()) {
      table.setUint32(i * 8, Math.floor(block / 2 ** 32));
      table.setUint32(i * 8 + 4, block % 2 ** 32);
    }
    this.device.write(offset, new Uint8Array(table.buffer), 'refcount table');
  }
}

function settingsIn({ settings }: TargetState): Settings {
  return {
    version: settings['version'] === 2 ? 2 : 3,
    clusterSize: settings['cluster_size'] as number,
    refcountOrder: settings['refcount_order'] as number,
  };
}
