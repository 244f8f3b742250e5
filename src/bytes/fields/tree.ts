/**
 * The fields of an image as a tree of names and indexes: `header.size`, `l2[0][16]`, `snapshot[1].name`. A format
 * builds one (fields.ts in its folder); resolving, listing, completing and setting are the same for all.
 *
 *  1. Nodes are made when asked for: a tree of a disk of any size costs nothing.
 *  2. Listing is bounded by LIST_LIMIT, and a look for the next entry that holds something by SCAN_LIMIT.
 */
import { ImageError } from '../../errors.ts';
import type { Field, FieldList, FieldWrite } from '../field.ts';
import type { Codec } from './codec.ts';
import { type FieldPath, isAddress, parsePath, pathText } from './path.ts';

/** A field. */
export interface Leaf {
  readonly kind: 'leaf';
  /** Bytes of the file. */
  readonly offset: number;
  readonly codec: Codec;
  readonly doc?: string;
  readonly spec: string;
  readonly guest?: Field['guest'];
  /** Overrides what the codec says, where more than the bytes decide. */
  readonly leads?: false;
}

/** Nodes by name. */
export interface Group {
  readonly kind: 'group';
  readonly names: readonly string[];
  member(name: string): Node | undefined;
}

/** Nodes by index. `T`: what they are, where all are there. */
export interface List<T extends Node | Missing = Node | Missing> {
  readonly kind: 'list';
  readonly count: number;
  at(index: number): T;
  /** The first index at or after `from` that holds something, or `count`. Absent: all do. */
  next?(from: number): number;
  /** The indexes of what belongs to a byte address: `refcount[@0x50000]`. */
  locate?(address: number): readonly number[];
  /** Short: listed with what it belongs to. */
  readonly inline?: true;
  /** What an address means here. */
  readonly addressOf?: 'guest' | 'host';
}

/** Why an index that could be there is not. */
export interface Missing {
  readonly kind: 'missing';
  readonly why: string;
}

export type Node = Leaf | Group | List;

/** Bytes of the file, zeros behind its end. */
export type Read = (offset: number, length: number) => Uint8Array;

export function group(members: Readonly<Record<string, Node | undefined>>): Group {
  const names = Object.keys(members).filter((name) => members[name] !== undefined);
  return { kind: 'group', names, member: (name) => (Object.hasOwn(members, name) ? members[name] : undefined) };
}

/** What a path leads to. */
export interface Resolved {
  readonly node: Node;
  /** With addresses turned into indexes. */
  readonly path: string;
  /** The part of a leaf: `copied`. */
  readonly part?: string;
}

/** Throws ImageError `no-such-field` that says what there is. */
export function resolve(root: Group, text: string, read: Read): Resolved {
  const steps = parsePath(text);
  let node: Node = root;
  const walked: (string | number)[] = [];
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as FieldPath[number];
    const at = pathText(walked);
    if (typeof step === 'string') {
      if (node.kind === 'leaf') {
        const parts = partNames(node, read);
        if (parts.includes(step) && i === steps.length - 1) return { node, path: `${at}.${step}`, part: step };
        throw unknownName(at, step, parts);
      }
      const next: Node | undefined = node.kind === 'group' ? node.member(step) : undefined;
      if (!next) throw unknownName(at, step, node.kind === 'group' ? node.names : []);
      walked.push(step);
      node = next;
      continue;
    }
    if (node.kind !== 'list') throw noSuch(`${at} has no entries to choose from with [ ]`);
    const indexes = isAddress(step) ? located(node, at, step.address) : [step];
    for (const index of indexes) {
      const here = pathText(walked);
      if (node.kind !== 'list') throw new Error(`${here}: an address has more indexes than there are lists`);
      node = entry(node, here, index);
      walked.push(index);
    }
  }
  return { node, path: pathText(walked) };
}

function located(list: List, at: string, address: number): readonly number[] {
  const indexes = list.locate?.(address);
  if (indexes) return indexes;
  throw noSuch(`${at} has no place for a byte address with [@ ]`);
}

/** An index this large may be meant as a byte address. */
const ADDRESS_LIKE = 512;

