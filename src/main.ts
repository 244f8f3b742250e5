/**
 * The program: decides by its arguments what to load, connects commands to the terminal or the pipes, and sets the
 * exit status. What a small command does not need (yargs, colours, the line editor) is not loaded for it: the build
 * (scripts/build.mjs) makes imports of such parts wait until they are used.
 *
 * Invariants:
 *  1. Results on standard output, complaints, prompts of questions and progress on standard error.
 *  2. Escape codes only on a terminal, and not with NO_COLOR.
 *  3. A reader that has gone away (EPIPE) ends the program quietly.
 */
import { fstatSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { createInterface as createQuestion } from 'node:readline/promises';
import type { Invocation, Settings } from './commands/argv.ts';
import { Farewell } from './commands/farewell.ts';
import { ProgressLine } from './commands/progress-line.ts';
import type { Front, Runner } from './commands/run.ts';
import type { Sink } from './commands/sink.ts';
import type { Style } from './commands/style.ts';
import { Page, pagerOf, pagerRuns, showsColours } from './host/pager.ts';
import { ReadingProgram, runShell } from './host/programs.ts';
import { type Capability, capability } from './repl/capability.ts';
import type { Debugger } from './session/debugger.ts';

declare const PLATTER_VERSION: string;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** Thrown when nobody reads any more. Not an error: `platter map … | head`. */
class ReaderGone extends Error {}

/** A file descriptor as a sink. Pipes that are full are waited for; a closed one ends the program. */
function sinkOn(fd: number): Sink {
  const write = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) {
      try {
        done += writeSync(fd, bytes, done, bytes.length - done);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE') throw new ReaderGone();
        if (code !== 'EAGAIN') throw error;
        sleep(1);
      }
    }
  };
  return { bytes: write, text: (text) => write(Buffer.from(text)) };
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const out = sinkOn(STDOUT);
const err = sinkOn(STDERR);

/** Device number of /dev/null and its like, as fstat tells it: major number 1. */
const MEMORY_DEVICES = 1;

/** Looks at the descriptor first: the stream objects load half of node, for a file or a pipe in vain. */
function isTerminal(fd: 0 | 1 | 2): boolean {
  try {
    const stats = fstatSync(fd);
    if (!stats.isCharacterDevice() || stats.rdev >>> 8 === MEMORY_DEVICES) return false;
  } catch {
    return false;
  }
  if (fd === STDIN) return process.stdin.isTTY === true;
  return (fd === STDOUT ? process.stdout : process.stderr).isTTY === true;
}

/** The name of a program that Platter is when it is called by it. */
const QEMU_IO = 'qemu-io';

async function asQemuIo(args: readonly string[]): Promise<number> {
  const { qemuIo } = await import('./qemu-io/run.ts');
  const [stdinIsTerminal, stdoutIsTerminal] = [isTerminal(STDIN), isTerminal(STDOUT)];
  return qemuIo(args, { out, err, stdinIsTerminal, stdoutIsTerminal, version: PLATTER_VERSION });
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === '--qemu-io') return asQemuIo(argv.slice(1));
  if (basename(process.argv[1] ?? '') === QEMU_IO) return asQemuIo(argv);
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) return version();
  if (argv[0] === '--get-completions') {
    const { bashCompletion, shellCompletion } = await import('./commands/shell-completion.ts');
    const [, how, ...words] = argv;
    const rows = how === 'bash' ? bashCompletion(words[0] ?? '', words[1] ?? '') : shellCompletion(words);
    out.text(rows.map((row) => `${row}\n`).join(''));
    return 0;
  }
  const [{ invocation }, { Runner }, { Debugger }] = await Promise.all([
    import('./commands/argv.ts'),
    import('./commands/run.ts'),
    import('./session/debugger.ts'),
  ]);
  const asked = await understood(() => invocation(argv));
  if (!asked) return 1;
  if (asked.mode === 'version') return version();
  if (asked.mode === 'help') {
    const { showHelp } = await import('./commands/to-yargs.ts');
    const { page } = programs(asked.settings, false);
    const to = page?.();
    await showHelp(asked.command, (text) => (to ?? out).text(text));
    await to?.end();
    return 0;
  }
  const { follow, objects, keySecret } = asked.settings;
  const host = await understood(() => new Debugger(follow, objects, keySecret));
  if (!host) return 1;
  const atPrompt = asked.mode === 'prompt' && isTerminal(STDIN);
  const { settings } = asked;
  const terminal = capability(process.env, { stdin: atPrompt, stdout: isTerminal(STDOUT), ...size() }, settings);
  const coloured = await style(terminal.colour > 0 && terminal.theme !== 'mono');
  if (terminal.screen && !settings.json) return screen(asked, host, terminal, coloured);
  const progress = isTerminal(STDERR) ? new ProgressLine(err, !terminal.unicode) : undefined;
  const front: Front = {
    out: progress && isTerminal(STDOUT) ? wiping(progress) : out,
    err,
    json: settings.json,
    style: coloured,
    prefix: asked.mode === 'prompt' ? '' : 'platter: ',
    progress: progress && ((how) => progress.show(how)),
    ...programs(settings, atPrompt),
    cancelled: asked.mode === 'prompt' || writes(asked) ? cancelling() : undefined,
  };
  const runner = new Runner(host, front);
  try {
    await run(asked, host, runner, atPrompt);
    return runner.status;
  } finally {
    host.end();
  }
}

