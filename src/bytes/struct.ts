/**
 * On-disk structures, declared once. From one declaration come the readers: decode, patch, validate, document, corrupt
 * here, and named fields that can be shown and set in fields/struct-codec.ts. Hot loops do not go through here: they import the masks of a
 * `bits64` declaration and are held to `decode` by a property test.
 *
 * Invariants:
 *  1. Decoding never throws on odd values; rules are `validate`'s, and it lists every breach.
 *  2. `patch` writes the named fields only: unknown flag bits and reserved bytes survive.
 *  3. A u64 is a double made of two u32 halves: exact for every multiple of 512 below 2^62. `textOf` prints it exactly.
 */
import { type FaultClass, ImageError, type Where } from '../errors.ts';
import { decimal64, hex, hex64, sizeText } from './size.ts';

export type Endian = 'big' | 'little';

/** Which 64-bit flag bits are set, by name; bits without a name are in `unknown`, as bit numbers. */
export type Flags<N extends string = string> = Readonly<Record<N, boolean>> & {
  readonly unknown: readonly number[];
  readonly hi: number;
  readonly lo: number;
};

export interface Rules {
  readonly doc?: string;
  readonly equals?: number;
  readonly oneOf?: readonly number[];
  readonly min?: number;
  readonly max?: number;
  /** A power of two, or any divisor. */
  readonly multipleOf?: number;
  /** What the value is the offset of: the name of a structure. */
  readonly points?: string;
  readonly show?: 'hex' | 'decimal' | 'size';
  /** What a breach of any of these rules counts as, where that is not what the rule itself says. */
  readonly class?: FaultClass;
}

export type FieldKind = 'u8' | 'u16' | 'u32' | 'u64' | 'flags64' | 'bytes';

/** One declared field; `T` is what it decodes to. */
export interface Field<T> extends Rules {
  readonly kind: FieldKind;
  /** Bytes. */
  readonly size: number;
  /** `flags64` only: bit number by name. */
  readonly bits?: Readonly<Record<string, number>>;
  /** Phantom: carries the decoded type. */
  readonly type?: T;
}

export const u8 = (rules: Rules = {}): Field<number> => ({ kind: 'u8', size: 1, ...rules });
export const u16 = (rules: Rules = {}): Field<number> => ({ kind: 'u16', size: 2, ...rules });
export const u32 = (rules: Rules = {}): Field<number> => ({ kind: 'u32', size: 4, ...rules });
export const u64 = (rules: Rules = {}): Field<number> => ({ kind: 'u64', size: 8, ...rules });
export const bytes = (size: number, rules: Rules = {}): Field<Uint8Array> => ({ kind: 'bytes', size, ...rules });
export const flags64 = <N extends string>(bits: Readonly<Record<N, number>>, rules: Rules = {}): Field<Flags<N>> => ({
  kind: 'flags64',
  size: 8,
  bits,
  ...rules,
});

// biome-ignore lint/suspicious/noExplicitAny: a record of fields of whatever types
type FieldRecord = Readonly<Record<string, Field<any>>>;
type ValuesOf<F extends FieldRecord> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export interface Struct<F extends FieldRecord = FieldRecord> {
  /** `qcow2.header`. */
  readonly name: string;
  readonly spec: string;
  readonly endian: Endian;
  readonly fields: F;
  /** Bytes, from the structure's first byte to its last; the first field stands at `start`. */
  readonly size: number;
  /** Byte offset of each field from the structure's base. */
  readonly at: Readonly<Record<keyof F, number>>;
}

/** The decoded value of a structure. */
export type Infer<S> = S extends Struct<infer F> ? ValuesOf<F> : never;

/**
 * Declares a structure: the order of the fields is the layout. `start` (bytes) is where the first field stands, for
 * the later part of a structure that grew with a version.
 */
