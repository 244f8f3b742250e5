/**
 * Repair of QED. The format marks nothing as free, so space comes back only at the end of the file; entries are emptied,
 * and clusters that two things claim are copied for the second of them.
 */
import type { Progress } from '../../bytes/progress.ts';
import { hex, sizeText } from '../../bytes/size.ts';
import { patch } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { countNonZero } from '../../device/zeros.ts';
import type { Where } from '../../errors.ts';
import type { CheckReport, Finding } from '../finding.ts';
import type { Proposal, RepairDriver, Repairs } from '../repair.ts';
import { bytesPerL2 } from './geometry.ts';
import { QedImage } from './image.ts';
import { FEATURES, Header, ZERO_CLUSTER } from './layout.ts';

/** A proposal, and how it is done. */
interface Mend extends Proposal {
  make(device: Device): void;
  /** What is to be copied, where that is what it does. */
  readonly copy?: Copy;
}

/** An entry at `where` whose cluster or table, `length` bytes long, is another's too. */
interface Copy {
  readonly where: Where;
  readonly what: 'l2 table' | 'guest data';
  readonly length: number;
}

/** Bytes that copies of one kind may take. */
const MOST_COPIED = 2 ** 28;
/** Mends of one kind that are told one by one. */
const MOST_APART = 100;

export const qedRepair: RepairDriver = {
  *examine(device) {
    const image = QedImage.open(device);
    const report = yield* image.check();
    const { twice } = yield* image.surveyed();
    const found = report.findings.map((finding) => ({ finding, mends: mendsOf(finding, image) }));
    // What lies in two places at once is copied before anything in it is changed, or the file gets shorter.
    const hasCopies = found.some(({ mends }) => mends.some(({ copy }) => copy !== undefined));
    const waits = ({ code, where }: Finding): boolean =>
      hasCopies && (isCut(code) || (/-invalid$/.test(code) && twice.has(Math.floor(where.offset / image.clusterSize))));
    const mends = found.flatMap(({ finding, mends: its }) => (waits(finding) ? [] : its));
    const unmended = found.flatMap(({ finding, mends: its }) =>
      its.length > 0 || finding.severity === 'note' ? [] : [{ finding, why: whyNot(finding) }],
    );
    const proposals = together(mends, report, image);
    return { report, proposals, unmended, apply } satisfies Repairs;
  },
};

function* apply(device: Device, chosen: readonly Proposal[]): Generator<Progress, void> {
  for (const [i, mend] of (chosen as readonly Mend[]).entries()) {
    mend.make(device);
    yield { what: 'mending', done: i + 1, total: chosen.length };
  }
}

function mendsOf(finding: Finding, image: QedImage): readonly Mend[] {
  const { code, where } = finding;
  const { geometry: g } = image;
  switch (code) {
    case 'l1-entry-invalid':
      return [...padded(finding, image, g.tableBytes), emptied(finding, image, 0)];
    case 'l2-entry-invalid':
      return [
        ...padded(finding, image, g.clusterSize),
        emptied(finding, image, 0),
        ...(image.backing ? [emptied(finding, image, ZERO_CLUSTER)] : []),
      ];
    case 'cluster-shared':
      return [copied(finding, 'guest data', g.clusterSize)];
    case 'table-shared':
      return [copied(finding, 'l2 table', g.tableBytes)];
    case 'leaked-clusters':
    case 'partial-cluster':
      return cutOff(finding, image);
    case 'header-size-zero':
      if (g.l1Offset === 0) return [];
      return [mend(finding, 'set header_size to 1', (device) => patchHeader(device, { header_size: 1 }))];
    case 'backing-name-empty':
      return [
        mend(finding, 'clear the backing-file bits: there is no name', (device) =>
          clearFeatures(device, [FEATURES.backing_file, FEATURES.backing_format_no_probe]),
        ),
      ];
    case 'unknown-autoclear-features':
      return [
        mend(finding, 'clear the unknown autoclear features, as who writes the image has to', (device) =>
          device.write(where.offset, new Uint8Array(where.length), 'header'),
        ),
      ];
    case 'need-check':
      return [
        {
          ...mend(finding, 'clear the need-check bit, once nothing else is wrong', (device) =>
            clearFeatures(device, [FEATURES.need_check]),
          ),
          isLast: true,
        },
      ];
    default:
      return [];
  }
}

