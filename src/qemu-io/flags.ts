/** How an image is opened, apart from its own options: what `-t`, `-d`, `-i`, `-r`, `-s`, `-C` and their like say. */
export interface Flags {
  readonly readOnly: boolean;
  readonly snapshot: boolean;
  readonly copyOnRead: boolean;
  /** O_DIRECT is asked for. */
  readonly direct: boolean;
  /** Nothing is made durable. */
  readonly noFlush: boolean;
  /** Every write is made durable before it ends. */
  readonly writeThrough: boolean;
  readonly nativeAio: boolean;
  /** Discards reach the format. */
  readonly unmap: boolean;
  readonly forceShare: boolean;
}

export const PLAIN: Flags = {
  readOnly: false,
  snapshot: false,
  copyOnRead: false,
  direct: false,
  noFlush: false,
  writeThrough: true,
  nativeAio: false,
  unmap: true,
  forceShare: false,
};

type Changes = Partial<Flags>;

const CACHES: Readonly<Record<string, Changes>> = {
  none: { direct: true, noFlush: false, writeThrough: false },
  off: { direct: true, noFlush: false, writeThrough: false },
  directsync: { direct: true, noFlush: false, writeThrough: true },
  writeback: { direct: false, noFlush: false, writeThrough: false },
  unsafe: { direct: false, noFlush: true, writeThrough: false },
  writethrough: { direct: false, noFlush: false, writeThrough: true },
};

export function cacheMode(mode: string): Changes | undefined {
  return Object.hasOwn(CACHES, mode) ? CACHES[mode] : undefined;
}

export function discardMode(mode: string): Changes | undefined {
  if (mode === 'off' || mode === 'ignore') return { unmap: false };
  if (mode === 'on' || mode === 'unmap') return { unmap: true };
  return undefined;
}

export function aioMode(mode: string): Changes | undefined {
  if (mode === 'threads') return { nativeAio: false };
  // Which calls the kernel gets is no matter here; io_uring needs nothing else.
  if (mode === 'io_uring') return { nativeAio: false };
  if (mode === 'native') return { nativeAio: true };
  return undefined;
}

/**
 * The letters that the program and `open` have in common. The answer: what changes, or the complaint; undefined for
 * another letter.
 */
export function flagOf(letter: string, argument: string): Changes | string | undefined {
  if (letter === 'r') return { readOnly: true };
  if (letter === 's') return { snapshot: true };
  if (letter === 'C') return { copyOnRead: true };
  if (letter === 'n') return CACHES['none'];
  if (letter === 'k') return { nativeAio: true };
  if (letter === 'U') return { forceShare: true };
  if (letter === 't') return cacheMode(argument) ?? `Invalid cache option: ${argument}`;
  if (letter === 'd') return discardMode(argument) ?? `Invalid discard option: ${argument}`;
  if (letter === 'i') return aioMode(argument) ?? `Invalid aio option: ${argument}`;
  return undefined;
}
