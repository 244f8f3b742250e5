/**
 * Mends of entries of L1 and L2 tables, each from the finding that check made of it.
 *
 * What an entry that breaks a rule leads to is kept where the rule says what it must mean (a reserved bit, COPIED, the
 * only offset a data file allows); where an offset is not aligned, the cluster it points into is taken only when nobody
 * else has it. What leads behind the end of the file reads as zeros, and goes on doing so.
 */
import { masked } from '../../../bytes/bits.ts';
import type { Range } from '../../../bytes/ranges.ts';
import { hex, roundDown } from '../../../bytes/size.ts';
import { readBytes } from '../../../device/device.ts';
import type { Finding } from '../../finding.ts';
import { COPIED } from '../check-claims.ts';
import { bytesPerL2 } from '../geometry.ts';
import { L1Entry, L2Entry } from '../layout.ts';
import { looksLikeL2 } from './likeness.ts';
import { halvesOf, isContested, isOneTable, type Mend, mend, type Patient, type Workbench } from './work.ts';

type Halves = readonly [hi: number, lo: number];

/**
 * Every way to mend the entry that the finding is about; none where the finding is about something else, or waits.
 * `isHeld`: whether guest data lies in a cluster of metadata, and goes first.
 */
export function entryMends(finding: Finding, patient: Patient, isHeld: (offset: number) => boolean): readonly Mend[] {
  const path = finding.where.path ?? '';
  const { offset } = finding.where;
  const isL1 = /(^|\.)l1\[\d+\]$/.test(path);
  if (isContested(patient, offset) && (isHeld(offset) || !isOneTable(patient, offset))) return [];
  if (isAstray(finding, patient)) return [];
  if (isL1) return l1Mends(finding, patient);
  if (/(^|\.)l2\[\d+\]\[\d+\]$/.test(path)) return l2Mends(finding, patient);
  return [];
}

/** An entry of an L2 table that is not on a cluster of its own: nothing is changed there. */
export function isAstray({ where }: Finding, { g }: Patient): boolean {
  const index = /l2\[\d+\]\[(\d+)\]$/.exec(where.path ?? '')?.[1];
  return index !== undefined && (where.offset - Number(index) * g.l2EntrySize) % g.clusterSize !== 0;
}

function l1Mends(finding: Finding, patient: Patient): readonly Mend[] {
  switch (finding.code) {
    case 'l1-reserved-bits':
      return [clearing(finding, 'reserved bits', ([hi, lo]) => [hi & ~L1Entry.reserved.hi, lo & ~L1Entry.reserved.lo])];
    case 'l1-without-table':
      return [clearing(finding, 'flags without an offset', () => [0, 0])];
    case 'l2-table-align':
      return [...tableBelow(finding, patient), dropTable(finding, patient, isActive(finding))];
    case 'past-end-of-file':
      return [dropTable(finding, patient, false)];
    default:
      return [];
  }
}

function l2Mends(finding: Finding, patient: Patient): readonly Mend[] {
  const { g } = patient;
  switch (finding.code) {
    case 'l2-reserved-bits':
      return [clearing(finding, 'reserved bits', ([hi, lo]) => [hi & ~L2Entry.reserved.hi, lo & ~L2Entry.reserved.lo])];
    case 'zero-flag-in-version-2':
    case 'zero-flag-in-extended-l2':
      return [clearing(finding, 'bit 0', ([hi, lo]) => [hi, lo & ~1])];
    case 'copied-without-cluster':
    case 'compressed-copied':
      return [clearing(finding, 'COPIED', ([hi, lo]) => [hi & ~COPIED, lo])];
    case 'compressed-subclusters':
      return [onBitmap(finding, 'clear the subcluster bitmap of a compressed cluster', true, () => [0, 0])];
    case 'subclusters-without-cluster':
      return [
        {
          ...onBitmap(finding, 'mark subclusters without a host cluster as not allocated', false, ([zeros]) => [
            zeros,
            0,
          ]),
          ...{ guestReads: 'zeros or the backing file, where it cannot read now' },
          ...{ guest: guestOf(finding, patient) },
        },
      ];
    case 'subcluster-conflict':
      return conflict(finding, patient);
    case 'data-cluster-align':
      return [...clusterBelow(finding, patient), dropCluster(finding, patient)];
    case 'data-file-offset':
      return inDataFile(finding, patient);
    case 'past-end-of-file':
      return [zeroCluster(finding, patient)];
    case 'compressed-in-data-file':
      return [dropCluster(finding, patient)];
    default:
      // A compressed cluster that does not decompress.
      return /^compressed-/.test(finding.code) && finding.qemuCount === 0 && g.l2EntrySize === 8
        ? [{ ...dropCluster(finding, patient), isPreferred: false }]
        : [];
  }
}

