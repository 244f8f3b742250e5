/**
 * What a conversion from qcow2 has to know: sizes, alignment, the backing file, and every feature that a target may
 * be unable to represent, each with what would remove it.
 */
import type { Range } from '../../bytes/ranges.ts';
import { hex } from '../../bytes/size.ts';
import { type Survey, survey } from '../../bytes/survey.ts';
import type { BackingReference, ConversionOptions, Feature } from '../driver.ts';
import { SECTOR } from '../two-level/first-sector.ts';
import { bytesPerL2, type Geometry, mappingUnit, refcountBits, vmStateOffset } from './geometry.ts';
import type { Header } from './header.ts';
import type { Qcow2Image } from './image.ts';
import { EXTENSION } from './layout.ts';
import { TableWalk } from './walk.ts';

/** With depth `all`, walks the whole mapping once, for alignment and for what it holds. */
export function conversionOptions(image: Qcow2Image, depth: 'all' | 'header'): ConversionOptions {
  const { header, geometry: g, backing } = image;
  return {
    format: image.format,
    imageSize: g.size,
    clusterSize: mappingUnit(g),
    ...(depth === 'all' ? whatIsMapped(image, survey(image.mappings())) : whatTheHeaderSays(image)),
    encryption: g.crypt,
    ...(backing && { backing, backingNameOffset: header.backing_file_offset }),
    headerSlack: headerSlack(header, g),
    settings: {
      cluster_size: g.clusterSize,
      compat: g.version === 2 ? '0.10' : '1.1',
      refcount_bits: refcountBits(g),
      extended_l2: g.l2EntrySize === 16,
      compression_type: g.compression,
      lazy_refcounts: header.compatible_features.lazy_refcounts,
    },
  };
}

type Content = Pick<ConversionOptions, 'alignment' | 'features'>;

function whatIsMapped(image: Qcow2Image, found: Survey): Content {
  const features = [...stateFeatures(image), ...backingFeatures(image), ...contentFeatures(image, found)];
  return { alignment: found.alignment, features };
}

function whatTheHeaderSays(image: Qcow2Image): Content {
  return { alignment: image.unit, features: [...stateFeatures(image), ...backingFeatures(image)] };
}

/** What of the first cluster, behind the first sector, neither the header nor the backing name reaches. */
function headerSlack(header: Header, g: Geometry): Range {
  const nameEnd = header.backing_file_offset === 0 ? 0 : header.backing_file_offset + header.backing_file_size;
  const offset = Math.min(Math.max(SECTOR, header.extensionsEnd, nameEnd), g.clusterSize);
  return { offset, length: g.clusterSize - offset };
}

const COPY = 'qemu-img convert -O qcow2 IMAGE NEW, which copies only the active disk';
const COPY_BACKING = "qemu-img rebase -b '' IMAGE, which copies what the image does not hold itself";

/** What the header says, and what hangs on it. */
function* stateFeatures(image: Qcow2Image): Generator<Feature> {
  const { header, geometry: g, snapshots, bitmaps } = image;
  if (header.incompatible_features.dirty) {
    const what = 'the image is marked dirty: its refcounts may be wrong (incompatible_features bit 0)';
    yield { code: 'dirty', what, lift: 'qemu-img check -r all IMAGE' };
  }
  if (header.incompatible_features.corrupt) {
    const what = 'the image is marked corrupt (incompatible_features bit 1)';
    yield { code: 'corrupt', what, lift: 'qemu-img check -r all IMAGE' };
  }
  const count = header.nb_snapshots;
  if (count > 0) {
    const names = named(snapshots.map(({ id, name }) => `${name || '(no name)'} (id ${id})`));
    const what = `the image has ${count} internal ${count === 1 ? 'snapshot' : 'snapshots'}: ${names}`;
    yield { code: 'snapshots', what, lift: 'qemu-img snapshot -d NAME IMAGE, for each' };
  }
  if (hasVmState(image)) {
    const what = 'the active L1 table holds VM state behind the end of the disk';
    yield { code: 'vm-state', what, lift: COPY };
  }
  if (bitmaps.length > 0) {
    const what = `the image has ${bitmaps.length} persistent dirty bitmaps: ${named(bitmaps.map(({ name }) => name))}`;
    yield { code: 'bitmaps', what, lift: 'qemu-img bitmap --remove IMAGE NAME, for each' };
  }
  if (g.crypt !== 'none') {
    const what = `the guest data are encrypted (crypt_method ${header.crypt_method}, ${g.crypt})`;
    yield { code: 'encryption', what, lift: 'qemu-img convert with the secret, to an image without encryption' };
  }
  if (g.dataFile) {
    const name = image.dataFile?.file;
    const what = `the guest data are in an external data file${name === undefined ? '' : `, '${name}'`}`;
    yield { code: 'data-file', what, lift: 'qemu-img convert -O qcow2 IMAGE NEW, which makes one file of both' };
  }
  yield* unknownFeatures(header);
}

function* unknownFeatures(header: Header): Generator<Feature> {
  for (const field of ['compatible_features', 'autoclear_features'] as const) {
    const bits = header[field].unknown;
    if (bits.length === 0) continue;
    const what = `${field} has bits that this version does not know: ${bits.join(', ')}`;
    yield { code: 'unknown-features', what, lift: COPY };
  }
  const known = new Set<number>(Object.values(EXTENSION));
  const unknown = header.extensions.filter(({ type }) => !known.has(type));
  if (unknown.length > 0) {
    const types = named(unknown.map(({ type }) => hex(type)));
    const what = `the header has extensions that this version does not know: ${types}`;
    yield { code: 'unknown-extensions', what, lift: COPY };
  }
}

function* backingFeatures({ backing }: Qcow2Image): Generator<Feature> {
  if (!backing) return;
  yield { code: 'backing-file', what: `the image has a backing file, '${backing.file}'`, lift: COPY_BACKING };
  if (backing.format === undefined) return;
  const what = `the backing file's format is recorded as ${backing.format}`;
  yield { code: 'backing-format', what, lift: 'qemu-img rebase -u -b NAME IMAGE, without -F' };
}

/** What the walk over the mapping found. */
function* contentFeatures({ backing }: { backing?: BackingReference }, found: Survey): Generator<Feature> {
  if (found.runs.compressed > 0) {
    const what = `${found.bytes.compressed} bytes of the disk are stored compressed`;
    const lift = 'qemu-img convert -O qcow2 IMAGE NEW, which writes them uncompressed';
    yield { code: 'compressed', what, lift };
  }
  const zeros = found.bytes.zero + found.bytes['zero-allocated'];
  if (backing && zeros > 0) {
    const what = `${zeros} bytes of zero clusters hide parts of the backing file`;
    yield { code: 'zero-over-backing', what, lift: COPY_BACKING };
  }
  if (found.runs.invalid > 0) {
    const what = `${found.runs.invalid} table entries break a rule of the format; check lists them`;
    yield { code: 'invalid-entries', what, lift: 'qemu-img check -r all IMAGE, or set each entry by hand' };
  }
}

/** Whether anything is allocated behind the disk. Empty L2 tables, as a deleted snapshot leaves them, are nothing. */
function hasVmState({ device, geometry: g }: Qcow2Image): boolean {
  const { l1Offset, l1Entries } = g;
  const range = { l1Offset, l1Entries, from: vmStateOffset(g), to: l1Entries * bytesPerL2(g) };
  const { runs } = survey(new TableWalk(device, g, range).runs());
  return Object.entries(runs).some(([kind, count]) => kind !== 'unallocated' && count > 0);
}

/** At most a few names, and how many more there are. */
function named(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
