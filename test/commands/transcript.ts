/**
 * Runs lines as the prompt would, in this process, on copies of sample images. What comes back is what a person would
 * see without a terminal: results and complaints in order.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { Debugger } from '../../src/session/debugger.ts';
import type { FollowPolicy } from '../../src/session/follow.ts';

export const SAMPLES = join(import.meta.dirname, '../../sample-images');

export interface Transcript {
  readonly text: string;
  readonly status: number;
}

/** A folder with copies of the samples, gone after `use`. */
export async function withSamples<T>(use: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'platter-'));
  try {
    cpSync(SAMPLES, folder, { recursive: true });
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface TranscriptOptions {
  /** Opened before the first line. */
  readonly image?: string;
  readonly json?: boolean;
  readonly follow?: FollowPolicy;
  /** The folder's path is taken out of the text. */
  readonly folder?: string;
}

export async function transcript(lines: readonly string[], options: TranscriptOptions = {}): Promise<Transcript> {
  const sink = new MemorySink();
  const host = new Debugger(options.follow);
  const runner = new Runner(host, { out: sink, err: sink, json: options.json ?? false, style: PLAIN, prefix: '' });
  try {
    if (options.image !== undefined) host.open({ path: options.image });
    for (const line of lines) if (!host.quitting) await runner.line(line);
    runner.end();
    const text = sink.toString();
    return { text: options.folder ? text.replaceAll(`${options.folder}/`, '') : text, status: runner.status };
  } finally {
    host.end();
  }
}
