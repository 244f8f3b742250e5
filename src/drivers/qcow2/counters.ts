/** One refcount in a block, for widths of 1 to 64 bits. Counts above 2^53 are not exact; none is ever reached. */
import { type Device, readBytes } from '../../device/device.ts';

/** What is added to a count. */
export type Count = 1 | -1;

/** The largest count that 2^order bits hold. */
export function largestCount(order: number): number {
  return 2 ** (2 ** order) - 1;
}

/** The count in `slot` of the block at `block` (bytes) of the file: no more is read than it stands in. */
export function storedCount(device: Device, block: number, order: number, slot: number): number {
  const bits = 2 ** order;
  const inByte = Math.max(8 / bits, 1);
  return countAt(readBytes(device, block + Math.floor((slot * bits) / 8), Math.max(bits / 8, 1)), order, slot % inByte);
}

export function countAt(bytes: Uint8Array, order: number, slot: number): number {
  switch (order) {
    case 4:
      return ((bytes[2 * slot] as number) << 8) | (bytes[2 * slot + 1] as number);
    case 3:
      return bytes[slot] as number;
    case 5:
    case 6: {
      const width = 1 << (order - 3);
      let value = 0;
      for (let i = 0; i < width; i++) value = value * 256 + (bytes[slot * width + i] as number);
      return value;
    }
    default: {
      const width = 1 << order;
      const at = slot * width;
      return ((bytes[at >>> 3] as number) >>> (at & 7)) & ((1 << width) - 1);
    }
  }
}

/** Sets it, and answers which bytes of the block that changed: from, and behind the last. */
export function setCount(bytes: Uint8Array, order: number, slot: number, value: number): readonly [number, number] {
  if (order < 3) {
    const width = 1 << order;
    const at = slot * width;
    const mask = ((1 << width) - 1) << (at & 7);
    const byte = at >>> 3;
    bytes[byte] = ((bytes[byte] as number) & ~mask) | ((value << (at & 7)) & mask);
    return [byte, byte + 1];
  }
  const width = 1 << (order - 3);
  let rest = value;
  for (let i = width - 1; i >= 0; i--) {
    bytes[slot * width + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return [slot * width, (slot + 1) * width];
}
