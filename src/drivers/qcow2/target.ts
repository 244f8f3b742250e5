/**
 * A qcow2 image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. The header sector is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. Every cluster of the target is referred to once, so every refcount is 1 and COPIED is set everywhere.
 *  2. Refcounts are built last, from what is claimed then: metadata of the old format gets 0, and is no leak.
 */
import type { ExtentColumns } from '../../bytes/extents.ts';
import type { Progress } from '../../bytes/progress.ts';
import { bitsOf, hex, roundUp } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import { ImageError, Refusal } from '../../errors.ts';
import type {
  BuildPhase,
  ConversionDriver,
  Image,
  PlacedRun,
  Placement,
  TargetReport,
  TargetState,
} from '../driver.ts';
import { placeIn, placesIn, runsOf } from '../two-level/placed-runs.ts';
import { TargetSpace } from '../two-level/space.ts';
import { type TargetGround, TwoLevelTarget } from '../two-level/target.ts';
import { buildHeaderSector, placeBackingName } from './header-build.ts';
import { Qcow2Image } from './image.ts';
import { L2Entry } from './layout.ts';
import { type RefcountSize, refcountSize, writeRefcountBlock, writeRefcountBlocks } from './refcount-build.ts';
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
    const target = new Qcow2Target({ device, options, space, placed, runs: {} }, settings);
    target.create();
    return target;
  },
  resume(device, state) {
    const settings = settingsIn(state);
    const space = new TargetSpace(settings.clusterSize, state.free, state.end);
    const { options, placed, runs } = state;
    const target = new Qcow2Target({ device, options, space, placed: { ...placed }, runs: { ...runs } }, settings);
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

  protected open(device: Device): Image {
    return Qcow2Image.open(device, { name: this.device.name });
  }

  readonly phases = ['l1', 'refcount'] as const;

  override reload(): void {
    super.reload();
    const table = this.placed['refcount_table'];
    if (table === undefined) return;
    this.space.claim(table, (this.placed['refcount_table_clusters'] as number) * this.clusterSize);
    for (const [, offset] of placesIn(this.#blocks, this.clusterSize)) this.space.claim(offset, this.clusterSize);
  }

  override map(extents: ExtentColumns, force = false): void {
    if (this.placed['refcount_table'] !== undefined) {
      throw new ImageError({
        code: 'refcounts-built',
        class: 'consistency',
        what: 'the refcounts of the target are built, and would not count what is mapped now',
        tryThis: 'undo, back to before the refcounts',
      });
    }
    super.map(extents, force);
  }

  /** Every block, then the table. */
  pieces(phase: BuildPhase): number {
    if (phase === 'l1') return 1;
    if (this.placed['refcount_table'] === undefined) return this.#refcountSize().blocks + 1;
    return this.#blocks.reduce((sum, { count }) => sum + count, 0) + 1;
  }

  override build(phase: BuildPhase, piece: number): Placement {
    if (phase === 'l1') return super.build(phase, piece);
    this.#placeRefcounts();
    const { clusterSize, space } = this;
    const offset = placeIn(this.#blocks, clusterSize, piece);
    if (offset === undefined) return this.#writeRefcountTable(this.#blockOffsets());
    const { refcountOrder } = this.#settings;
    const { first, end } = writeRefcountBlock(this.device, space.claimed, clusterSize, refcountOrder, piece, offset);
    const used = space.claimed.countSet(first, end);
    const holds = `counts host ${hex(first * clusterSize)}..${hex(end * clusterSize)}, ${used} clusters in use`;
    return { offset, length: clusterSize, what: `refcount block ${piece}`, holds };
  }

  *finish(): Generator<Progress, TargetReport> {
    this.sync();
    super.build('l1', 0);
    this.#placeRefcounts();
    const blocks = this.#blockOffsets();
    const { refcountOrder } = this.#settings;
    yield* writeRefcountBlocks(this.device, this.space.claimed, this.clusterSize, refcountOrder, blocks);
    this.#writeRefcountTable(blocks);
    return this.report();
  }

  report(): TargetReport {
    const { clusterSize, space } = this;
    const refcountClusters = this.pieces('refcount') - 1 + (this.placed['refcount_table_clusters'] ?? 0);
    // What lies behind the last claimed cluster is the source's dead tail: the commit cuts it off, after the header.
    const clusters = space.clustersInUse;
    return {
      fileSize: clusters * clusterSize,
      metadataBytes: (1 + this.tables.count + refcountClusters) * clusterSize + this.tables.shape.l1Bytes,
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

  get #blocks(): readonly PlacedRun[] {
    return this.runs['refcount_blocks'] ?? [];
  }

  #blockOffsets(): number[] {
    return [...placesIn(this.#blocks, this.clusterSize)].map(([, offset]) => offset);
  }

  #refcountSize(): RefcountSize {
    const { clusterSize, space } = this;
    return refcountSize(space.end / clusterSize, clusterSize, this.#settings.refcountOrder, space.freeClusters);
  }

  /** Finds room for the table and all blocks, the first time. */
  #placeRefcounts(): void {
    if (this.placed['refcount_table'] !== undefined) return;
    const { clusterSize, space } = this;
    const { blocks, tableClusters } = this.#refcountSize();
    const table = tableClusters === 1 ? space.place(clusterSize) : space.append(tableClusters * clusterSize);
    const places = Array.from({ length: blocks }, (_, i) => [i, space.place(clusterSize)] as const);
    this.placed['refcount_table'] = table;
    this.placed['refcount_table_clusters'] = tableClusters;
    this.runs['refcount_blocks'] = runsOf(places, clusterSize);
  }

  #writeRefcountTable(blocks: readonly number[]): Placement {
    const offset = this.placed['refcount_table'] as number;
    const clusters = this.placed['refcount_table_clusters'] as number;
    const table = new DataView(new ArrayBuffer(clusters * this.clusterSize));
    for (const [i, block] of blocks.entries()) {
      table.setUint32(i * 8, Math.floor(block / 2 ** 32));
      table.setUint32(i * 8 + 4, block % 2 ** 32);
    }
    this.device.write(offset, new Uint8Array(table.buffer), 'refcount table');
    const holds = `names ${blocks.length} ${blocks.length === 1 ? 'block' : 'blocks'}`;
    return { offset, length: table.byteLength, what: 'refcount table', holds };
  }
}

function settingsIn({ settings }: TargetState): Settings {
  return {
    version: settings['version'] === 2 ? 2 : 3,
    clusterSize: settings['cluster_size'] as number,
    refcountOrder: settings['refcount_order'] as number,
  };
}
