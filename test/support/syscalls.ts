/**
 * What a program asked the kernel to do to an image, its journal and its folder, read from a log of strace. Needs
 * `-f -e trace=` with TRACED; calls of other files are left out.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

export const TRACED = 'openat,pwrite64,pwritev,write,writev,ftruncate,fallocate,fsync,fdatasync,rename,link,unlink';

export const hasStrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;

/** `image write 0 512`, `journal create`, `folder flush`: contiguous writes to one file are one. */
export type Call = string;

export interface Calls {
  /** In order. The lock file's are left out. */
  readonly calls: readonly Call[];
  /** How the image was opened, in order: before anything may be written it must be O_RDONLY. */
  readonly opens: readonly string[];
  /** How many calls there were before the image was first opened for writing. */
  readonly before: number;
  readonly lock: readonly string[];
}

/** Runs a program under strace and answers its exit status. */
export function straced(log: string, program: readonly string[], input = ''): number | null {
  const env: NodeJS.ProcessEnv = { ...process.env, UV_USE_IO_URING: '0' };
  delete env['NODE_EXTRA_CA_CERTS'];
  const words = ['-f', '-qq', '-o', log, '-e', `trace=${TRACED}`, ...program];
  return spawnSync('strace', words, { env, input, timeout: 60_000 }).status;
}

/** The calls that concern `image` (an absolute path), what lies beside it, and its folder. */
export function callsOn(log: string, image: string): Calls {
  const files = new Map<string, string>();
  const calls: Writes[] = [];
  const opens: string[] = [];
  const lock: string[] = [];
  let before: number | undefined;
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const match = /^(?:\d+\s+)?(\w+)\((.*)\)\s+= (-?\d+)/.exec(line);
    if (!match) continue;
    const [, call, args, answer] = match as unknown as [string, string, string, string];
    if (Number(answer) < 0) continue;
    if (call === 'openat') {
      const [, path = '', how = ''] = /^AT_FDCWD, "([^"]*)", (.*)$/.exec(args) ?? [];
      const file = nameOf(path, image);
      files.set(answer, file);
      if (file === 'image') {
        opens.push(how);
        if (!how.startsWith('O_RDONLY')) before ??= calls.length;
      }
      if (file === 'lock') lock.push('open');
      if (how.includes('O_CREAT') && file === 'journal') calls.push({ file, call: 'create' });
      continue;
    }
    if (call === 'unlink' || call === 'link' || call === 'rename') {
      const file = nameOf(/"([^"]*)"/.exec(args)?.[1] ?? '', image);
      if (file === 'lock') lock.push(call);
      else if (file !== 'other') calls.push({ file, call });
      continue;
    }
    const file = files.get(/^\d+/.exec(args)?.[0] ?? '') ?? 'other';
    if (file === 'other' || file === 'lock') continue;
    if (call === 'pwrite64') {
      const offset = Number(/, (\d+)$/.exec(args)?.[1]);
      calls.push({ file, call: 'write', offset, length: Number(answer) });
    } else if (call === 'ftruncate') calls.push({ file, call: 'resize', offset: Number(/, (\d+)$/.exec(args)?.[1]) });
    else calls.push({ file, call: call === 'fsync' || call === 'fdatasync' ? 'flush' : call });
  }
  return { calls: merged(calls), opens, before: before ?? calls.length, lock };
}

export interface Writes {
  readonly file: string;
  readonly call: string;
  readonly offset?: number;
  readonly length?: number;
}

/** One line for each call, contiguous writes to one file as one. */
export function merged(calls: readonly Writes[]): Call[] {
  const out: { file: string; call: string; offset?: number; length?: number }[] = [];
  for (const { ...call } of calls) {
    const last = out.at(-1);
    const goesOn =
      last?.call === 'write' &&
      call.call === 'write' &&
      last.file === call.file &&
      (last.offset as number) + (last.length as number) === call.offset;
    if (last && goesOn) last.length = (last.length as number) + (call.length as number);
    else out.push(call);
  }
  return out.map(({ file, call, offset, length }) =>
    [file, call, offset, length].filter((x) => x !== undefined).join(' '),
  );
}

function nameOf(path: string, image: string): string {
  if (path === image) return 'image';
  if (path === dirname(image)) return 'folder';
  if (path === `${image}.platter-journal`) return 'journal';
  if (path === `${image}.platter-lock`) return 'lock';
  return basename(path).startsWith(basename(image)) ? basename(path) : 'other';
}