export function struct<F extends FieldRecord>(
  name: string,
  meta: { spec: string; endian: Endian; start?: number },
  fields: F,
): Struct<F> {
  const at: Record<string, number> = {};
  let offset = meta.start ?? 0;
  for (const [field, { size }] of Object.entries(fields)) {
    at[field] = offset;
    offset += size;
  }
  return { name, spec: meta.spec, endian: meta.endian, fields, size: offset, at: at as Record<keyof F, number> };
}

function viewOf(source: Uint8Array): DataView {
  return new DataView(source.buffer, source.byteOffset, source.byteLength);
}

/** The two halves of a 64-bit value. */
function halves(view: DataView, at: number, little: boolean): readonly [hi: number, lo: number] {
  return little
    ? [view.getUint32(at + 4, true), view.getUint32(at, true)]
    : [view.getUint32(at), view.getUint32(at + 4)];
}

export function flagsFrom<N extends string>(bits: Readonly<Record<N, number>>, hi: number, lo: number): Flags<N> {
  const known = new Map(Object.entries(bits).map(([name, bit]) => [bit as number, name]));
  const flags: Record<string, unknown> = {};
  for (const name of known.values()) flags[name] = false;
  const unknown: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const set = bit < 32 ? (lo >>> bit) & 1 : (hi >>> (bit - 32)) & 1;
    const name = known.get(bit);
    if (set && name === undefined) unknown.push(bit);
    else if (name !== undefined) flags[name] = set === 1;
  }
  return { ...flags, unknown, hi, lo } as Flags<N>;
}

function decodeField(field: Field<unknown>, view: DataView, at: number, little: boolean): unknown {
  switch (field.kind) {
    case 'u8':
      return view.getUint8(at);
    case 'u16':
      return view.getUint16(at, little);
    case 'u32':
      return view.getUint32(at, little);
    case 'u64': {
      const [hi, lo] = halves(view, at, little);
      return hi * 2 ** 32 + lo;
    }
    case 'flags64': {
      const [hi, lo] = halves(view, at, little);
      return flagsFrom(field.bits ?? {}, hi, lo);
    }
    case 'bytes':
      return new Uint8Array(view.buffer, view.byteOffset + at, field.size).slice();
  }
}

/** Parser. `base` is where the structure begins in `source` (bytes); bytes past the end of `source` read as zero. */
export function decode<F extends FieldRecord>(s: Struct<F>, source: Uint8Array, base = 0): ValuesOf<F> {
  const view = paddedView(s, source, base);
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(s.fields)) {
    values[name] = decodeField(field, view, s.at[name] as number, s.endian === 'little');
  }
  return values as ValuesOf<F>;
}

/** A view of just the structure, zero padded when the source ends early: reads past the end give zeros. */
function paddedView(s: Struct, source: Uint8Array, base: number): DataView {
  const part = source.subarray(base, base + s.size);
  if (part.length === s.size) return viewOf(part);
  const padded = new Uint8Array(s.size);
  padded.set(part);
  return viewOf(padded);
}

/** A value `patch` accepts: for flags, only the bits to change. */
export type PatchValues<F extends FieldRecord> = {
  readonly [K in keyof F]?: F[K] extends Field<infer T>
    ? T extends Flags<infer N>
      ? Partial<Record<N, boolean>>
      : T
    : never;
};

/** Writer: changes only the named fields inside `target`, in place. Throws ImageError when a value does not fit. */
export function patch<F extends FieldRecord>(s: Struct<F>, target: Uint8Array, values: PatchValues<F>, base = 0): void {
  const view = viewOf(target.subarray(base, base + s.size));
  const little = s.endian === 'little';
  for (const [name, value] of Object.entries(values)) {
    const field = s.fields[name] as Field<unknown>;
    if (value !== undefined) encodeField(s, name, field, view, s.at[name] as number, value, little);
  }
}