function entry(list: List, at: string, index: number): Node {
  const isByte = list.addressOf && index >= ADDRESS_LIKE;
  const address = isByte ? `${at}[@0x${index.toString(16)}] if that is a ${list.addressOf} byte` : undefined;
  if (index < list.count) {
    const found = list.at(index);
    if (found.kind !== 'missing') return found;
    throw noSuch(`there is no ${at}[${index}]: ${found.why}`, address);
  }
  const range = list.count === 0 ? 'there are none' : `there are ${list.count}, ${at}[0] to ${at}[${list.count - 1}]`;
  throw noSuch(`there is no ${at}[${index}]: ${range}`, address);
}

export function partNames(leaf: Leaf, read: Read): readonly string[] {
  const { codec, offset } = leaf;
  if (!codec.encodePart) return [];
  return (codec.parts?.(read(offset, codec.size)) ?? [])
    .map(({ name }) => name)
    .filter((name) => /^\w+$/.test(name) && name !== 'reserved');
}

function unknownName(at: string, name: string, names: readonly string[]): ImageError {
  const what = at === '' ? `there is no field '${name}'` : `${at} has no '${name}'`;
  const shown = names.slice(0, 40).join(', ');
  return noSuch(names.length > 0 ? `${what}, expected one of: ${shown}` : `${what}: it has no parts`);
}

function noSuch(what: string, tryThis?: string): ImageError {
  return new ImageError({ code: 'no-such-field', what, tryThis });
}

export function fieldOf(leaf: Leaf, path: string, read: Read): Field {
  const { offset, codec, doc, spec, guest } = leaf;
  const bytes = read(offset, codec.size);
  const points = leaf.leads === false ? undefined : codec.points?.(bytes);
  const parts = codec.parts?.(bytes);
  return {
    path,
    offset,
    size: codec.size,
    text: codec.text(bytes),
    ...(parts && { parts }),
    ...(doc !== undefined && { doc }),
    spec,
    ...(points !== undefined && { points }),
    ...(guest && { guest }),
  };
}

/** Throws ImageError `no-such-field`. */
export function fieldAt(root: Group, path: string, read: Read): Field {
  const found = resolve(root, path, read);
  if (found.node.kind !== 'leaf') throw notOne(found);
  return oneField(found, found.node, read);
}

function oneField({ path, part }: Resolved, leaf: Leaf, read: Read): Field {
  const whole = fieldOf(leaf, path, read);
  if (part === undefined) return whole;
  const { name, ...rest } = whole.parts?.find(({ name }) => name === part) ?? { name: part, text: '' };
  const { offset, size, spec } = whole;
  return { path, offset, size, spec, ...rest };
}

function notOne({ node, path }: Resolved): ImageError {
  const has = node.kind === 'group' ? `one of: ${node.names.join(', ')}` : `an index, ${path}[0]`;
  return noSuch(`${path === '' ? 'the image' : path} is not one field, expected ${has}`, `print ${path}`);
}

/** Throws ImageError `no-such-field` or `value-does-not-fit`. */
export function encodeAt(root: Group, path: string, value: string, read: Read): FieldWrite {
  const found = resolve(root, path, read);
  const { node, part } = found;
  if (node.kind !== 'leaf') throw notOne(found);
  const old = read(node.offset, node.codec.size);
  const bytes =
    part === undefined
      ? node.codec.encode(old, value, found.path)
      : node.codec.encodePart?.(old, part, value, found.path);
  return { offset: node.offset, bytes: bytes as Uint8Array };
}

/** Fields listed in one call. */
const LIST_LIMIT = 4096;

/** The field at `path`, or those under it, in order; entries that are 0 are left out of long lists. */
export function listAt(root: Group, path: string, limit: number, read: Read): FieldList {
  const found = path === '' ? { node: root, path: '' } : resolve(root, path, read);
  const list = { fields: [] as Field[], empty: 0, next: undefined as string | undefined };
  if (found.node.kind === 'leaf') return { fields: [oneField(found, found.node, read)], single: true, empty: 0 };
  collect(found.node, found.path, list, Math.min(limit, LIST_LIMIT), read);
  return list;
}

