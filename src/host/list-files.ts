/** Names of files that begin as a person has begun to type them. What cannot be read has no files. */
import { opendirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface ListedFile {
  /** As it would be typed, folder and all; `~` spelled out, since commands take names as they are. */
  readonly path: string;
  readonly name: string;
  readonly folder: boolean;
}

/** Entries of a folder that are looked at, and names that are answered. */
const LOOK_LIMIT = 10_000;
const NAME_LIMIT = 500;

/** In order of their names. Hidden files only for a name that begins with a dot. */
export function listFiles(typed: string): ListedFile[] {
  const path = typed === '~' || typed.startsWith('~/') ? `${homedir()}${typed.slice(1) || '/'}` : typed;
  const slash = path.lastIndexOf('/');
  const folder = path.slice(0, slash + 1);
  const start = path.slice(slash + 1);
  return namesIn(folder === '' ? '.' : folder)
    .filter(({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, NAME_LIMIT)
    .map(({ name, link, directory }) => ({
      path: folder + name,
      name,
      folder: directory || (link && isFolder(join(folder, name))),
    }));
}

function namesIn(folder: string): { readonly name: string; readonly link: boolean; readonly directory: boolean }[] {
  const found = [];
  try {
    const entries = opendirSync(folder);
    try {
      for (let entry = entries.readSync(); entry && found.length < LOOK_LIMIT; entry = entries.readSync()) {
        found.push({ name: entry.name, link: entry.isSymbolicLink(), directory: entry.isDirectory() });
      }
    } finally {
      entries.closeSync();
    }
  } catch {
    // No such folder, or not ours to read: there is nothing to offer.
  }
  return found;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
