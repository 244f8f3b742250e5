/**
 * A block's literals, Huffman coded where that is shorter: RFC 8878, section 4.2 and 3.1.1.3.1.
 */
import { BitWriter } from './bit-writer.ts';
import { describe, distribution, FseTable } from './fse.ts';

/** Bits of the longest code. */
const LONGEST = 11;
const RAW = 0;
const RLE = 1;
const CODED = 2;
/** From here on literals are coded as four streams. */
const FOUR_STREAMS = 256;

/** The literals section of a block. */
export function literalsSection(literals: Uint8Array): Uint8Array {
  const counts = new Array<number>(256).fill(0);
  for (const byte of literals) counts[byte] = (counts[byte] as number) + 1;
  const symbols = counts.filter((count) => count > 0).length;
  if (symbols === 1 && literals.length > 2) return plain(RLE, literals.length, literals.subarray(0, 1));
  const coded = symbols > 1 && literals.length >= 32 ? code(literals, counts) : undefined;
  if (coded && coded.length < literals.length + 3) return coded;
  return plain(RAW, literals.length, literals);
}

function plain(type: number, size: number, bytes: Uint8Array): Uint8Array {
  const head =
    size < 32
      ? [type | (size << 3)]
      : size < 4096
        ? [type | 4 | ((size & 15) << 4), size >> 4]
        : [type | 12 | ((size & 15) << 4), (size >> 4) & 255, size >> 12];
  return Uint8Array.from(Buffer.concat([Uint8Array.from(head), bytes]));
}

function code(literals: Uint8Array, counts: readonly number[]): Uint8Array | undefined {
  const lengths = codeLengths(counts);
  const tree = treeOf(lengths);
  if (!tree) return undefined;
  const codes = codesOf(lengths);
  const single = literals.length < FOUR_STREAMS;
  const quarter = single ? literals.length : Math.ceil(literals.length / 4);
  const streams: Uint8Array[] = [];
  for (let at = 0; at < literals.length; at += quarter) {
    streams.push(stream(literals.subarray(at, at + quarter), codes, lengths));
  }
  const jumps = streams.slice(0, -1).flatMap(({ length }) => [length & 255, length >> 8]);
  if (streams.some(({ length }) => length > 0xffff)) return undefined;
  const body = Buffer.concat([tree, Uint8Array.from(jumps), ...streams]);
  return Buffer.concat([header(literals.length, body.length, single), body]);
}

/** Both sizes, in as few bits as hold them. */
function header(size: number, coded: number, single: boolean): Uint8Array {
  const larger = Math.max(size, coded);
  const format = single ? 0 : larger < 1024 ? 1 : larger < 16_384 ? 2 : 3;
  const out = new BitWriter(8);
  const bits = format < 2 ? 10 : format === 2 ? 14 : 18;
  out.put(CODED | (format << 2), 4);
  out.put(size, bits);
  out.put(coded, bits);
  return out.end();
}

function stream(literals: Uint8Array, codes: Uint16Array, lengths: Uint8Array): Uint8Array {
  const out = new BitWriter(literals.length);
  for (let i = literals.length - 1; i >= 0; i--) {
    const byte = literals[i] as number;
    out.put(codes[byte] as number, lengths[byte] as number);
  }
  return out.close();
}

/** Bits of each symbol's code, 0 for one that does not occur; at least two do. */
function codeLengths(counts: readonly number[]): Uint8Array {
  let weights = [...counts];
  for (;;) {
    const lengths = huffman(weights);
    if (Math.max(...lengths) <= LONGEST) return lengths;
    weights = weights.map((weight) => (weight === 0 ? 0 : (weight >> 1) + 1));
  }
}

/** The two rarest are joined until one is left: leaves in order beside joints, which come in order by themselves. */
function huffman(weights: readonly number[]): Uint8Array {
  const leaves = weights.flatMap((weight, symbol) => (weight > 0 ? [{ weight, symbol }] : []));
  leaves.sort((a, b) => a.weight - b.weight || a.symbol - b.symbol);
  const joints: { weight: number; parts: number[] }[] = [];
  const lengths = new Uint8Array(weights.length);
  let leaf = 0;
  let joint = 0;
  const least = (): { weight: number; parts: number[] } => {
    const nextLeaf = leaves[leaf];
    const nextJoint = joints[joint];
    if (nextLeaf && (!nextJoint || nextLeaf.weight <= nextJoint.weight)) {
      leaf++;
      return { weight: nextLeaf.weight, parts: [nextLeaf.symbol] };
    }
    joint++;
    return nextJoint as { weight: number; parts: number[] };
  };
  for (let left = leaves.length; left > 1; left--) {
    const a = least();
    const b = least();
    const parts = [...a.parts, ...b.parts];
    for (const symbol of parts) lengths[symbol] = (lengths[symbol] as number) + 1;
    joints.push({ weight: a.weight + b.weight, parts });
  }
  return lengths;
}

/** Longer codes come first, and among those of a length smaller symbols. */
function codesOf(lengths: Uint8Array): Uint16Array {
  const codes = new Uint16Array(lengths.length);
  let next = 0;
  for (let bits = LONGEST; bits > 0; bits--) {
    lengths.forEach((length, symbol) => {
      if (length === bits) codes[symbol] = next++;
    });
    next >>= 1;
  }
  return codes;
}

/** How a reader finds the codes: a weight for each symbol but the last. Undefined where it cannot be written. */
function treeOf(lengths: Uint8Array): Uint8Array | undefined {
  const longest = Math.max(...lengths);
  let last = lengths.length - 1;
  while (lengths[last] === 0) last--;
  const weights = Array.from(lengths.subarray(0, last), (bits) => (bits === 0 ? 0 : longest + 1 - bits));
  const direct = weights.length <= 128 ? packed(weights) : undefined;
  const coded = codedWeights(weights);
  if (coded && (!direct || coded.length < direct.length)) return coded;
  return direct;
}

function packed(weights: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(1 + Math.ceil(weights.length / 2));
  bytes[0] = 127 + weights.length;
  weights.forEach((weight, i) => {
    const at = 1 + (i >> 1);
    bytes[at] = (bytes[at] as number) | (i % 2 === 0 ? weight << 4 : weight);
  });
  return bytes;
}

/** Weights at even and at odd places have a state each. */
function codedWeights(weights: readonly number[]): Uint8Array | undefined {
  const counts = new Array<number>(LONGEST + 2).fill(0);
  for (const weight of weights) counts[weight] = (counts[weight] as number) + 1;
  if (weights.length < 3 || counts.filter((count) => count > 0).length < 2) return undefined;
  const shares = distribution(counts, 6);
  const table = new FseTable(shares);
  const out = new BitWriter(128);
  const states: (number | undefined)[] = [undefined, undefined];
  for (let i = weights.length - 1; i >= 0; i--) {
    const state = states[i % 2];
    const weight = weights[i] as number;
    states[i % 2] = state === undefined ? table.begin(weight) : table.step(out, state, weight);
  }
  table.finish(out, states[1] as number);
  table.finish(out, states[0] as number);
  const bytes = Buffer.concat([describe(shares), out.close()]);
  return bytes.length < 128 ? Buffer.concat([Uint8Array.of(bytes.length), bytes]) : undefined;
}
