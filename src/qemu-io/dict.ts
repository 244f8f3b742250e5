/**
 * Options as QEMU keeps them: names with dots to text. They come from `-o name=value,…` (a comma in a value is doubled)
 * and from `json:{…}` file names. Whoever understands an option takes it out; what is left over nobody understands.
 */
import type { Voice } from './voice.ts';

/** What cannot be opened, in QEMU's words. Thrown and caught in this room only. */
export class Refused extends Error {}

export type Dict = Map<string, string>;

/** JSON's null: no option on a command line can spell it. */
export const NULL = '\0';

/** `name=value,…`. A name without a value is `on`, and one that begins with `no` then `off`: QEMU warns of both. */
export function parseDict(voice: Voice, text: string): Dict {
  const dict: Dict = new Map();
  for (let at = 0; at < text.length; ) {
    const [name, afterName] = upTo(text, at, '=,');
    at = afterName + 1;
    if (text[afterName] === '=') {
      const [value, afterValue] = value_(text, at);
      at = afterValue + 1;
      set(dict, name, value);
      continue;
    }
    const isOff = name.startsWith('no');
    const meant = isOff ? name.slice(2) : name;
    const value = isOff ? 'off' : 'on';
    voice.complain(`warning: short-form boolean option '${name}' deprecated`);
    voice.grumble(`Please use ${meant}=${value} instead\n`);
    set(dict, meant, value);
  }
  return dict;
}

/** The last one counts, at the end of the list. */
function set(dict: Dict, name: string, value: string): void {
  dict.delete(name);
  dict.set(name, value);
}

function upTo(text: string, from: number, ends: string): [string, number] {
  let at = from;
  while (at < text.length && !ends.includes(text[at] as string)) at++;
  return [text.slice(from, at), at];
}

/** A value: up to a comma that is not doubled. */
function value_(text: string, from: number): [string, number] {
  let value = '';
  for (let at = from; ; at++) {
    if (at >= text.length) return [value, at];
    if (text[at] === ',') {
      if (text[at + 1] !== ',') return [value, at];
      at++;
    }
    value += text[at];
  }
}

/** `json:{…}`, flattened: `{"file": {"driver": "file"}}` is `file.driver=file`. Throws Refused. */
export function parseJson(text: string): Dict {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused(`Could not parse the JSON options: ${jsonComplaint(text)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refused('Invalid JSON object given');
  }
  const dict: Dict = new Map();
  flatten(value, '', dict);
  return dict;
}

function jsonComplaint(text: string): string {
  const word = /[{[,:]\s*([a-z]\w*)/.exec(text)?.[1];
  if (word !== undefined && !['true', 'false', 'null'].includes(word)) {
    return `JSON parse error, invalid keyword '${word}'`;
  }
  return 'JSON parse error, expecting value';
}

function flatten(value: object, prefix: string, dict: Dict): void {
  for (const [name, inner] of Object.entries(value)) {
    const path = `${prefix}${name}`;
    if (typeof inner === 'object' && inner !== null) flatten(inner, `${path}.`, dict);
    else if (typeof inner === 'boolean') dict.set(path, inner ? 'on' : 'off');
    else dict.set(path, inner === null ? NULL : String(inner));
  }
}

/** Takes an option out. */
export function take(dict: Dict, name: string): string | undefined {
  const value = dict.get(name);
  dict.delete(name);
  return value;
}

/** Takes out all options under a name, and leaves the name away. */
export function takeUnder(dict: Dict, name: string): Dict {
  const under: Dict = new Map();
  for (const [path, value] of [...dict]) {
    if (!path.startsWith(`${name}.`)) continue;
    under.set(path.slice(name.length + 1), value);
    dict.delete(path);
  }
  return under;
}

/** An option that is on or off. Throws Refused. */
export function takeSwitch(dict: Dict, name: string): boolean | undefined {
  const value = take(dict, name);
  if (value === undefined) return undefined;
  if (value === 'on' || value === 'yes' || value === 'true' || value === 'y') return true;
  if (value === 'off' || value === 'no' || value === 'false' || value === 'n') return false;
  throw new Refused(`Parameter '${name}' expects 'on' or 'off'`);
}
