/**
 * Real qemu-img, where it is installed, on files that are our own: a private copy, never the user's image.
 *
 * Invariants:
 *  1. The format is always named, and no other file is opened: neither a backing file nor what a name in the image says.
 *  2. It ends: by itself, or after so many seconds.
 */
import { spawnSync } from 'node:child_process';
import { ImageError } from '../errors.ts';

export interface QemuRun {
  /** Exit status; 1 when a signal ended it. */
  readonly status: number;
  /** Lines of both outputs, in order of the two. */
  readonly lines: readonly string[];
}

/** Milliseconds. */
const TIMEOUT = 120_000;
const OUTPUT_LIMIT = 16 * 1024 * 1024;
const MOST_LINES = 1000;

/** `qemu-img check -r WHAT` on a file. Throws ImageError `no-qemu-img`, or `qemu-img-failed` where it does not end. */
export function qemuRepair(path: string, format: string, what: 'leaks' | 'all'): QemuRun {
  const image = `json:${JSON.stringify({ driver: format, backing: null, file: { driver: 'file', filename: path } })}`;
  const done = spawnSync('qemu-img', ['check', '-r', what, image], {
    timeout: TIMEOUT,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_LIMIT,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const code = (done.error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOENT') {
    throw new ImageError({
      code: 'no-qemu-img',
      what: 'qemu-img is not installed: what it would do can only be seen by running it',
      tryThis: 'install qemu-utils (or qemu-img), or repair for what Platter proposes',
    });
  }
  if (code !== undefined) throw new ImageError({ code: 'qemu-img-failed', what: `qemu-img could not be run: ${code}` });
  const text = `${done.stdout}${done.stderr}`.replaceAll(image, 'IMAGE').replaceAll(path, 'IMAGE');
  return {
    status: done.status ?? 1,
    lines: text
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, MOST_LINES),
  };
}
