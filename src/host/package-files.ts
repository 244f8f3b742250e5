/**
 * The files that come with the program: sample images, and the texts of lessons. Found from where this code lies, be
 * that src/host or the built dist.
 *
 * Invariants:
 *  1. What is read is a regular file of bounded size: no link is followed, no device or FIFO opened.
 *  2. A name leads to a file inside its folder, never out of it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ImageError } from '../errors.ts';
import { readText, readWhole } from './read-whole.ts';

/** A lesson is a page or two; anything longer is no lesson. Bytes. */
const LONGEST_TEXT = 64 * 1024;
/** Sample images are copied whole, more than once. Bytes. */
const LARGEST_IMAGE = 64 * 1024 * 1024;
const EXTENSION = '.txt';

/** Names may have one folder in front (`corrupt/leaked.qcow2`), and nothing that leads elsewhere. */
const PLAIN_NAME = /^(?:[\w-]+\/)?[\w-][\w.-]*$/;

/** A text that was read, and where it lies. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Throws ImageError `no-package-files` when the program was taken out of its package. */
function packageFolder(name: 'lessons' | 'sample-images'): string {
  let folder = import.meta.dirname;
  for (let up = 0; up < 3; up++) {
    const found = join(folder, name);
    if (existsSync(found)) return found;
    folder = dirname(folder);
  }
  throw new ImageError({
    code: 'no-package-files',
    what: `the folder ${name} is not beside the program: Platter is not wholly installed`,
    tryThis: 'installing it again',
  });
}

/** The names of the lessons that come with the program, sorted. */
export function lessonNames(): string[] {
  return readdirSync(packageFolder('lessons'))
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => name.slice(0, -EXTENSION.length))
    .sort();
}

/** The lesson of the package with that name, or undefined. */
export function lessonNamed(name: string): TextFile | undefined {
  if (!PLAIN_NAME.test(name) || !lessonNames().includes(name)) return undefined;
  return textFile(join(packageFolder('lessons'), `${name}${EXTENSION}`));
}

/** A lesson in a file of the user's. Throws ImageError `lesson-unreadable`. */
export function textFile(path: string): TextFile {
  return { path, text: readText(path, { most: LONGEST_TEXT, code: 'lesson-unreadable' }).text };
}

/** `l2-walk` of `…/l2-walk.txt`. */
export function nameOfText(path: string): string {
  return basename(path, EXTENSION);
}

/** The bytes of a sample image, or of an image that lies beside the lesson at `lesson`. */
export function imageForLesson(name: string, lesson: string): Uint8Array {
  if (!PLAIN_NAME.test(name)) {
    throw new ImageError({
      code: 'lesson-image',
      what: `image '${name}' is not a plain name: expected a sample image or a file beside the lesson`,
    });
  }
  const sample = join(packageFolder('sample-images'), name);
  const beside = join(dirname(lesson), name);
  const path = existsSync(sample) || name.includes('/') ? sample : beside;
  return readWhole(path, { most: LARGEST_IMAGE, code: 'lesson-image' }).bytes;
}
