/**
 * The same qemu-io command line on twin images, one with real qemu-io and one with `platter --qemu-io`: what each says
 * on both streams, and how it ends. Times are masked, and nothing else.
 */
import { spawnSync } from 'node:child_process';
import { PROGRAM } from '../../support/platter.ts';

export interface Said {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Wish {
  readonly args: readonly string[];
  /** Commands on standard input. */
  readonly input?: string;
  readonly cwd: string;
}

const TIMEOUT_MS = 60_000;

export function real(wish: Wish): Said {
  return masked('qemu-io', wish.args, wish);
}

export function ours(wish: Wish): Said {
  return masked(process.execPath, [PROGRAM, '--qemu-io', ...wish.args], wish);
}

function masked(program: string, args: readonly string[], { input = '', cwd }: Wish): Said {
  const done = spawnSync(program, args, {
    cwd,
    input: Buffer.from(input, 'latin1'),
    encoding: 'latin1',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', NODE_EXTRA_CA_CERTS: undefined },
  });
  return { status: done.status, signal: done.signal, stdout: withoutTimes(done.stdout), stderr: done.stderr };
}

/** `00.00 sec (1.047 MiB/sec and 34305.3173 ops/sec)`, and the same in a line for machines. */
export function withoutTimes(text: string): string {
  return text
    .replace(/ ops; [^\n]* ops\/sec\)/g, ' ops; TIME')
    .replace(/(\d+,\d+),\d+:\d\d:\d\d\.\d\d,[\d.]+,[\d.]+$/gm, '$1,TIME');
}