function encodeField(
  s: Struct,
  name: string,
  field: Field<unknown>,
  view: DataView,
  at: number,
  value: unknown,
  little: boolean,
): void {
  if (field.kind === 'bytes') {
    const source = value as Uint8Array;
    if (source.length !== field.size) throw doesNotFit(s, name, field, `${source.length} bytes`);
    new Uint8Array(view.buffer, view.byteOffset + at, field.size).set(source);
    return;
  }
  if (field.kind === 'flags64') {
    let [hi, lo] = halves(view, at, little);
    for (const [flag, on] of Object.entries(value as Record<string, boolean>)) {
      const bit = field.bits?.[flag];
      if (bit === undefined) throw doesNotFit(s, name, field, `flag '${flag}'`);
      if (bit < 32) lo = on ? lo | (1 << bit) : lo & ~(1 << bit);
      else hi = on ? hi | (1 << (bit - 32)) : hi & ~(1 << (bit - 32));
    }
    setHalves(view, at, hi >>> 0, lo >>> 0, little);
    return;
  }
  const number = value as number;
  if (!Number.isInteger(number) || number < 0 || number >= 2 ** (8 * field.size)) {
    throw doesNotFit(s, name, field, String(number));
  }
  if (field.kind === 'u8') view.setUint8(at, number);
  else if (field.kind === 'u16') view.setUint16(at, number, little);
  else if (field.kind === 'u32') view.setUint32(at, number, little);
  else setHalves(view, at, Math.floor(number / 2 ** 32), number % 2 ** 32, little);
}

function setHalves(view: DataView, at: number, hi: number, lo: number, little: boolean): void {
  view.setUint32(at, little ? lo : hi, little);
  view.setUint32(at + 4, little ? hi : lo, little);
}

function doesNotFit(s: Struct, name: string, field: Field<unknown>, value: string): ImageError {
  return new ImageError({
    code: 'value-does-not-fit',
    class: 'range',
    what: `${s.name}.${name}: ${value} does not fit a field of ${field.size} bytes (${field.kind})`,
  });
}

/** The value of one field, exact, from its own bytes. */
export function textOf(s: Struct, name: string, own: Uint8Array): string {
  return fieldText(s.fields[name] as Field<unknown>, viewOf(own), 0, s.endian === 'little');
}

function fieldText(field: Field<unknown>, view: DataView, at: number, little: boolean): string {
  const value = decodeField(field, view, at, little);
  switch (field.kind) {
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('hex');
    case 'flags64': {
      const flags = value as Flags;
      const names = Object.keys(field.bits ?? {}).filter((name) => flags[name]);
      const all = [...names, ...flags.unknown.map((bit) => `bit ${bit}`)];
      return all.length === 0 ? '0' : `${hex64(flags.hi, flags.lo)} (${all.join(', ')})`;
    }
    case 'u64': {
      const [hi, lo] = halves(view, at, little);
      if (field.show === 'decimal') return decimal64(hi, lo);
      if (field.show === 'size') return `${decimal64(hi, lo)} (${sizeText(value as number)})`;
      return hex64(hi, lo);
    }
    default:
      if (field.show === 'hex') return hex(value as number);
      return field.show === 'size' ? `${value} (${sizeText(value as number)})` : String(value);
  }
}

/** A breach of a declared rule. */
export interface Issue {
  readonly code: string;
  readonly class: FaultClass;
  readonly what: string;
  readonly where: Where;
}

/** Validator: every declared rule of every field, against the bytes. */
export function validate(s: Struct, source: Uint8Array, base = 0): Issue[] {
  const view = paddedView(s, source, base);
  const issues: Issue[] = [];
  for (const [name, field] of Object.entries(s.fields)) {
    const at = s.at[name] as number;
    const value = decodeField(field, view, at, s.endian === 'little');
    const broken = typeof value === 'number' ? brokenRule(field, value) : undefined;
    if (!broken) continue;
    const shown = fieldText(field, view, at, s.endian === 'little');
    const fault = field.class ?? broken.class;
    issues.push({
      code: fault === name ? `bad-${name}` : `${name.replaceAll('_', '-')}-${fault}`,
      class: fault,
      what: `${s.name.replace('.', ' ')}: ${name} is ${shown}, ${broken.expected}`,
      where: { offset: base + at, length: field.size, path: `${s.name.split('.')[1] ?? s.name}.${name}`, spec: s.spec },
    });
  }
  return issues;
}

