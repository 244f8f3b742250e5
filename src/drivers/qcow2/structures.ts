/**
 * Headers and tables among some bytes of the file: told from the entries that lead to them, without a look into L2
 * tables, so that the answer costs little however much an image maps. What `regions` calls an overlap is given to the
 * structure that begins first, or is the more important.
 */
import type { Progress } from '../../bytes/progress.ts';
import type { Ranges } from '../../bytes/ranges.ts';
import { decode } from '../../bytes/struct.ts';
import type { Region, Role } from '../driver.ts';
import { Candidates } from '../two-level/structure-list.ts';
import { extensionOf } from './extensions.ts';
import { CryptoExtension, EXTENSION } from './layout.ts';
import { type Claimants, labelOf } from './owners.ts';
import { refcountBlocks } from './refcounts.ts';
import { L1Reader, tableAt } from './walk.ts';

/** L1 entries looked at between two reports. */
const L1_PIECE = 32 * 1024;

/** In host order and disjoint, in whole clusters, as far as the file goes. */
export function* structures(image: Claimants, among: Ranges): Generator<Progress, readonly Region[]> {
  const { device, header, geometry: g, snapshotTable, bitmapTable } = image;
  const { clusterSize } = g;
  const found = new Candidates(among, device.size);
  const add = (role: Role, offset: number, length: number, index?: number, of?: string): void => {
    if (length === 0) return;
    const start = offset - (offset % clusterSize);
    const end = Math.ceil((offset + length) / clusterSize) * clusterSize;
    found.add(start, end - start, role, () => labelOf({ cluster: 0, clusters: 0, role, index, of }));
  };
  add('header', 0, clusterSize);
  const crypto = extensionOf(header.extensions, EXTENSION.crypto_header);
  if (crypto) {
    const { offset, length } = decode(CryptoExtension, crypto.data);
    add('crypto-header', offset, length);
  }
  add('refcount-table', g.refcountTableOffset, g.refcountTableClusters * clusterSize);
  for (const { index, offset } of refcountBlocks(device, g)) {
    if (offset !== undefined) add('refcount-block', offset, clusterSize, index);
  }
  const tables = function* (
    role: Role,
    { l1Offset, l1Entries }: { readonly l1Offset: number; readonly l1Entries: number },
    of?: string,
  ): Generator<Progress, void> {
    const l1 = new L1Reader(device, l1Offset, l1Entries);
    for (let first = 0; first < l1.present; first += L1_PIECE) {
      const end = Math.min(first + L1_PIECE, l1.present);
      for (let slot = l1.nextSet(first, end); slot < end; slot = l1.nextSet(slot + 1, end)) {
        const table = tableAt(l1, slot, g, device.size);
        if (table > 0) add(role, table, clusterSize, slot, of);
      }
      yield { what: 'tables', done: end, total: l1.present };
    }
  };
  add('l1', g.l1Offset, g.l1Entries * 8);
  yield* tables('l2', g);
  add('snapshot-table', header.snapshots_offset, snapshotTable.tableBytes);
  for (const snapshot of snapshotTable.snapshots) {
    const { l1Offset, l1Entries, index } = snapshot;
    if (l1Offset % clusterSize !== 0) continue;
    add('snapshot-l1', l1Offset, l1Entries * 8, index);
    yield* tables('snapshot-l2', snapshot, ` of snapshot ${index}`);
  }
  add('bitmap-directory', bitmapTable.directoryOffset, bitmapTable.directoryBytes);
  for (const { name, tableOffset, tableEntries } of bitmapTable.bitmaps) {
    add('bitmap-table', tableOffset, tableEntries * 8, undefined, name);
  }
  return yield* found.disjoint();
}