/** Adds what is under `node`; whether there was room for all of it. */
function collect(
  node: Node,
  path: string,
  list: { fields: Field[]; empty: number; next: string | undefined },
  limit: number,
  read: Read,
): boolean {
  if (node.kind === 'leaf') {
    if (list.fields.length >= limit) {
      list.next = path;
      return false;
    }
    list.fields.push(fieldOf(node, path, read));
    return true;
  }
  if (node.kind === 'group') {
    return node.names.every((name) => {
      const member = node.member(name);
      // A table inside an entry is listed when asked for.
      if (!member || (member.kind === 'list' && !member.inline && path !== '')) return true;
      return collect(member, path === '' ? name : `${path}.${name}`, list, limit, read);
    });
  }
  for (let index = 0; ; index++) {
    const next = node.next ? node.next(index) : index;
    if (next >= node.count) {
      list.empty += Math.max(0, node.count - index);
      return true;
    }
    const found = node.at(next);
    if (found.kind !== 'missing' && !collect(found, `${path}[${next}]`, list, limit, read)) return false;
    list.empty += next - index + (found.kind === 'missing' ? 1 : 0);
    index = next;
  }
}

/** Entries of a table, `stride` bytes apart from `base` on. */
export interface Row {
  readonly path: string;
  readonly base: number;
  /** Bytes; below 1 for counters of less than a byte. */
  readonly stride: number;
  /** The index of the entry at `base`, and how many follow. */
  readonly first: number;
  readonly count: number;
  at(index: number): Leaf;
}

/** Those of the row that lie in the bytes `from` .. `to` - 1: read at once, as there may be thousands. */
export function fieldsInRow(row: Row, from: number, to: number, read: Read): Field[] {
  const { path, base, stride, first, count, at } = row;
  const low = Math.max(0, Math.floor((from - base) / stride));
  const high = Math.min(count, Math.ceil((to - base) / stride), low + LIST_LIMIT);
  if (low >= high) return [];
  const start = base + Math.floor(low * stride);
  const bytes = read(start, Math.ceil(high * stride) - Math.floor(low * stride));
  const part: Read = (offset, length) => bytes.subarray(offset - start, offset - start + length);
  return Array.from({ length: high - low }, (_, i) => {
    const index = first + low + i;
    return fieldOf(at(index), `${path}[${index}]`, part);
  });
}

/** Fields under a node that is no long table, that lie in the bytes. */
export function fieldsUnder(node: Node, path: string, from: number, to: number, read: Read): Field[] {
  const list = { fields: [] as Field[], empty: 0, next: undefined };
  collect(node, path, list, LIST_LIMIT, read);
  return list.fields.filter(({ offset, size }) => offset < to && offset + size > from);
}

/** Bytes looked at first, in one go at most, and in all, for the next entry: mostly the next one holds something. */
const SCAN_FIRST = 256;
const SCAN_PIECE = 16 * 1024;
const SCAN_LIMIT = 32 * 1024 * 1024;
const ZEROS = Buffer.alloc(SCAN_PIECE);

/**
 * The first entry at or after `from` whose bytes are not all 0, or `count`. Entries are `stride` bytes (a power of two)
 * apart. Where nothing is found for long, the entry it came to. Behind the end of the file, `size`, all is 0: a table
 * that claims more than the file has costs nothing.
 */
export function nextSet(read: Read, size: number, base: number, stride: number, from: number, count: number): number {
  const held = Math.min(count, Math.max(0, Math.ceil((size - base) / stride)));
  if (from >= held) return count;
  const end = Math.min(held, from + SCAN_LIMIT / stride);
  let piece = SCAN_FIRST;
  for (let first = from; first < end; ) {
    const bytes = read(base + first * stride, Math.min(piece, (end - first) * stride));
    if (!ZEROS.subarray(0, bytes.length).equals(bytes)) {
      return first + Math.floor(bytes.findIndex((byte) => byte !== 0) / stride);
    }
    first += bytes.length / stride;
    piece = Math.min(SCAN_PIECE, piece * 4);
  }
  return end === held ? count : end;
}
