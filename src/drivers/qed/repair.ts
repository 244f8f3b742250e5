/**
 * Repair of QED. The format marks nothing as free, so space comes back only at the end of the file; entries are emptied,
 * and clusters that two things claim are copied for the second of them.
 */
import type { Progress } from '../../bytes/progress.ts';
import { hex, sizeText } from '../../bytes/size.ts';
import { patch } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { Finding } from '../finding.ts';
import type { Proposal, RepairDriver, Repairs } from '../repair.ts';
import { bytesPerL2 } from './geometry.ts';
import { QedImage } from './image.ts';
import { FEATURES, Header, ZERO_CLUSTER } from './layout.ts';

/** A proposal, and how it is done. */
interface Mend extends Proposal {
  make(device: Device): void;
}

/** Bytes that copies of one kind may take. */
const MOST_COPIED = 2 ** 28;
/** Bytes looked at in one go. */
const PIECE = 256 * 1024;
/** Mends of one kind that are told one by one. */
const MOST_APART = 100;

export const qedRepair: RepairDriver = {
  *examine(device) {
    const image = QedImage.open(device);
    const report = yield* image.check();
    const mends: Mend[] = [];
    const unmended: { finding: Finding; why: string }[] = [];
    for (const finding of report.findings) {
      const found = mendsOf(finding, image);
      mends.push(...found);
      if (found.length === 0 && finding.severity !== 'note') unmended.push({ finding, why: whyNot(finding) });
      if (finding.code === 'leaked-clusters') yield { what: 'leaked clusters', done: 0, total: report.findings.length };
    }
    const proposals = together(mends, image.clusterSize);
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
      return [emptied(finding, image, 0)];
    case 'l2-entry-invalid':
      return [
        ...padded(finding, image),
        emptied(finding, image, 0),
        ...(image.backing ? [emptied(finding, image, ZERO_CLUSTER)] : []),
      ];
    case 'cluster-shared':
      return [copied(finding, 'the cluster', g.clusterSize)];
    case 'table-shared':
      return [copied(finding, 'the table', g.tableBytes)];
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
    isPreferred: value === 0 && padded(finding, image).length === 0,
    loses: `where it was said to lead: ${hex(offsetIn(old))}`,
    guestReads: `${reads}, where it cannot read now`,
    guest: guestOf(finding, image),
  };
}

/** The cluster that an entry leads to is the last of the file and only half there. */
function padded(finding: Finding, { device, geometry: g }: QedImage): readonly Mend[] {
  const isLast = offsetIn(readBytes(device, finding.where.offset, 8)) === g.fileEnd;
  if (!isLast || device.size <= g.fileEnd) return [];
  const size = g.fileEnd + g.clusterSize;
  return [
    mend(finding, `lengthen the file to ${size} bytes, so that its last cluster is whole`, (bench) => {
      if (bench.size < size) bench.resize(size);
    }),
  ];
}

/** The second owner gets what is there now as a copy of its own. */
function copied(finding: Finding, what: string, length: number): Mend {
  const { where } = finding;
  return {
    ...mend(
      finding,
      `copy ${what} to the end of the file for ${where.path}: both read on what they read now`,
      (device) => {
        const from = offsetIn(readBytes(device, where.offset, 8));
        // Half a cluster at the end is nobody's.
        const at = wholeEnd(device, length);
        device.write(at, readBytes(device, from, length), what === 'the table' ? 'l2 table' : 'guest data');
        const entry = new DataView(new ArrayBuffer(8));
        entry.setUint32(0, at % 2 ** 32, true);
        entry.setUint32(4, Math.floor(at / 2 ** 32), true);
        device.write(where.offset, new Uint8Array(entry.buffer), `repair ${where.path}`);
      },
    ),
    group: `copies ${finding.code}`,
  };
}

/** Where whole clusters of the file end; what is there of a half one is padded and left. */
function wholeEnd(device: Device, length: number): number {
  const { cluster_size } = headerOf(device);
  const end = Math.ceil(device.size / cluster_size) * cluster_size;
  device.resize(end + length);
  return end;
}

/** Space at the end of the file that nothing refers to. */
function cutOff(finding: Finding, { device, geometry: g }: QedImage): readonly Mend[] {
  const { offset, length } = finding.where;
  if (finding.code === 'partial-cluster' && endIsNeeded(finding, device, g.fileEnd)) return [];
  if (offset + length < g.fileEnd) return [];
  const data = nonZero(device, offset, device.size - offset);
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

function nonZero(device: Device, offset: number, length: number): number {
  let found = 0;
  for (let at = 0; at < length; at += PIECE) {
    for (const byte of readBytes(device, offset + at, Math.min(PIECE, length - at))) if (byte !== 0) found++;
  }
  return found;
}

function whyNot({ code }: Finding): string {
  if (code === 'leaked-clusters') return 'QED marks nothing as free: only space at the end of the file comes back';
  return 'there is nothing that could be put in its place';
}

/** Copies of a kind are one proposal; so is what there is very much of. */
function together(mends: readonly Mend[], clusterSize: number): readonly Mend[] {
  const kindOf = ({ code, change, isSafe }: Mend): string => `${code} ${isSafe} ${isSafe ? '' : change}`;
  const sets = new Map<string, Mend[]>();
  for (const one of mends) sets.set(kindOf(one), [...(sets.get(kindOf(one)) ?? []), one]);
  return [...sets.values()].flatMap((set) => {
    const [first] = set as [Mend];
    const isCopy = first.group.startsWith('copies');
    if (set.length === 1 || (set.length <= MOST_APART && !isCopy)) return set;
    if (isCopy && set.length * clusterSize > MOST_COPIED) return [];
    return [
      {
        ...first,
        change: `${first.change}, and for ${set.length - 1} more`,
        findings: set.length,
        places: set.flatMap(({ places }) => places).slice(0, 3),
        guest: set.flatMap(({ guest }) => guest),
        make: (device: Device) => {
          for (const one of set) one.make(device);
        },
      },
    ];
  });
}

function headerOf(device: Device): { cluster_size: number } {
  const view = new DataView(readBytes(device, 0, Header.size).buffer);
  return { cluster_size: view.getUint32(Header.at.cluster_size, true) };
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