/** Safe: the bits mean nothing, or keep the guest from reading what is there. */
function clearing(finding: Finding, what: string, to: (old: Halves) => Halves): Mend {
  return mend({
    ...about(finding),
    group: `${finding.code} bits`,
    change: `clear ${what}`,
    make: (bench) => bench.change(finding.where.offset, label(finding), (hi, lo) => to([hi, lo])),
  });
}

/** `to` gets and answers the halves of the bitmap: zeros, allocated. */
function onBitmap(finding: Finding, change: string, isSafe: boolean, to: (old: Halves) => Halves): Mend {
  return mend({
    ...about(finding),
    ...{ group: isSafe ? `${finding.code} bits` : groupOf(finding), change, isSafe },
    make: (bench) => bench.change(finding.where.offset + 8, label(finding), (hi, lo) => to([hi, lo])),
  });
}

/** Both answers are guesses; the one that shows the data loses none. */
function conflict(finding: Finding, patient: Patient): readonly Mend[] {
  const common = { guest: guestOf(finding, patient), group: groupOf(finding) };
  return [
    {
      ...onBitmap(finding, 'take conflicting subclusters as allocated', false, ([z, a]) => [z & ~a, a]),
      ...common,
      guestReads: 'what the host cluster holds, where it cannot read now',
    },
    {
      ...onBitmap(finding, 'take conflicting subclusters as zeros', false, ([z, a]) => [z, a & ~z]),
      ...common,
      isPreferred: false,
      guestReads: 'zeros, where it cannot read now',
      loses: 'the way to what the host cluster holds there',
    },
  ];
}

/** The one offset that is allowed with an external data file. */
function inDataFile(finding: Finding, patient: Patient): readonly Mend[] {
  const guest = guestStart(finding, patient);
  if (guest === undefined) return [];
  const [hi, lo] = halvesOf(guest);
  const { mask } = L2Entry;
  return [
    mend({
      ...about(finding),
      ...{ group: groupOf(finding), isSafe: false, guest: guestOf(finding, patient) },
      change: `set the offset to ${hex(guest)}, the only one an external data file allows`,
      guestReads: 'the data file at its own offset, where it cannot read now',
      make: (bench) =>
        bench.change(finding.where.offset, label(finding), (oldHi, oldLo) => [
          (oldHi & ~mask.offset.hi) | hi,
          (oldLo & ~mask.offset.lo) | lo,
        ]),
    }),
  ];
}

/** The aligned cluster that an offset points into, where it lies in the file and nothing else has it. */
function freeBelow(finding: Finding, patient: Patient): number | undefined {
  const { device, g, claims } = patient;
  const cluster = Math.floor(offsetAt(patient, finding) / g.clusterSize);
  // The broken entry itself counts once for each cluster it lies in.
  const isAlone = claims.counts.get(cluster) <= 1 && !claims.counts.overflowed.has(cluster);
  return cluster > 0 && cluster * g.clusterSize < device.size && isAlone ? cluster * g.clusterSize : undefined;
}

function clusterBelow(finding: Finding, patient: Patient): readonly Mend[] {
  const at = freeBelow(finding, patient);
  return at === undefined ? [] : [pointed(finding, patient, at, 'the cluster', 'what the cluster holds')];
}

function tableBelow(finding: Finding, patient: Patient): readonly Mend[] {
  const at = freeBelow(finding, patient);
  if (at === undefined || !looksLikeL2(patient.device, patient.g, at)) return [];
  return [pointed(finding, patient, at, 'what looks like an L2 table', 'what that table leads to')];
}

function pointed(finding: Finding, patient: Patient, at: number, what: string, reads: string): Mend {
  const [hi, lo] = halvesOf(at);
  const { mask } = L2Entry;
  return mend({
    ...about(finding),
    ...{ group: groupOf(finding), isSafe: false, guest: guestOf(finding, patient) },
    change: `point to ${what} at ${hex(at)}, in which the offset lies and which nothing else has`,
    guestReads: `${reads}, where it cannot read now`,
    make: (bench) => {
      bench.touch(at, 2 * patient.g.clusterSize);
      bench.change(finding.where.offset, label(finding), (oldHi, oldLo) => [
        (oldHi & ~mask.offset.hi) | hi,
        (oldLo & ~mask.offset.lo) | lo,
      ]);
    },
  });
}

