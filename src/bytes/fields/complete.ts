/**
 * What could follow a path that is half typed. Answers end in `.` or `[` where the path goes on. Of long tables, the
 * first entries that hold something; the index typed so far always stands first when it is one.
 */
import { ImageError } from '../../errors.ts';
import { type Group, type List, type Missing, type Node, partNames, type Read, resolve } from './tree.ts';

const LIMIT = 200;
/** Entries looked at for those that begin with the digits typed. */
const TRIES = 4096;

export function namesFrom(root: Group, start: string, read: Read): readonly string[] {
  try {
    return candidates(root, start, read).slice(0, LIMIT);
  } catch (error) {
    // The part before the cursor is no path: nothing is known to follow.
    if (error instanceof ImageError) return [];
    throw error;
  }
}

function candidates(root: Group, start: string, read: Read): readonly string[] {
  const cut = Math.max(start.lastIndexOf('.'), start.lastIndexOf('['));
  if (cut < 0) return members(root, '', start);
  const before = start.slice(0, cut);
  const typed = start.slice(cut + 1);
  if (start[cut] === '[' && typed.endsWith(']')) return further(resolve(root, start, read).node, start, read);
  const { node } = resolve(root, before, read);
  if (start[cut] === '[') return node.kind === 'list' ? entries(node, before, typed) : [];
  if (node.kind === 'group') return members(node, `${before}.`, typed);
  if (node.kind !== 'leaf') return [];
  return partNames(node, read)
    .filter((name) => name.startsWith(typed))
    .map((name) => `${before}.${name}`);
}

function members(node: Group, before: string, typed: string): string[] {
  return node.names
    .filter((name) => name.startsWith(typed))
    .map((name) => before + name + suffix(node.member(name) as Node));
}

function suffix(node: Node): string {
  if (node.kind === 'leaf') return '';
  return node.kind === 'list' ? '[' : '.';
}

/** The path is whole as it is; what it could go on with. */
function further(node: Node, path: string, read: Read): string[] {
  if (node.kind !== 'leaf') return [path + suffix(node)];
  return [path, ...partNames(node, read).map((name) => `${path}.${name}`)];
}

function entries(list: List, before: string, typed: string): string[] {
  const shown = (index: string, node: Node | Missing): string[] =>
    node.kind === 'missing' ? [] : [`${before}[${index}]${suffix(node)}`];
  const found: string[] = [];
  const exact = /^\d+$/.test(typed) ? Number(typed) : -1;
  if (exact >= 0 && exact < list.count) found.push(...shown(typed, list.at(exact)));
  for (let index = 0, tries = 0; tries < TRIES && found.length < LIMIT; index++, tries++) {
    if (list.next) index = list.next(index);
    if (index >= list.count) break;
    if (String(index).startsWith(typed) && index !== exact) found.push(...shown(String(index), list.at(index)));
  }
  return found;
}
