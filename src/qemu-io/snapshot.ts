/** What `-s` writes to: an empty qcow2 image in memory, gone when the program ends. */
import type { Device } from '../device/device.ts';
import { MemoryDevice } from '../device/memory.ts';

const CLUSTER = 65536;
const NAME = 'below';
const NAME_OFFSET = 512;
/** Guest bytes that one L1 entry maps. */
const L1_SPAN = (CLUSTER / 8) * CLUSTER;

/** `size`: guest bytes. Header, refcount table, one refcount block and the L1 table, as qemu-img makes them. */
export function inMemory(size: number): Device {
  const entries = Math.ceil(size / L1_SPAN);
  const l1Clusters = Math.max(1, Math.ceil((entries * 8) / CLUSTER));
  const bytes = new Uint8Array((3 + l1Clusters) * CLUSTER);
  const view = new DataView(bytes.buffer);
  const u64 = (at: number, value: number): void => {
    view.setUint32(at, Math.floor(value / 2 ** 32));
    view.setUint32(at + 4, value % 2 ** 32);
  };
  // The name counts for nothing, but that there is one: the real image lies below.
  view.setUint32(12, NAME_OFFSET);
  view.setUint32(16, NAME.length);
  bytes.set(Buffer.from(NAME), NAME_OFFSET);
  view.setUint32(0, 0x514649fb);
  view.setUint32(4, 3);
  view.setUint32(20, Math.log2(CLUSTER));
  u64(24, size);
  view.setUint32(36, entries);
  u64(40, 3 * CLUSTER);
  u64(48, CLUSTER);
  view.setUint32(56, 1);
  view.setUint32(96, 4);
  view.setUint32(100, 112);
  u64(CLUSTER, 2 * CLUSTER);
  for (let i = 0; i < 3 + l1Clusters; i++) view.setUint16(2 * CLUSTER + i * 2, 1);
  return new MemoryDevice(bytes);
}