/** `changes`: whether the guest cannot read there now. */
function dropTable(finding: Finding, patient: Patient, changes: boolean): Mend {
  return mend({
    ...about(finding),
    ...{ group: groupOf(finding), isSafe: false },
    isPreferred: finding.code === 'past-end-of-file' || tableBelow(finding, patient).length === 0,
    change: 'take the L2 table out of the L1 table: its guest range is unallocated then',
    loses: `where the table was said to be: ${hex(offsetAt(patient, finding))}`,
    hint: 'an L2 table that was lost may still lie in the file: try rescue',
    ...(changes && {
      guestReads: 'zeros or the backing file, where it cannot read now',
      guest: guestOf(finding, patient),
    }),
    make: (bench) => bench.change(finding.where.offset, label(finding), () => [0, 0]),
  });
}

/** Reads as zeros behind the end of the file; the zero flag says the same, whatever a backing file holds. */
function zeroCluster(finding: Finding, patient: Patient): Mend {
  const { g, image } = patient;
  const shows = image.backing !== undefined && g.version < 3;
  return mend({
    ...about(finding),
    ...{ group: groupOf(finding), isSafe: false, guest: guestOf(finding, patient) },
    change: g.version < 3 ? 'take the entry as unallocated' : 'take the entry as zeros, which it reads as',
    loses: `where the cluster was said to be: ${hex(offsetAt(patient, finding))}, should the file be longer elsewhere`,
    ...(shows && { guestReads: 'the backing file, where it reads zeros now' }),
    make: (bench) => emptied(bench, finding, patient, g.version >= 3),
  });
}

function dropCluster(finding: Finding, patient: Patient): Mend {
  const isCompressed = finding.code.startsWith('compressed-');
  return mend({
    ...about(finding),
    ...{ group: groupOf(finding), isSafe: false, guest: guestOf(finding, patient) },
    isPreferred: finding.code !== 'data-cluster-align' || clusterBelow(finding, patient).length === 0,
    change: 'take the entry as unallocated',
    loses: isCompressed ? 'the compressed cluster, which cannot be read' : 'the way to what lies at that offset',
    guestReads: 'zeros or the backing file, where it cannot read now',
    make: (bench) => emptied(bench, finding, patient, false),
  });
}

function emptied(bench: Workbench, finding: Finding, { g }: Patient, zero: boolean): void {
  const { offset } = finding.where;
  const extended = g.l2EntrySize === 16;
  bench.change(offset, label(finding), () => [0, zero && !extended ? 1 : 0]);
  if (extended) bench.change(offset + 8, label(finding), () => (zero ? [-1, 0] : [0, 0]));
}

function about({ code, where }: Finding): Pick<Mend, 'code' | 'places' | 'stage'> {
  return { code, places: [where], stage: 'entries' };
}

function groupOf({ where }: Finding): string {
  return where.path ?? String(where.offset);
}

function label({ where }: Finding): string {
  return `repair ${where.path}`;
}

/** Whether the entry is of the image itself, and not of a snapshot. */
function isActive({ where }: Finding): boolean {
  return where.path?.startsWith('l') ?? false;
}

function offsetAt({ device }: Patient, { where }: Finding): number {
  const view = new DataView(readBytes(device, where.offset, 8).buffer);
  return masked(L2Entry.mask.offset, view.getInt32(0), view.getInt32(4));
}

/** The first guest byte that an entry of the image itself maps. */
function guestStart({ where }: Pick<Finding, 'where'>, { g }: Patient): number | undefined {
  const [, l1, l2] = /^l[12]\[(\d+)\](?:\[(\d+)\])?$/.exec(where.path ?? '') ?? [];
  return l1 === undefined ? undefined : Number(l1) * bytesPerL2(g) + Number(l2 ?? 0) * g.clusterSize;
}

/** Guest bytes of the disk that an entry of the image itself maps. */
export function guestOf(finding: Pick<Finding, 'where'>, patient: Patient): readonly Range[] {
  const { g } = patient;
  const offset = guestStart(finding, patient);
  if (offset === undefined) return [];
  const length = finding.where.path?.startsWith('l1') ? bytesPerL2(g) : g.clusterSize;
  const end = roundDown(Math.min(offset + length, g.size), 512);
  return end > offset ? [{ offset, length: end - offset }] : [];
}
