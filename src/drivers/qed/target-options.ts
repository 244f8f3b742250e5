/**
 * What a QED conversion target can be: the settings a request asks for, and every reason why it cannot be built from
 * a given source. Touches nothing.
 */
import { hex, isPowerOfTwo, parseSize, sizeText } from '../../bytes/size.ts';
import { ImageError, type Reason } from '../../errors.ts';
import type { BackingReference, ConversionOptions, FeatureCode, TargetRequest } from '../driver.ts';
import { largestDisk, qemuMapIsSafe, qemuOverflows } from './geometry.ts';
import { placeBackingName } from './header-build.ts';
import { LIMITS } from './layout.ts';

export interface Settings {
  /** Bytes. */
  readonly clusterSize: number;
  /** Clusters. */
  readonly tableClusters: number;
}

/** With tables of 4 clusters of 64 KiB one L2 table covers 2 GiB, which every part of QEMU handles. */
const DEFAULT_CLUSTER = 64 * 1024;
/** In order of preference; larger ones only where the disk needs them. */
const TABLE_SIZES = [4, 8, 16, 2] as const;

export const REQUESTS = {
  cluster_size: 'bytes, a power of two from 4k to 64M that divides the alignment of the data (default: at most 64k)',
  table_size: 'clusters of a table: 2, 4 (the default), 8 or 16',
} as const;

export const REPRESENTS: ReadonlySet<FeatureCode> = new Set(['backing-file', 'backing-format', 'zero-over-backing']);

/**
 * Formats that QEMU recognises by their first bytes with certainty: for them a recorded format may be dropped. What it
 * does not recognise it takes for raw.
 */
const PROBED_WITH_CERTAINTY = ['qcow2', 'qed', 'qcow', 'vdi', 'vhdx', 'vmdk', 'parallels', 'luks'];

/** The settings a request asks for. Throws ImageError for words that are not options or values at all. */
export function settingsFor(options: ConversionOptions, request: TargetRequest): Settings {
  for (const name of Object.keys(request)) {
    if (name in REQUESTS) continue;
    throw new ImageError({
      code: 'unknown-option',
      what: `qed has no conversion option '${name}'`,
      tryThis: `one of ${Object.keys(REQUESTS).join(', ')}`,
    });
  }
  const clusterSize = clusterSizeFor(options, request['cluster_size']);
  return { clusterSize, tableClusters: tableClustersFor(options, clusterSize, request['table_size']) };
}

function clusterSizeFor(options: ConversionOptions, asked: string | undefined): number {
  if (asked === undefined) {
    const unit = Math.max(options.clusterSize, Math.min(options.alignment, LIMITS.minCluster));
    return Math.min(unit, DEFAULT_CLUSTER);
  }
  const size = parseSize(asked);
  if (isPowerOfTwo(size) && size >= LIMITS.minCluster && size <= LIMITS.maxCluster) return size;
  throw badValue('cluster_size', asked, 'a power of two from 4k to 64M');
}

function tableClustersFor(options: ConversionOptions, clusterSize: number, asked: string | undefined): number {
  if (asked === undefined) {
    const fits = (clusters: number): boolean =>
      !qemuOverflows(clusterSize, clusters) && options.imageSize <= largestDisk(clusterSize, clusters);
    return TABLE_SIZES.find(fits) ?? 16;
  }
  const found = TABLE_SIZES.find((clusters) => String(clusters) === asked);
  if (found !== undefined) return found;
  const one = asked === '1' ? ' (the format allows 1, but QEMU cannot open such an image)' : '';
  throw badValue('table_size', asked, `2, 4, 8 or 16${one}`);
}

function badValue(option: string, value: string, expected: string): ImageError {
  return new ImageError({
    code: 'bad-option-value',
    class: 'range',
    what: `qed: ${option} is '${value}', expected ${expected}`,
  });
}

/** Every reason of size, alignment and naming; unrepresentable features are the caller's (REPRESENTS). */
export function refusalsFor(options: ConversionOptions, settings: Settings): Reason[] {
  return [
    ...clusterRefusals(options, settings.clusterSize),
    ...sizeRefusals(options, settings),
    ...(options.backing ? backingRefusals(options, options.backing) : []),
  ];
}

