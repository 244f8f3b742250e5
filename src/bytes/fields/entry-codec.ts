/**
 * Table entries declared with `bits64`, as text: the offset in hexadecimal, then the names of the bits that are set:
 * `0x50000 copied`. Exact for every value: what no name covers stays in the number. BigInt, because entries use all
 * 64 bits; never in a loop that sees every entry.
 */
import { ImageError } from '../../errors.ts';
import type { BitRun, EntryLayout } from '../bits.ts';
import type { FieldPart } from '../field.ts';
import { parse64 } from '../size.ts';
import { type Codec, doesNotFit, parseSwitch } from './codec.ts';
import { halvesIn, numberBytes } from './struct-codec.ts';

export interface EntryShape {
  readonly endian: 'big' | 'little';
  /** The words of an entry, one after the other. */
  readonly words: readonly EntryLayout[];
  /** The word for an entry that is 0: `unallocated`. */
  readonly empty: string;
  /** How the first word reads where its bit `flag` is set. */
  readonly variant?: { readonly flag: string; readonly layout: EntryLayout };
  /** False: the offset means another file. */
  readonly leads?: boolean;
}

interface Word {
  readonly layout: EntryLayout;
  readonly value: bigint;
}

export function entryCodec(shape: EntryShape): Codec {
  const { words: layouts, endian, empty, variant } = shape;
  const little = endian === 'little';
  const isVariant = (value: bigint): boolean =>
    variant !== undefined && bitsIn(value, runNamed(layouts[0] as EntryLayout, variant.flag) as BitRun) !== 0n;
  const read = (own: Uint8Array): Word[] =>
    layouts.map((layout, i) => {
      const value = wide(...halvesIn(own, little, i));
      return { layout: i === 0 && variant && isVariant(value) ? variant.layout : layout, value };
    });
  const bytesOf = (values: readonly bigint[]): Uint8Array =>
    Buffer.concat(values.map((v) => numberBytes(Number(v >> 32n), Number(v & 0xffff_ffffn), 8, little)));
  return {
    size: 8 * layouts.length,
    text(own) {
      return read(own).flatMap(wordTokens).join(' ') || empty;
    },
    parts: (own) => read(own).flatMap(wordParts),
    points(own) {
      const { layout, value } = read(own)[0] as Word;
      const offset = runNamed(layout, 'offset');
      return (shape.leads ?? true) && offset ? Number(bitsIn(value, offset)) || undefined : undefined;
    },
    encode(_, value, path) {
      const tokens = value
        .toLowerCase()
        .split(/[\s,|]+/)
        .filter(Boolean);
      const values = layouts.map(() => 0n);
      if (tokens.length === 1 && tokens[0] === empty) return bytesOf(values);
      const used = variant && tokens.includes(variant.flag) ? [variant.layout, ...layouts.slice(1)] : layouts;
      if (tokens.length === 0) throw doesNotFit(path, value, expectation(used, empty));
      for (const token of tokens)
        addToken(values, used, token, () => doesNotFit(path, value, expectation(used, empty)));
      return bytesOf(values);
    },
    encodePart(old, part, value, path) {
      const words = read(old);
      const at = words.findIndex(({ layout }) => runNamed(layout, part));
      const { layout, value: before } = words[at] as Word;
      const run = runNamed(layout, part) as BitRun;
      const bits = partBits(run, value, () => doesNotFit(path, value, partExpectation(run)), path);
      return bytesOf(words.map((word, i) => (i === at ? (before & ~maskOf(run)) | bits : word.value)));
    },
  };
}

function wordTokens({ layout, value }: Word): string[] {
  let rest = value;
  const names: string[] = [];
  for (const [name, run] of Object.entries(layout.fields)) {
    const own = value & maskOf(run);
    if (own === 0n || isOffset(run)) continue;
    names.push(isFlag(run) ? name : `${name}=0x${(own >> BigInt(run.from)).toString(16)}`);
    rest &= ~own;
  }
  return rest === 0n ? names : [`0x${rest.toString(16)}`, ...names];
}

function wordParts({ layout, value }: Word): FieldPart[] {
  let rest = value;
  const parts = Object.entries(layout.fields).map(([name, run]): FieldPart => {
    rest &= ~maskOf(run);
    const own = bitsIn(value, run);
    return { name, text: isFlag(run) ? String(own) : `0x${own.toString(16)}`, doc: run.doc };
  });
  return rest === 0n ? parts : [...parts, { name: 'reserved', text: `0x${rest.toString(16)}`, doc: 'must be 0' }];
}

/** A number goes into the first word as it is; a name sets its bit; `name=number` a run of bits. */
function addToken(values: bigint[], layouts: readonly EntryLayout[], token: string, misfit: () => ImageError): void {
  const [name = '', number] = token.split('=');
  const at = layouts.findIndex((layout) => runNamed(layout, name));
  const run = at < 0 ? undefined : runNamed(layouts[at] as EntryLayout, name);
  const word = Math.max(at, 0);
  let bits: bigint;
  if (!run) bits = exact(token, misfit);
  else if (number !== undefined) bits = partBits(run, number, misfit, name);
  else if (isFlag(run)) bits = maskOf(run);
  else throw misfit();
  values[word] = (values[word] as bigint) | bits;
}

/** The value of a part where it stands in its word. */
function partBits(run: BitRun, value: string, misfit: () => ImageError, path: string): bigint {
  if (isFlag(run)) return parseSwitch(value, path) ? maskOf(run) : 0n;
  const bits = run.own ? exact(value, misfit) << BigInt(run.from) : exact(value, misfit);
  if ((bits & ~maskOf(run)) !== 0n) throw misfit();
  return bits;
}

function expectation(layouts: readonly EntryLayout[], empty: string): string {
  const names = layouts.flatMap(({ fields }) =>
    Object.entries(fields)
      .filter(([, run]) => !isOffset(run))
      .map(([name, run]) => (isFlag(run) ? name : `${name}=NUMBER`)),
  );
  return `'${empty}', or an offset and any of: ${names.join(', ')}`;
}

function partExpectation(run: BitRun): string {
  if (isFlag(run)) return '0 or 1';
  if (run.own) return `a number of ${run.to - run.from + 1} bits`;
  return `an offset within bits ${run.from} to ${run.to}${run.from > 0 ? `: a multiple of ${2 ** run.from}` : ''}`;
}

function exact(text: string, misfit: () => ImageError): bigint {
  try {
    return wide(...parse64(text));
  } catch (error) {
    throw error instanceof ImageError ? misfit() : error;
  }
}

const isFlag = (run: BitRun): boolean => run.from === run.to;
const isOffset = (run: BitRun): boolean => !isFlag(run) && !run.own;

function runNamed(layout: EntryLayout, name: string): BitRun | undefined {
  return Object.hasOwn(layout.fields, name) ? layout.fields[name] : undefined;
}

/** An offset in place, as it is; other runs as numbers. */
function bitsIn(value: bigint, run: BitRun): bigint {
  const own = value & maskOf(run);
  return isOffset(run) ? own : own >> BigInt(run.from);
}

function maskOf({ from, to }: BitRun): bigint {
  return ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);
}

function wide(hi: number, lo: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}
