/**
 * Transcripts: `$ platter …` runs the built program, `platter> …` types a line at one prompt that lasts for the file;
 * what follows is what came out, complaints after results, and `[status N]` when it was not 0. All of it happens in
 * a folder with fresh copies of the sample images. PLATTER_UPDATE=1 writes what came out into the files.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chdir, cwd } from 'node:process';
import { expect, it } from 'vitest';
import { statements } from '../../src/commands/line.ts';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { Debugger } from '../../src/session/debugger.ts';
import { withSamples } from '../commands/transcript.ts';
import { platter } from '../support/platter.ts';

const FOLDER = import.meta.dirname;
const PROGRAM = '$ platter';
const PROMPT = 'platter> ';

async function replay(text: string, folder: string): Promise<string> {
  const host = new Debugger();
  const out: string[] = [];
  try {
    for (const line of text.split('\n')) {
      if (line.startsWith(PROGRAM)) out.push(line, ...runProgram(line.slice(PROGRAM.length), folder));
      else if (line.startsWith(PROMPT)) out.push(line, ...(await typed(host, line.slice(PROMPT.length))));
      else if (line.startsWith('# ')) out.push(line);
    }
  } finally {
    host.end();
  }
  return `${out.join('\n').trimEnd()}\n`.replaceAll(`${folder}/`, '');
}

function runProgram(line: string, cwd: string): string[] {
  const words = statements(line)[0]?.words.map(({ text }) => text) ?? [];
  const { status, stdout, stderr } = platter(words, { cwd });
  return [...linesOf(stdout + stderr), ...(status === 0 ? [] : [`[status ${status}]`]), ''];
}

async function typed(host: Debugger, line: string): Promise<string[]> {
  const [results, complaints] = [new MemorySink(), new MemorySink()];
  const runner = new Runner(host, { out: results, err: complaints, json: false, style: PLAIN, prefix: '' });
  await runner.line(line);
  const status = runner.status === 0 ? [] : [`[status ${runner.status}]`];
  return [...linesOf(results.toString() + complaints.toString()), ...status, ''];
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.trimEnd().split('\n');
}

it.each(readdirSync(FOLDER).filter((name) => name.endsWith('.repl')))('%s', async (name) => {
  const path = join(FOLDER, name);
  const before = readFileSync(path, 'utf8');
  const back = cwd();
  const after = await withSamples(async (folder) => {
    chdir(folder);
    try {
      return await replay(before, folder);
    } finally {
      chdir(back);
    }
  });
  if (process.env['PLATTER_UPDATE']) writeFileSync(path, after);
  else expect(after).toBe(before);
});
