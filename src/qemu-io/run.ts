/**
 * qemu-io, to the byte: `platter --qemu-io …`, or the program called through a link of that name. What is written is
 * in the file at once; nothing is staged and nothing can be undone.
 */
import { LineInput } from '../host/line-input.ts';
import { COMMANDS, runLine } from './commands.ts';
import { type Dict, parseDict } from './dict.ts';
import { invocationOf } from './invocation.ts';
import { openInto } from './opening.ts';
import { Shell } from './shell.ts';
import { type Outlet, toBinary, Voice } from './voice.ts';

const PROMPT = 'qemu-io> ';
/** Bytes of a line with the end mark that C puts behind it; what is longer comes in parts. */
const LINE_LIMIT = 1024;

export interface World {
  readonly out: Outlet;
  readonly err: Outlet;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  /** Platter's own. */
  readonly version: string;
}

/** Answers the exit status. */
export async function qemuIo(args: readonly string[], world: World): Promise<number> {
  const voice = new Voice(world.out, world.err, world.stdoutIsTerminal);
  const shell = new Shell(voice, waitForEver);
  try {
    return await run(shell, args, world);
  } finally {
    voice.flush();
  }
}

async function run(shell: Shell, args: readonly string[], world: World): Promise<number> {
  const { voice } = shell;
  const asked = invocationOf(voice, shell.secrets, args.map(toBinary), world.version);
  if (typeof asked === 'number') return asked;
  const { lines, format, imageOptions, flags, name } = asked;
  shell.imageOptions = imageOptions;
  if (name !== undefined) {
    const dict: Dict = imageOptions ? parseDict(voice, name) : new Map();
    if (format !== undefined) dict.set('driver', format);
    if (!openInto(shell, imageOptions ? undefined : name, dict, flags)) return 1;
  }
  let good = true;
  if (lines) {
    for (const line of lines) if (!shell.leaving && !runLine(shell, line)) good = false;
  } else if (world.stdinIsTerminal) good = await atTerminal(shell);
  else good = fromPipe(shell);
  shell.close();
  return good ? 0 : 1;
}

function fromPipe(shell: Shell): boolean {
  const { voice, requests } = shell;
  const input = new LineInput();
  let good = true;
  while (!shell.leaving) {
    voice.say(PROMPT);
    requests.settle();
    const line = input.next(LINE_LIMIT - 1, () => voice.flush());
    if (line === undefined) break;
    if (!runLine(shell, line)) good = false;
  }
  return good;
}

/** Tab completes names of commands; history is kept while the program runs; Ctrl-C ends it. */
async function atTerminal(shell: Shell): Promise<boolean> {
  const { createInterface } = await import('node:readline');
  const { voice, requests } = shell;
  const names = COMMANDS.map(({ name }) => name);
  const editor = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: PROMPT,
    completer: (line: string) => [names.filter((name) => name.startsWith(line)), line],
  });
  let good = true;
  editor.on('SIGINT', () => {
    editor.close();
    voice.flush();
    process.kill(process.pid, 'SIGINT');
  });
  editor.prompt();
  for await (const line of editor) {
    if (!runLine(shell, toBinary(line))) good = false;
    voice.flush();
    if (shell.leaving) break;
    requests.settle();
    voice.flush();
    editor.prompt();
  }
  editor.close();
  return good;
}

/** Until a signal comes. */
function waitForEver(): never {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
