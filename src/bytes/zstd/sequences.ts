/**
 * A block's sequences: so many literals, then so many bytes from so far back; RFC 8878, section 3.1.1.3.2. The tables are
 * the predefined ones, or such as fit the block where that pays.
 */
import { BitWriter, highBit } from './bit-writer.ts';
import { type Distribution, describe, distribution, FseTable, logFor } from './fse.ts';

/** In columns. */
export interface Sequences {
  count: number;
  /** Bytes. */
  readonly literals: Int32Array;
  /** Bytes, at least 3. */
  readonly matches: Int32Array;
  /** Bytes back plus 3, or 1 to 3: one of the last three distances. */
  readonly offsets: Int32Array;
}

/** Room for `most` of them. */
export function sequencesFor(most: number): Sequences {
  const column = (): Int32Array => new Int32Array(most);
  return { count: 0, literals: column(), matches: column(), offsets: column() };
}

const LITERAL_BASE = [
  ...Array.from({ length: 16 }, (_, i) => i),
  ...[16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536],
];
const MATCH_BASE = [
  ...Array.from({ length: 32 }, (_, i) => i + 3),
  ...[35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16_387, 32_771, 65_539],
];

/** Code of every length below 256, and the bits that follow a code. */
function codesOf(base: readonly number[], last: number): { small: Uint8Array; bits: readonly number[] } {
  const bits = base.map((from, i) => Math.log2((base[i + 1] ?? last) - from));
  const small = new Uint8Array(256);
  for (let value = 0, code = 0; value < 256; value++) {
    while (code + 1 < base.length && value >= (base[code + 1] as number)) code++;
    small[value] = code;
  }
  return { small, bits };
}

const LITERALS = codesOf(LITERAL_BASE, 131_072);
const MATCHES = codesOf(MATCH_BASE, 131_075);

const literalCode = (length: number): number =>
  length < 256 ? (LITERALS.small[length] as number) : highBit(length) + 19;
const matchCode = (length: number): number =>
  length < 256 ? (MATCHES.small[length] as number) : highBit(length - 3) + 36;

const PREDEFINED_LITERALS: Distribution = {
  log: 6,
  states: [
    ...[4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1],
    ...[-1, -1, -1, -1],
  ],
};
const PREDEFINED_MATCHES: Distribution = {
  log: 6,
  states: [1, 4, 3, 2, 2, 2, 2, 2, 2, ...new Array<number>(37).fill(1), ...new Array<number>(7).fill(-1)],
};
const PREDEFINED_OFFSETS: Distribution = {
  log: 5,
  states: [1, 1, 1, 1, 1, 1, 2, 2, 2, ...new Array<number>(15).fill(1), -1, -1, -1, -1, -1],
};

interface Coded {
  readonly mode: number;
  readonly table: FseTable | undefined;
  readonly head: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Fewer sequences are not worth a table of their own. */
const OWN_TABLE = 64;

/** How codes of one kind are coded: all the same, by the predefined table, or by their own. */
function coded(codes: Uint8Array, predefined: Distribution, mostLog: number): Coded {
  const counts: number[] = new Array(53).fill(0);
  for (const code of codes) counts[code] = (counts[code] as number) + 1;
  const symbols = counts.filter((count) => count > 0).length;
  if (symbols === 1 && codes.length > 2) return { mode: 1, table: undefined, head: codes.slice(0, 1) };
  if (symbols === 1 || codes.length < OWN_TABLE) return { mode: 0, table: new FseTable(predefined), head: NOTHING };
  const own = distribution(counts, logFor(codes.length, symbols, mostLog));
  const head = describe(own);
  if (cost(counts, own) + head.length * 8 >= cost(counts, predefined)) {
    return { mode: 0, table: new FseTable(predefined), head: NOTHING };
  }
  return { mode: 2, table: new FseTable(own), head };
}

/** Bits, nearly. */
function cost(counts: readonly number[], { log, states }: Distribution): number {
  return counts.reduce(
    (sum, count, i) => sum + (count > 0 ? count * (log - Math.log2(Math.abs(states[i] ?? 0))) : 0),
    0,
  );
}

/** The sequences section of a block. */
export function sequencesSection(sequences: Sequences): Uint8Array {
  const { count } = sequences;
  const head =
    count < 128
      ? [count]
      : count < 0x7f00
        ? [(count >> 8) + 128, count & 255]
        : [255, (count - 0x7f00) & 255, (count - 0x7f00) >> 8];
  if (count === 0) return Uint8Array.from(head);
  const codes = { literals: new Uint8Array(count), offsets: new Uint8Array(count), matches: new Uint8Array(count) };
  for (let i = 0; i < count; i++) {
    codes.literals[i] = literalCode(sequences.literals[i] as number);
    codes.offsets[i] = highBit(sequences.offsets[i] as number);
    codes.matches[i] = matchCode(sequences.matches[i] as number);
  }
  const ll = coded(codes.literals, PREDEFINED_LITERALS, 9);
  const of = coded(codes.offsets, PREDEFINED_OFFSETS, 8);
  const ml = coded(codes.matches, PREDEFINED_MATCHES, 9);
  const modes = (ll.mode << 6) | (of.mode << 4) | (ml.mode << 2);
  const bits = bitsOf(sequences, codes, { ll: ll.table, of: of.table, ml: ml.table });
  return Buffer.concat([Uint8Array.from([...head, modes]), ll.head, of.head, ml.head, bits]);
}

/** From the last sequence to the first, for they are read from the end. */
function bitsOf(
  { count, literals, matches, offsets }: Sequences,
  codes: { readonly literals: Uint8Array; readonly offsets: Uint8Array; readonly matches: Uint8Array },
  { ll, of, ml }: { ll: FseTable | undefined; of: FseTable | undefined; ml: FseTable | undefined },
): Uint8Array {
  const out = new BitWriter(count * 4);
  let literalState = 0;
  let offsetState = 0;
  let matchState = 0;
  for (let i = count - 1; i >= 0; i--) {
    const literal = codes.literals[i] as number;
    const distance = codes.offsets[i] as number;
    const length = codes.matches[i] as number;
    if (i === count - 1) {
      matchState = ml?.begin(length) ?? 0;
      offsetState = of?.begin(distance) ?? 0;
      literalState = ll?.begin(literal) ?? 0;
    } else {
      offsetState = of?.step(out, offsetState, distance) ?? 0;
      matchState = ml?.step(out, matchState, length) ?? 0;
      literalState = ll?.step(out, literalState, literal) ?? 0;
    }
    out.put((literals[i] as number) - (LITERAL_BASE[literal] as number), LITERALS.bits[literal] as number);
    out.put((matches[i] as number) - (MATCH_BASE[length] as number), MATCHES.bits[length] as number);
    out.put((offsets[i] as number) - 2 ** distance, distance);
  }
  ml?.finish(out, matchState);
  of?.finish(out, offsetState);
  ll?.finish(out, literalState);
  return out.close();
}