function mend(finding: Finding, change: string, make: (device: Device) => void): Mend {
  const { code, where } = finding;
  const group = where.path ?? `${code} ${where.offset}`;
  return { code, findings: 1, places: [where], change, isSafe: true, isPreferred: true, group, guest: [], make };
}

/** An entry that leads nowhere becomes one that says so. */
function emptied(finding: Finding, image: QedImage, value: 0 | typeof ZERO_CLUSTER): Mend {
  const { where } = finding;
  const reads = value === ZERO_CLUSTER || !image.backing ? 'zeros' : 'the backing file';
  const old = readBytes(image.device, where.offset, 8);
  return {
    ...mend(finding, value === 0 ? 'set the entry to 0, unallocated' : 'set the entry to 1, zeros', (device) =>
      device.write(where.offset, Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0), `repair ${where.path}`),
    ),
    isSafe: false,
    isPreferred: value === 0 && padded(finding, image, lengthOf(finding, image)).length === 0,
    loses: `where it was said to lead: ${hex(offsetIn(old))}`,
    guestReads: `${reads}, where it cannot read now`,
    guest: guestOf(finding, image),
  };
}

/** The cluster or table that an entry leads to, `length` bytes, is the last of the file and only partly there. */
function padded(finding: Finding, { device, geometry: g }: QedImage, length: number): readonly Mend[] {
  const offset = offsetIn(readBytes(device, finding.where.offset, 8));
  const isCut = offset >= g.headerBytes && offset < device.size && offset + length > g.fileEnd;
  if (!isCut || offset % g.clusterSize !== 0) return [];
  return [
    mend(
      finding,
      `lengthen the file to ${offset + length} bytes: what it leads to was cut off, and is whole then`,
      (bench) => {
        if (bench.size < offset + length) bench.resize(offset + length);
      },
    ),
  ];
}

/** The second owner gets what is there now as a copy of its own. */
function copied(finding: Finding, what: Copy['what'], length: number): Mend {
  const name = what === 'l2 table' ? 'the table' : 'the cluster';
  const change = `copy ${name} to the end of the file for ${finding.where.path}: both read on what they read now`;
  return {
    ...mend(finding, change, () => undefined),
    ...{ group: 'copies', copy: { where: finding.where, what, length } },
  };
}

/** All copies first: an entry may itself lie in a cluster that another one leads to. */
function copyAll(device: Device, clusterSize: number, taken: ReadonlySet<number>, copies: readonly Copy[]): void {
  const places = copies.map(({ where, what, length }) => {
    const from = offsetIn(readBytes(device, where.offset, 8));
    // Half a cluster at the end is nobody's, and where an entry leads behind the end nothing is put.
    let at = Math.ceil(device.size / clusterSize) * clusterSize;
    for (let i = 0; i < length; i += clusterSize) {
      if (!taken.has(at + i)) continue;
      at += i + clusterSize;
      i = -clusterSize;
    }
    device.resize(at + length);
    device.write(at, readBytes(device, from, length), what);
    return at;
  });
  for (const [i, { where }] of copies.entries()) {
    const entry = new DataView(new ArrayBuffer(8));
    const at = places[i] as number;
    entry.setUint32(0, at % 2 ** 32, true);
    entry.setUint32(4, Math.floor(at / 2 ** 32), true);
    device.write(where.offset, new Uint8Array(entry.buffer), `repair ${where.path}`);
  }
}

/** Clusters behind the end of the file that entries lead to, by their offset. */
function dangling({ device, geometry: g }: QedImage, findings: readonly Finding[]): Set<number> {
  const found = new Set<number>();
  for (const { code, where } of findings) {
    if (!/-entry-invalid$/.test(code)) continue;
    const offset = offsetIn(readBytes(device, where.offset, 8));
    const length = code.startsWith('l1') ? g.tableBytes : g.clusterSize;
    const end = Math.min(offset + length, g.fileEnd + 2 * MOST_COPIED);
    for (let at = Math.max(offset, g.fileEnd); at < end; at += g.clusterSize) found.add(at);
  }
  return found;
}

