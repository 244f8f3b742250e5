/**
 * What a qcow2 conversion target can be: the settings a request asks for, and every reason why it cannot be built from
 * a given source. Touches nothing.
 */
import { hex, isPowerOfTwo, parseSize, sizeText } from '../../bytes/size.ts';
import { ImageError, type Reason } from '../../errors.ts';
import type { ConversionOptions, FeatureCode, TargetRequest } from '../driver.ts';
import { largestDisk } from './geometry.ts';
import { placeBackingName } from './header-build.ts';
import { LIMITS } from './layout.ts';

export interface Settings {
  readonly version: 2 | 3;
  /** Bytes. */
  readonly clusterSize: number;
  readonly refcountOrder: number;
}

const SMALLEST_CLUSTER = 512;
const LARGEST_CLUSTER = 2 * 1024 * 1024;

export const REQUESTS = {
  cluster_size: 'bytes, a power of two from 512 to 2M that divides the alignment of the data (default: as the source)',
  compat: '1.1 (version 3, the default) or 0.10 (version 2)',
  refcount_bits: '1, 2, 4, 8, 16 (the default), 32 or 64',
} as const;

export const REPRESENTS: ReadonlySet<FeatureCode> = new Set(['backing-file', 'backing-format', 'zero-over-backing']);

/** The settings a request asks for. Throws ImageError for words that are not options or values at all. */
export function settingsFor(options: ConversionOptions, request: TargetRequest): Settings {
  for (const name of Object.keys(request)) {
    if (!(name in REQUESTS)) {
      throw new ImageError({
        code: 'unknown-option',
        what: `qcow2 has no conversion option '${name}'`,
        tryThis: `one of ${Object.keys(REQUESTS).join(', ')}`,
      });
    }
  }
  const compat = request['compat'] ?? '1.1';
  const version = compat === '1.1' || compat === 'v3' ? 3 : compat === '0.10' || compat === 'v2' ? 2 : undefined;
  if (version === undefined) throw badValue('compat', compat, '0.10 or 1.1');
  const asked = request['cluster_size'];
  const clusterSize = asked === undefined ? Math.min(options.clusterSize, LARGEST_CLUSTER) : parseSize(asked);
  if (!isPowerOfTwo(clusterSize) || clusterSize < SMALLEST_CLUSTER || clusterSize > LARGEST_CLUSTER) {
    throw badValue('cluster_size', asked ?? String(clusterSize), 'a power of two from 512 to 2M');
  }
  const bits = request['refcount_bits'] ?? '16';
  const refcountOrder = ['1', '2', '4', '8', '16', '32', '64'].indexOf(bits);
  if (refcountOrder < 0) throw badValue('refcount_bits', bits, '1, 2, 4, 8, 16, 32 or 64');
  return { version, clusterSize, refcountOrder };
}

function badValue(option: string, value: string, expected: string): ImageError {
  return new ImageError({
    code: 'bad-option-value',
    class: 'range',
    what: `qcow2: ${option} is '${value}', expected ${expected}`,
  });
}

/** Every reason of size, alignment and naming; unrepresentable features are the caller's (REPRESENTS). */
export function refusalsFor(options: ConversionOptions, settings: Settings): Reason[] {
  const reasons: Reason[] = [];
  const { clusterSize, version } = settings;
  if (clusterSize > options.clusterSize && options.alignment < clusterSize) {
    reasons.push({
      code: 'alignment',
      what: `cluster_size ${clusterSize} is larger than the alignment of the data, ${options.alignment}`,
      lift: `-o cluster_size=${options.alignment} or smaller`,
    });
  }
  if (clusterSize > options.clusterSize && options.features.some((f) => f.code === 'zero-over-backing')) {
    reasons.push({
      code: 'alignment',
      what: `zero clusters of ${options.clusterSize} bytes hide parts of the backing file, and a cluster of ${clusterSize} cannot`,
      lift: `-o cluster_size=${options.clusterSize}`,
    });
  }
  const largest = largestDisk(clusterSize, 8);
  if (options.imageSize > largest) {
    reasons.push({
      code: 'image-size',
      what: `clusters of ${clusterSize} bytes address at most ${sizeText(largest)}, the disk is ${sizeText(options.imageSize)}`,
      lift: `-o cluster_size=${Math.min(options.alignment, LARGEST_CLUSTER)}, if that is larger`,
    });
  }
  if (options.imageSize % 512 !== 0) {
    reasons.push({
      code: 'image-size',
      what: `the disk's size, ${options.imageSize}, is not a multiple of 512 and would be rounded`,
      lift: 'resize the disk to a multiple of 512 bytes first',
    });
  }
  if (version === 2 && options.features.some((f) => f.code === 'zero-over-backing')) {
    reasons.push({
      code: 'zero-over-backing',
      what: 'zero clusters hide parts of the backing file, and qcow2 version 2 has no zero clusters',
      lift: '-o compat=1.1',
    });
  }
  if (version === 2 && settings.refcountOrder !== 4) {
    reasons.push({
      code: 'refcount-bits',
      what: `refcount_bits ${2 ** settings.refcountOrder} needs version 3; version 2 has 16`,
      lift: '-o compat=1.1, or leave refcount_bits out',
    });
  }
  if (options.backing) reasons.push(...backingRefusals(options, options.backing, settings));
  return reasons;
}

function backingRefusals(
  options: ConversionOptions,
  backing: NonNullable<ConversionOptions['backing']>,
  settings: Settings,
): Reason[] {
  const length = Buffer.byteLength(backing.file);
  const rename = 'give the backing file a shorter plain name: qemu-img rebase -u -b NAME IMAGE';
  if (backing.file.includes('\ufffd')) {
    return [{ code: 'backing-name', what: 'the backing file name is not valid UTF-8', lift: rename }];
  }
  if (length > LIMITS.backingName) {
    return [
      { code: 'backing-name', what: `the backing file name has ${length} bytes, at most 1023 fit`, lift: rename },
    ];
  }
  if ((backing.format?.length ?? 0) > LIMITS.backingFormat) {
    return [{ code: 'backing-format', what: 'the backing format name is longer than 15 bytes', lift: rename }];
  }
  const { version, clusterSize } = settings;
  const place = placeBackingName(version, clusterSize, backing, options.backingNameOffset, options.headerSlack);
  if (place) return [];
  const standsAt = options.backingNameOffset === undefined ? '' : ` (it stands at ${hex(options.backingNameOffset)})`;
  return [
    {
      code: 'backing-name',
      what: `no room for the backing file name, ${length} bytes, in the first cluster of ${clusterSize} bytes${standsAt}`,
      lift: rename,
    },
  ];
}
