/**
 * The file as it will be once all tables in memory are written: what a writer's image is opened on. Read-only: the
 * writer itself writes to the file, or through its caches.
 */
import type { Device } from '../../../device/device.ts';
import type { TableCache } from './table-cache.ts';

export function cachedDevice(device: Device, ...caches: readonly TableCache[]): Device {
  const { name } = device;
  const readOnly = (): never => {
    throw new Error(`${name} with tables in memory is a view; writing to it is a bug`);
  };
  return {
    name,
    get size() {
      let size = device.size;
      for (const cache of caches) {
        for (const { offset, bytes } of cache.dirtyTables) size = Math.max(size, offset + bytes.length);
      }
      return size;
    },
    read(offset, target) {
      device.read(offset, target);
      const end = offset + target.length;
      for (const cache of caches) {
        for (const { offset: at, bytes, from, to } of cache.dirtyTables) {
          const start = Math.max(at + from, offset);
          const stop = Math.min(at + to, end);
          if (start < stop) target.set(bytes.subarray(start - at, stop - at), start - offset);
        }
      }
    },
    write: readOnly,
    resize: readOnly,
    flush: readOnly,
  };
}