/** Space at the end of the file that nothing refers to. */
function cutOff(finding: Finding, { device, geometry: g }: QedImage): readonly Mend[] {
  const { offset, length } = finding.where;
  if (finding.code === 'partial-cluster' && endIsNeeded(finding, device, g.fileEnd)) return [];
  if (offset + length < g.fileEnd) return [];
  const data = countNonZero(device, offset, device.size - offset);
  const what = finding.code === 'partial-cluster' ? 'the half cluster' : sizeText(length);
  return [
    {
      ...mend(finding, `cut ${what} off the end of the file, which nothing refers to`, (bench) => {
        if (bench.size > offset) bench.resize(offset);
      }),
      ...(data > 0 && { isSafe: false, freesData: data, loses: `${data} bytes that are not zero` }),
    },
  ];
}

/** Something leads to the half cluster: `padded` sees to it. */
function endIsNeeded(finding: Finding, device: Device, fileEnd: number): boolean {
  const image = QedImage.open(device);
  for (const batch of image.mappings(0, image.size, 'mapped')) {
    for (let i = 0; i < batch.count; i++) {
      const run = batch.at(i);
      if (run.kind === 'invalid' && image.getMapping(run.guest).host === fileEnd) return true;
    }
  }
  return finding.where.offset !== fileEnd;
}

function lengthOf({ code }: Finding, { geometry: g }: QedImage): number {
  return code.startsWith('l1') ? g.tableBytes : g.clusterSize;
}

function isCut(code: string): boolean {
  return code === 'leaked-clusters' || code === 'partial-cluster';
}

function whyNot({ code }: Finding): string {
  if (code === 'leaked-clusters') return 'QED marks nothing as free: only space at the end of the file comes back';
  return 'there is nothing that could be put in its place';
}

/** Copies are one proposal; so is what there is very much of. */
function together(mends: readonly Mend[], report: CheckReport, image: QedImage): readonly Mend[] {
  const { clusterSize } = image;
  const kindOf = ({ code, change, isSafe, copy }: Mend): string =>
    copy ? 'copies' : `${code} ${isSafe} ${isSafe ? '' : change}`;
  const sets = new Map<string, Mend[]>();
  for (const one of mends) {
    const set = sets.get(kindOf(one));
    if (set) set.push(one);
    else sets.set(kindOf(one), [one]);
  }
  const taken = dangling(image, report.findings);
  return [...sets.values()].flatMap((set) => {
    const [first] = set as [Mend];
    const copies = set.flatMap(({ copy }) => copy ?? []);
    const size = copies.reduce((sum, { length }) => sum + length, 0);
    // Entries that are not told could lead to where copies go.
    if (size > MOST_COPIED || (size > 0 && report.findingCount > report.findings.length)) return [];
    if (copies.length === 0 && set.length <= MOST_APART) return set;
    return [
      {
        ...first,
        change: set.length > 1 ? `${first.change}, and for ${set.length - 1} more` : first.change,
        findings: set.length,
        places: set.flatMap(({ places }) => places).slice(0, 3),
        guest: set.flatMap(({ guest }) => guest),
        make: (bench: Device) => {
          for (const one of set) one.make(bench);
          if (copies.length > 0) copyAll(bench, clusterSize, taken, copies);
        },
      },
    ];
  });
}

function patchHeader(device: Device, values: { readonly header_size: number }): void {
  const bytes = readBytes(device, 0, Header.size);
  patch(Header, bytes, values);
  device.write(0, bytes, 'header');
}

function clearFeatures(device: Device, bits: readonly number[]): void {
  const byte = readBytes(device, Header.at.features, 1);
  for (const bit of bits) byte[0] = (byte[0] as number) & ~(1 << bit);
  device.write(Header.at.features, byte, 'header');
}

/** A little-endian offset; inexact above 2^53, where no file reaches. */
function offsetIn(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
}

/** Guest bytes of the disk that an entry maps. */
function guestOf({ where }: Finding, { geometry: g }: QedImage): readonly { offset: number; length: number }[] {
  const [, l1, l2] = /^l[12]\[(\d+)\](?:\[(\d+)\])?$/.exec(where.path ?? '') ?? [];
  if (l1 === undefined) return [];
  const offset = Number(l1) * bytesPerL2(g) + Number(l2 ?? 0) * g.clusterSize;
  const end = Math.min(offset + (l2 === undefined ? bytesPerL2(g) : g.clusterSize), g.size);
  return end > offset ? [{ offset, length: end - offset }] : [];
}
