/** A guest range as commands take it: what reaches past the disk's end is cut off there, as qemu-io does. */
export function rangeOf(size: number, offset: number, length = Number.POSITIVE_INFINITY): { from: number; to: number } {
  const from = Math.min(offset, size);
  return { from, to: Math.min(offset + length, Math.max(size, from)) };
}
