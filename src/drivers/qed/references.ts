/** Who leads to the clusters that findings ask about: one more walk over the tables, made only where there is one. */
import type { Progress } from '../../bytes/progress.ts';
import type { Device } from '../../device/device.ts';
import type { WantedReferences } from '../two-level/wanted-references.ts';
import { type Geometry, tableFault } from './geometry.ts';
import { headerField, l1Where } from './header.ts';
import { ZERO_CLUSTER } from './layout.ts';
import { entryValue, PIECE_ENTRIES, TableReader } from './tables.ts';

/** `isRead`: whether the L2 table at this L1 index is one that was read; others share clusters with those. */
export function* findReferences(
  device: Device,
  g: Geometry,
  wanted: WantedReferences,
  isRead: (index: number) => boolean,
): Generator<Progress, void> {
  if (!wanted.any) return;
  const { clusterSize, tableBytes, tableEntries } = g;
  wanted.found(g.l1Offset, tableBytes, clusterSize, () => headerField('l1_table_offset'));
  const reader = new TableReader(device, Math.min(PIECE_ENTRIES, tableEntries));
  const l2Reader = new TableReader(device, Math.min(PIECE_ENTRIES, tableEntries));
  for (const l1 of reader.pieces(g.l1Offset, 0, tableEntries)) {
    for (let i = 0; i < l1.count; i++) {
      const index = l1.first + i;
      const table = entryValue(l1.words, i);
      if (table === 0 || tableFault(g, table) !== undefined) continue;
      wanted.found(table, tableBytes, clusterSize, () => l1Where(g, index));
      if (!isRead(index)) continue;
      for (const { words, first, count } of l2Reader.pieces(table, 0, tableEntries)) {
        for (let j = 0; j < count; j++) {
          const host = entryValue(words, j);
          if (host <= ZERO_CLUSTER || host % clusterSize !== 0) continue;
          const offset = table + (first + j) * 8;
          const path = `l2[${index}][${first + j}]`;
          wanted.found(host, clusterSize, clusterSize, () => ({ offset, length: 8, path, spec: 'QED: Tables' }));
        }
      }
      yield { what: 'references', done: index, total: tableEntries };
    }
  }
}