function* clusterRefusals(options: ConversionOptions, clusterSize: number): Generator<Reason> {
  if (clusterSize < LIMITS.minCluster) {
    yield {
      code: 'cluster-size',
      what: `the mapping changes every ${options.clusterSize} bytes and the data is aligned to ${options.alignment}; QED clusters have at least ${LIMITS.minCluster}`,
      lift: 'copy the image with larger clusters first: qemu-img convert',
    };
    return;
  }
  if (clusterSize <= options.clusterSize) return;
  if (options.alignment < clusterSize) {
    yield {
      code: 'alignment',
      what: `cluster_size ${clusterSize} is larger than the alignment of the data, ${options.alignment}`,
      lift: `-o cluster_size=${Math.max(options.alignment, options.clusterSize)} or smaller`,
    };
  }
  if (options.features.some((f) => f.code === 'zero-over-backing')) {
    yield {
      code: 'alignment',
      what: `zero clusters of ${options.clusterSize} bytes hide parts of the backing file, and a cluster of ${clusterSize} cannot`,
      lift:
        options.clusterSize < LIMITS.minCluster
          ? 'qemu-img rebase -b "" IMAGE, which copies what the image does not hold itself'
          : `-o cluster_size=${options.clusterSize}`,
    };
  }
}

function* sizeRefusals(options: ConversionOptions, settings: Settings): Generator<Reason> {
  const { clusterSize, tableClusters } = settings;
  const { imageSize } = options;
  if (imageSize % 512 !== 0) {
    yield {
      code: 'image-size',
      what: `the disk's size, ${imageSize}, is not a multiple of 512, which QED demands`,
      lift: 'resize the disk to a multiple of 512 bytes first',
    };
  }
  if (qemuOverflows(clusterSize, tableClusters)) {
    yield {
      code: 'table-size',
      what: `QEMU cannot open QED with clusters of ${sizeText(clusterSize)} and tables of ${tableClusters} clusters`,
      lift: '-o cluster_size=64k',
    };
    return;
  }
  const largest = largestDisk(clusterSize, tableClusters);
  if (imageSize <= largest) return;
  const larger = tableClusters < 16 ? '-o table_size=16, or ' : '';
  yield {
    code: 'image-size',
    what: `clusters of ${sizeText(clusterSize)} and tables of ${tableClusters} clusters address at most ${sizeText(largest)}, the disk is ${sizeText(imageSize)}`,
    lift: `${larger}a larger cluster_size (the data's alignment allows ${options.alignment})`,
  };
}

function* backingRefusals(options: ConversionOptions, backing: BackingReference): Generator<Reason> {
  const length = Buffer.byteLength(backing.file);
  const rename = 'give the backing file a shorter plain name: qemu-img rebase -u -b NAME IMAGE';
  const place = placeBackingName(backing, options.backingNameOffset, options.headerSlack);
  if (backing.file.includes('\ufffd')) {
    yield { code: 'backing-name', what: 'the backing file name is not valid UTF-8', lift: rename };
  } else if (length > LIMITS.portableName) {
    yield {
      code: 'backing-name',
      what: `the backing file name has ${length} bytes, at most ${LIMITS.portableName} fit`,
      lift: rename,
    };
  } else if (!place) {
    const { backingNameOffset: at } = options;
    const standsAt = at === undefined ? '' : ` (it stands at ${hex(at)})`;
    yield { code: 'backing-name', what: `no room for the backing file name, ${length} bytes${standsAt}`, lift: rename };
  }
  if (droppedFormat(backing) !== undefined && !PROBED_WITH_CERTAINTY.includes(backing.format ?? '')) {
    yield {
      code: 'backing-format',
      what: `QED cannot record the backing file's format '${backing.format}', and QEMU does not recognise such a file by its content`,
      lift: 'convert the backing file to raw or qcow2 first, and qemu-img rebase -u -b NAME -F FORMAT IMAGE',
    };
  }
}

/** The backing format that QED has no place for: it keeps 'raw', or nothing. */
function droppedFormat(backing: BackingReference | undefined): string | undefined {
  return backing?.format === 'raw' ? undefined : backing?.format;
}

/** What the target drops or risks, for people. */
export function notesFor(options: ConversionOptions, settings: Settings): string[] {
  const notes: string[] = [];
  const dropped = droppedFormat(options.backing);
  if (dropped !== undefined) {
    notes.push(`QED does not record that the backing file is ${dropped}; QEMU will recognise it by its content`);
  }
  if (options.features.some((f) => f.code === 'zero-over-backing')) {
    notes.push(
      'zero clusters hide parts of the backing file: when a guest writes a part of such a cluster, QEMU (7.2) fills the rest from the backing file instead of zeros; before QEMU writes to this image, qemu-img rebase -b "" IMAGE',
    );
  }
  if (!qemuMapIsSafe(settings.clusterSize, settings.tableClusters)) {
    const span = sizeText((settings.tableClusters * settings.clusterSize ** 2) / 8);
    notes.push(
      `one L2 table covers ${span}: where 4 GiB or more under one table are alike, qemu-img map 7.2 aborts (the image is valid)`,
    );
  }
  return notes;
}
