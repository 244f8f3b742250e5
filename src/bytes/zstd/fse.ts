/**
 * Finite state entropy coding, the half that encodes: a table of 2^log states in which a symbol has as many as its share.
 * RFC 8878, section 4.1.
 */
import { BitWriter, highBit } from './bit-writer.ts';

/** A distribution: states for each symbol, -1 for one that is so rare that it gets one by special rule. */
export interface Distribution {
  readonly log: number;
  readonly states: readonly number[];
}

export class FseTable {
  readonly log: number;
  readonly #next: Uint16Array;
  readonly #bits: Int32Array;
  readonly #find: Int32Array;

  constructor({ log, states }: Distribution) {
    this.log = log;
    const size = 1 << log;
    const symbols = spread(states, log);
    const starts: number[] = [];
    let total = 0;
    for (const count of states) {
      starts.push(total);
      total += Math.abs(count);
    }
    this.#next = new Uint16Array(size);
    for (let state = 0; state < size; state++) {
      const symbol = symbols[state] as number;
      this.#next[(starts[symbol] as number)++] = size + state;
    }
    this.#bits = new Int32Array(states.length);
    this.#find = new Int32Array(states.length);
    let before = 0;
    states.forEach((states, symbol) => {
      const count = Math.abs(states);
      const most = count > 1 ? log - highBit(count - 1) : log;
      this.#bits[symbol] = (most << 16) - (count << most);
      this.#find[symbol] = before - count;
      before += count;
    });
  }

  /** The state to begin with, which says `symbol` and costs nothing. */
  begin(symbol: number): number {
    const bits = this.#bits[symbol] as number;
    const count = (bits + (1 << 15)) >> 16;
    const value = (count << 16) - bits;
    return this.#next[(value >> count) + (this.#find[symbol] as number)] as number;
  }

  /** Writes what leads from `state` to the one that says `symbol`, and answers that. */
  step(out: BitWriter, state: number, symbol: number): number {
    const count = (state + (this.#bits[symbol] as number)) >> 16;
    out.put(state, count);
    return this.#next[(state >> count) + (this.#find[symbol] as number)] as number;
  }

  /** The last state: what the reader begins with. */
  finish(out: BitWriter, state: number): void {
    out.put(state, this.log);
  }
}

/** Which symbol each state says. */
function spread(states: readonly number[], log: number): Uint8Array {
  const size = 1 << log;
  const step = (size >> 1) + (size >> 3) + 3;
  const symbols = new Uint8Array(size);
  let last = size - 1;
  states.forEach((count, symbol) => {
    if (count === -1) symbols[last--] = symbol;
  });
  let at = 0;
  states.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > last);
    }
  });
  return symbols;
}

/** The distribution that fits `counts` (at least two symbols that occur), with 2^log states. */
export function distribution(counts: readonly number[], log: number): Distribution {
  const size = 1 << log;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const states = counts.map((count) => (count === 0 ? 0 : Math.max(1, Math.round((count * size) / total))));
  for (let sum = states.reduce((a, b) => a + b, 0); sum !== size; ) {
    const most = states.indexOf(Math.max(...states));
    const change = sum > size ? -Math.min(sum - size, Math.max(1, (states[most] as number) >> 2)) : size - sum;
    states[most] = (states[most] as number) + change;
    sum += change;
  }
  while (states.at(-1) === 0) states.pop();
  return { log, states };
}

/** The smallest table that keeps the shares well apart, for `symbols` different ones out of `total`. */
export function logFor(total: number, symbols: number, most: number): number {
  const wanted = Math.min(most, Math.max(5, highBit(Math.max(total, 2)) - 2));
  return Math.max(wanted, highBit(symbols) + 2 > most ? most : highBit(symbols) + 2, 5);
}

/** The distribution as it is written before what it codes. */
export function describe({ log, states }: Distribution): Uint8Array {
  const out = new BitWriter(64);
  out.put(log - 5, 4);
  let remaining = (1 << log) + 1;
  let threshold = 1 << log;
  let bits = log + 1;
  let wasZero = false;
  for (let symbol = 0; symbol < states.length && remaining > 1; ) {
    if (wasZero) {
      const start = symbol;
      while (states[symbol] === 0) symbol++;
      let zeros = symbol - start;
      for (; zeros >= 3; zeros -= 3) out.put(3, 2);
      out.put(zeros, 2);
    }
    const count = states[symbol++] as number;
    const most = 2 * threshold - 1 - remaining;
    remaining -= Math.abs(count);
    const value = count + 1 >= threshold ? count + 1 + most : count + 1;
    out.put(value, value < most ? bits - 1 : bits);
    wasZero = count === 0;
    while (remaining < threshold) {
      bits--;
      threshold >>= 1;
    }
  }
  return out.end();
}