function brokenRule(rules: Rules, value: number): { class: FaultClass; expected: string } | undefined {
  const shown = (n: number): string => (rules.show === 'hex' ? hex(n) : String(n));
  if (rules.equals !== undefined && value !== rules.equals) {
    return { class: 'magic', expected: `expected ${shown(rules.equals)}` };
  }
  if (rules.oneOf && !rules.oneOf.includes(value)) {
    return { class: 'range', expected: `expected one of ${rules.oneOf.map(shown).join(', ')}` };
  }
  if (rules.min !== undefined && value < rules.min) {
    return { class: 'range', expected: `at least ${shown(rules.min)} required` };
  }
  if (rules.max !== undefined && value > rules.max) {
    return { class: 'range', expected: `at most ${shown(rules.max)} allowed` };
  }
  if (rules.multipleOf !== undefined && value % rules.multipleOf !== 0) {
    return { class: 'align', expected: `a multiple of ${rules.multipleOf} required` };
  }
  return undefined;
}

/** Documenter: a Markdown table of the layout. */
export function document(s: Struct): string {
  const lines = Object.entries(s.fields).map(([name, field]) => {
    const rules = [
      field.equals !== undefined && `= ${hex(field.equals)}`,
      field.oneOf && `one of ${field.oneOf.join(', ')}`,
      field.min !== undefined && `>= ${field.min}`,
      field.max !== undefined && `<= ${field.max}`,
      field.multipleOf !== undefined && `multiple of ${field.multipleOf}`,
      field.bits &&
        Object.entries(field.bits)
          .map(([flag, bit]) => `bit ${bit} ${flag}`)
          .join(', '),
      field.points && `points to ${field.points}`,
    ].filter((rule) => typeof rule === 'string');
    const doc = [field.doc, rules.join('; ')].filter(Boolean).join('. ');
    return `| ${s.at[name]} | ${field.size} | ${field.kind} | \`${name}\` | ${doc} |`;
  });
  return [`| offset | bytes | type | field | |`, `|---|---|---|---|---|`, ...lines].join('\n');
}

/** One boundary value for one field, with what it breaks or touches. */
export interface Mutation {
  readonly field: string;
  readonly value: number;
  readonly why: string;
}

/** Corruptor: boundary values of every numeric field, from its width and its rules. For tests and for `fuzz`. */
export function corrupt(s: Struct): Mutation[] {
  return Object.entries(s.fields).flatMap(([field, rules]) => {
    if (rules.kind === 'bytes' || rules.kind === 'flags64') return [];
    const top = rules.size === 8 ? 2 ** 64 - 2 ** 11 : 2 ** (8 * rules.size) - 1;
    const values: [number | undefined, string][] = [
      [0, 'zero'],
      [1, 'one'],
      [top, 'largest'],
      [(top + 1) / 2, 'sign bit'],
      [rules.min !== undefined ? rules.min - 1 : undefined, 'below the minimum'],
      [rules.max !== undefined ? rules.max + 1 : undefined, 'above the maximum'],
      [rules.equals !== undefined ? rules.equals ^ 1 : undefined, 'wrong constant'],
      [rules.size === 8 ? 2 ** 53 : undefined, 'first double that is not followed by its successor'],
      [rules.size === 8 ? 2 ** 40 : undefined, 'far past the end of the file'],
      [rules.points ? 513 : undefined, 'unaligned pointer'],
    ];
    const seen = new Set<number>();
    return values.flatMap(([value, why]) => {
      if (value === undefined || value < 0 || value > top || seen.has(value)) return [];
      seen.add(value);
      return [{ field, value, why }];
    });
  });
}