async function run(asked: Invocation, host: Debugger, runner: Runner, atPrompt: boolean): Promise<void> {
  if (asked.mode === 'once') {
    const { command, image, values } = asked;
    if (!(await confirmed(asked))) return;
    await runner.once(
      command,
      values,
      image === undefined ? undefined : () => openImage(host, asked, image, command.opensRefused),
    );
    return;
  }
  if (asked.mode === 'version' || asked.mode === 'help') return;
  const { image } = asked;
  if (image !== undefined) await runner.guard(() => openImage(host, asked, image));
  if (asked.mode === 'script') {
    for (const line of asked.lines) {
      if (!host.quitting) await runner.line(line);
    }
  } else {
    await greet(host, asked.settings.json, atPrompt);
    const farewell = new Farewell();
    do await prompt(host, runner, atPrompt, farewell);
    while (atPrompt && stays(host, farewell));
  }
  runner.end();
}

/** The prompt on the whole screen, until the user leaves. */
async function screen(asked: Invocation, host: Debugger, capability: Capability, style: Style): Promise<number> {
  const { settings } = asked;
  const image = asked.mode === 'prompt' ? asked.image : undefined;
  const { pipe, shell } = programs(settings, false);
  try {
    const { onScreen } = await import('./on-screen.ts');
    return await onScreen({
      host,
      settings,
      capability,
      style,
      programs: { pipe, shell },
      open: image === undefined ? undefined : () => openImage(host, asked, image),
      greeting: () => greeting(host),
    });
  } finally {
    host.end();
  }
}

/** Of the terminal, without making a stream of standard output where there is none. */
function size(): { columns?: number } {
  return isTerminal(STDOUT) ? { columns: process.stdout.columns } : {};
}

/** With steps that would be lost, leaving takes two attempts. */
function stays(host: Debugger, farewell: Farewell): boolean {
  // A terminal that has gone away would answer the question with its end, for ever.
  if (process.stdin.readableEnded || process.stdin.destroyed) return false;
  const question = farewell.question(host, host.quitting ? 'quit' : 'Ctrl-D');
  if (question === undefined) return false;
  err.text(`${question}\n`);
  host.quitting = false;
  return true;
}

function openImage(host: Debugger, { settings }: Invocation, path: string, refusedToo = false): void {
  const broken = settings.broken || (refusedToo && 'if-refused');
  host.open({ path, format: settings.format, broken });
}

/** What a newcomer sees first. In a pipe it goes to standard error: standard output is for results. */
async function greet(host: Debugger, json: boolean, atPrompt: boolean): Promise<void> {
  const to = atPrompt && !json ? out : err;
  to.text(`${await greeting(host)}\n`);
}

async function greeting({ session }: Debugger): Promise<string> {
  if (!session) return 'No image is open. Try: tour, open FILE, help; platter --help for subcommands.';
  const { summaryOf } = await import('./commands/info.ts');
  const { printable } = await import('./commands/printable.ts');
  return `${printable(summaryOf(session).text)}\nTry: map, check, info, help, tour. Nothing in the file changes before commit.`;
}

