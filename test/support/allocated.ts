/**
 * Counts the bytes of typed arrays and buffers that the program asks for, in this process, from `countAllocations` on:
 * what an image makes us allocate is then a number, the same on every machine, where a process's size is a guess.
 */
let bytes = 0;
let largest = 0;

/** Bytes asked for since counting began, and the largest single piece since the last call. */
export function allocated(): { readonly bytes: number; readonly largest: number } {
  const seen = { bytes, largest };
  largest = 0;
  return seen;
}

function note(size: number): void {
  bytes += size;
  if (size > largest) largest = size;
}

const ARRAYS = ['Uint8Array', 'Int32Array', 'Uint32Array', 'Uint16Array', 'Float64Array', 'ArrayBuffer'] as const;

/** Begins to count. Once per process. */
export function countAllocations(): void {
  const all = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
  for (const name of ARRAYS) {
    const original = all[name] as new (...args: unknown[]) => object;
    const width = (original as unknown as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    all[name] = new Proxy(original, {
      construct: (target, args, self) => {
        if (typeof args[0] === 'number') note(args[0] * width);
        return Reflect.construct(target, args, self === all[name] ? target : self);
      },
    });
  }
  const { alloc, allocUnsafe } = Buffer;
  Buffer.alloc = ((size: number, ...rest: []) => {
    note(size);
    return alloc.call(Buffer, size, ...rest);
  }) as typeof Buffer.alloc;
  Buffer.allocUnsafe = (size: number) => {
    note(size);
    return allocUnsafe.call(Buffer, size);
  };
}
