/** An image that is nothing but its mapping, for tests of what shows mappings. */
import { EXTENT_KINDS, type Extent, ExtentColumns } from '../../src/bytes/extents.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { NO_FIELDS } from '../support/no-fields.ts';

/** `extents` tile the disk, in multiples of `unit`; `batch` rows are given at a time. */
export function fakeImage(extents: readonly Extent[], unit: number, batch = 3, name = 'fake'): Image {
  const last = extents.at(-1);
  const size = last ? last.guest + last.length : 0;
  const hostEnd = extents.reduce((most, e) => Math.max(most, (e.host ?? 0) + e.length), 0);
  const device = new MemoryDevice(new Uint8Array(0), name);
  return {
    format: 'fake',
    device,
    size,
    clusterSize: unit,
    unit,
    dataDevice: device,
    getConversionOptions: () => ({
      format: 'fake',
      imageSize: size,
      clusterSize: unit,
      alignment: unit,
      encryption: 'none',
      features: [],
      settings: {},
    }),
    getMapping(guest) {
      const found = extents.find((e) => guest >= e.guest && guest < e.guest + e.length);
      if (!found) throw new Error(`${guest} is past the end`);
      const cut = guest - found.guest;
      const host = found.host === undefined ? {} : { host: found.host + cut };
      return { ...found, guest, length: found.length - cut, ...host };
    },
    *mappings(from = 0, to = size) {
      const columns = new ExtentColumns(unit, size, hostEnd, batch);
      for (const e of extents) {
        if (e.guest + e.length <= from || e.guest >= to) continue;
        const first = Math.max(Math.floor(from / unit) * unit - e.guest, 0);
        columns.push(
          EXTENT_KINDS.indexOf(e.kind),
          (e.guest + first) / unit,
          (e.length - first) / unit,
          ((e.host ?? 0) + first) / unit,
        );
        if (columns.count < batch) continue;
        yield columns;
        columns.count = 0;
      }
      if (columns.count > 0) yield columns;
    },
    regions: () => [],
    *ownership() {
      yield { what: 'nothing', done: 0, total: 0 };
      return [];
    },
    freeRanges: () => new Ranges(),
    info: () => ({ format: 'fake', virtualSize: size, encrypted: false, snapshots: [], specific: {} }),
    ...NO_FIELDS,
  };
}
