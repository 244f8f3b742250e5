/** Bitmaps that cannot be trusted are taken off whole: one that says too little would make a backup miss what was written. */
import { masked } from '../../../bytes/bits.ts';
import { readBytes } from '../../../device/device.ts';
import type { Where } from '../../../errors.ts';
import type { Finding } from '../../finding.ts';
import { BitmapTableEntry, HeaderV3 } from '../layout.ts';
import { type Mend, mend, type Patient, type Workbench } from './work.ts';

/** Bytes of a table read at a time. */
const PIECE = 65_536;

export function bitmapMends({ code, where }: Finding, patient: Patient): readonly Mend[] {
  return /^bitmap/.test(where.path ?? '') ? dropping(code, where, patient) : [];
}

/** Where something else has a cluster of the directory or of a table too. */
export function overlappedBitmaps(patient: Patient): readonly Mend[] {
  const { taken, g, image } = patient;
  const { directoryOffset, directoryBytes, bitmaps } = image.bitmapTable;
  const tables = bitmaps.map((one) => ({ offset: one.tableOffset, length: one.tableEntries * 8 }));
  const hit = [{ offset: directoryOffset, length: directoryBytes }, ...tables].find(({ offset, length }) => {
    const at = taken.nextSet(Math.floor(offset / g.clusterSize));
    return length > 0 && at >= 0 && at * g.clusterSize < offset + length;
  });
  return hit ? dropping('overlap', { ...hit, path: 'bitmap' }, patient) : [];
}

/** A bitmap's data is where something else is, and nobody else can be told to go. */
export function suspectBitmaps(patient: Patient): readonly Mend[] {
  const overlap = patient.report.findings.find(({ code }) => code === 'overlap');
  return overlap && patient.image.bitmaps.length > 0 ? dropping('overlap', overlap.where, patient) : [];
}

function dropping(code: string, where: Where, { image }: Patient): readonly Mend[] {
  const names = image.bitmaps.map(({ name }) => `'${name}'`).join(', ');
  return [
    mend({
      ...{ code, places: [where], stage: 'tables', group: 'bitmaps', isSafe: false },
      change: 'mark the bitmaps as stale, and free what they use',
      loses: `the dirty bitmaps ${names}: the next backup has to be a full one`,
      make: (bench) => dropBitmaps(bench),
    }),
  ];
}

function dropBitmaps(bench: Workbench): void {
  const { device, patient } = bench;
  const { bitmapTable } = patient.image;
  bench.release(bitmapTable.directoryOffset, bitmapTable.directoryBytes);
  for (const { tableOffset, tableEntries } of bitmapTable.bitmaps) {
    bench.release(tableOffset, tableEntries * 8);
    const end = Math.min(tableOffset + tableEntries * 8, device.size);
    for (let at = tableOffset; at < end; at += PIECE) releaseData(bench, at, Math.min(PIECE, end - at));
  }
  const last = HeaderV3.at.autoclear_features + 7;
  const [flags = 0] = readBytes(device, last, 1);
  device.write(last, Uint8Array.of(flags & ~1), 'header');
}

function releaseData(bench: Workbench, offset: number, length: number): void {
  const { device, patient } = bench;
  const view = new DataView(readBytes(device, offset, Math.ceil(length / 8) * 8).buffer);
  for (let at = 0; at < view.byteLength; at += 8) {
    const data = masked(BitmapTableEntry.mask.offset, view.getInt32(at), view.getInt32(at + 4));
    if (data > 0 && data < device.size) bench.release(data, patient.g.clusterSize);
  }
}
