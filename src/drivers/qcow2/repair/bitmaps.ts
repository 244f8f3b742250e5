/** Bitmaps that cannot be trusted are taken off whole: one that says too little would make a backup miss what was written. */
import { readBytes } from '../../../device/device.ts';
import type { Finding } from '../../finding.ts';
import { BitmapTableEntry, HeaderV3 } from '../layout.ts';
import { type Mend, mend, type Patient, type Workbench } from './work.ts';

/** Bytes of a table read at a time. */
const PIECE = 65_536;

export function bitmapMends(finding: Finding, { image }: Patient): readonly Mend[] {
  const { code, where } = finding;
  if (!/^bitmap/.test(where.path ?? '')) return [];
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
  const { hi, lo } = BitmapTableEntry.mask.offset;
  for (let at = 0; at < view.byteLength; at += 8) {
    const data = ((view.getInt32(at) & hi) >>> 0) * 2 ** 32 + ((view.getInt32(at + 4) & lo) >>> 0);
    if (data > 0 && data < device.size) bench.release(data, patient.g.clusterSize);
  }
}
