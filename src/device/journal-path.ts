/** Where an image's journal lies: known apart from the journal itself, for every open looks whether there is one. */
import { lstatSync } from 'node:fs';
import type { FileDevice } from './file.ts';

export function journalPathOf(image: FileDevice): string {
  return `${image.path}.platter-journal`;
}

/** The journal's path when one lies beside the image: an earlier commit did not come to its end. Opens nothing. */
export function findJournal(image: FileDevice): string | undefined {
  const path = journalPathOf(image);
  return lstatSync(path, { throwIfNoEntry: false }) ? path : undefined;
}