/** Lines from standard input until its end or `quit`. */
async function prompt(host: Debugger, runner: Runner, atPrompt: boolean, farewell: Farewell): Promise<void> {
  const [{ completions, sessionContext }, { History, historyPath }] = await Promise.all([
    import('./commands/complete.ts'),
    import('./host/history.ts'),
  ]);
  // A terminal that can do nothing edits its lines itself.
  const edits = atPrompt && process.env['TERM'] !== 'dumb';
  const history = new History(edits ? historyPath() : undefined);
  const lines = createInterface({
    input: process.stdin,
    output: atPrompt ? process.stdout : undefined,
    terminal: edits,
    // Newest first.
    history: [...history.lines].reverse(),
    historySize: edits ? history.lines.length + 1000 : 0,
    prompt: 'platter> ',
    completer: (line: string) => completions(line, sessionContext(host)),
  });
  const dropLine = (): void => {
    out.text('\n');
    if (edits) lines.write(null, { ctrl: true, name: 'u' });
    lines.prompt();
  };
  // With a line editor Ctrl-C is a key, not a signal: it drops the line, or cancels the command that runs.
  lines.on('SIGINT', () => {
    if (running) interrupted = true;
    else dropLine();
  });
  if (atPrompt) idly = dropLine;
  running = false;
  // After Ctrl-Z and `fg` the keyboard is read again.
  lines.on('SIGCONT', () => (running ? lines.resume() : lines.prompt(true)));
  if (atPrompt) lines.prompt();
  for await (const line of lines) {
    running = true;
    interrupted = false;
    if (edits) history.add(line);
    await runner.line(line);
    running = false;
    if (host.quitting) break;
    farewell.stays();
    if (atPrompt) lines.prompt();
  }
  lines.close();
  if (atPrompt && !host.quitting) out.text('\n');
}

let interrupted = false;
let running = false;
/** What Ctrl-C does while nothing runs. */
let idly: () => void = () => process.exit(130);

/** Listens for Ctrl-C: it cancels what runs. */
function cancelling(): () => boolean {
  running = true;
  process.on('SIGINT', () => {
    if (pagerRuns()) return;
    if (running) interrupted = true;
    else idly();
  });
  return () => interrupted;
}

/** Whether a subcommand changes files, so that Ctrl-C must end it in order. */
function writes(asked: Invocation): boolean {
  return asked.mode === 'once' && (asked.command.runOnce !== undefined || asked.command.place === 'files');
}

/** Asks, on a terminal, before a subcommand that writes. */
async function confirmed(asked: Invocation & { mode: 'once' }): Promise<boolean> {
  const question = asked.command.confirm?.(asked.values, asked.image ?? '');
  if (question === undefined || !isTerminal(STDIN) || !isTerminal(STDERR)) return true;
  const { printable } = await import('./commands/printable.ts');
  const lines = createQuestion({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${printable(question)} [y/N] `);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}

type Programs = Pick<Front, 'page'> & Required<Pick<Front, 'pipe' | 'shell'>>;

/** Other programs: those behind a pipe, the pager, and the shell. `reading`: the keyboard is read here. */
function programs({ pager }: Settings, reading: boolean): Programs {
  const { env } = process;
  const paging = pager && isTerminal(STDOUT) ? pagerOf(env) : undefined;
  const start = (text: string, less: string): ReadingProgram => {
    const told: Record<string, string> = env['LESS'] === undefined ? { LESS: less, LV: '-c' } : {};
    return new ReadingProgram(text, { reading, coloured: showsColours(text, env), env: told });
  };
  const page = (text: string): Page => {
    const { rows = 24, columns = 80 } = process.stdout;
    const coloured = showsColours(text, env);
    return new Page({ rows, columns, coloured, direct: (bytes) => out.bytes(bytes), start: () => start(text, 'FRX') });
  };
  return {
    pipe: (text) => start(text, 'R'),
    page: paging === undefined ? undefined : () => page(paging),
    shell: (command) => runShell(command, { reading }),
  };
}

/** Standard output on a terminal where progress may be standing in the way. */
function wiping(progress: ProgressLine): Sink {
  return {
    bytes(bytes) {
      progress.wipe();
      out.bytes(bytes);
    },
    text(text) {
      progress.wipe();
      out.text(text);
    },
  };
}

async function style(coloured: boolean): Promise<Style> {
  if (coloured) return (await import('./commands/to-text-colours.ts')).COLOURS;
  return (await import('./commands/style.ts')).PLAIN;
}

/** Usage that cannot be understood is the user's to mend: one sentence, and where help is. */
async function understood<T>(read: () => T): Promise<T | undefined> {
  try {
    return read();
  } catch (error) {
    const { ImageError } = await import('./errors.ts');
    if (!(error instanceof ImageError)) throw error;
    const { printableLines } = await import('./commands/printable.ts');
    err.text(`platter: ${printableLines(error.message)}\n`);
    return undefined;
  }
}

function version(): number {
  out.text(`platter ${PLATTER_VERSION} (node ${process.version})\n`);
  return 0;
}

/** Anything but an ImageError is a bug of ours: everything there is to know, and a plea. */
function bug(error: unknown): number {
  if (error instanceof ReaderGone) return 0;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  err.text(`${stack}\nThis is a bug in Platter, not in your image. Please report it, with the lines above.\n`);
  return 1;
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    let status = 1;
    try {
      status = bug(error);
    } catch {
      // Nobody reads standard error either.
    }
    // At once: who sends commands may keep the pipe open for long.
    process.exit(status);
  },
);
