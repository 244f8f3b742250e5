/** The header area and the tables among some bytes of a QED file, told from the L1 table alone. */
import type { Progress } from '../../bytes/progress.ts';
import type { Ranges } from '../../bytes/ranges.ts';
import type { Device } from '../../device/device.ts';
import type { Region } from '../driver.ts';
import { Candidates } from '../two-level/structure-list.ts';
import { type Geometry, tableFault } from './geometry.ts';
import { tableLabel } from './regions.ts';
import { entryValue, PIECE_ENTRIES, TableReader } from './tables.ts';

/** In host order and disjoint, as far as the file goes. */
export function* structures(device: Device, g: Geometry, among: Ranges): Generator<Progress, readonly Region[]> {
  const { clusterSize, headerClusters, l1Offset, tableBytes, tableEntries } = g;
  const found = new Candidates(among, device.size);
  found.add(0, Math.max(headerClusters, 1) * clusterSize, 'header', () => undefined);
  found.add(l1Offset, tableBytes, 'l1', () => undefined);
  const reader = new TableReader(device, Math.min(PIECE_ENTRIES, tableEntries));
  for (const { words, first, count } of reader.pieces(l1Offset, 0, tableEntries)) {
    for (let i = 0; i < count; i++) {
      const table = entryValue(words, i);
      if (table === 0 || tableFault(g, table) !== undefined) continue;
      found.add(table, tableBytes, 'l2', () => tableLabel(first + i));
    }
    yield { what: 'tables', done: first + count, total: tableEntries };
  }
  return yield* found.disjoint();
}
