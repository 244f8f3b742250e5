/**
 * The screen put together and run to its end: keys in, frames out, the terminal given back as it was, whatever happens.
 *
 * Invariants:
 *  1. Whoever ends the program (a command, a signal, a bug) the terminal is left first.
 *  2. Nothing is awaited on a key: it changes hot state and asks for a frame.
 */
import { PassThrough } from 'node:stream';
import { render } from 'ink';
import { complaintOf } from '../commands/complaint.ts';
import { type CompletionContext, sessionContext } from '../commands/complete.ts';
import type { Debugger } from '../session/debugger.ts';
import { Picture } from '../session/picture.ts';
import { App } from './app.tsx';
import { Arrangement } from './arrangement.ts';
import { page, suspend } from './away.ts';
import { Controller } from './controller.ts';
import { Desk } from './desk.ts';
import { drawsOf, promptStyleOf } from './draws.ts';
import { HelpOverlay } from './help-overlay.ts';
import { Hints } from './hints.ts';
import { Lines } from './lines.ts';
import { Loan } from './loan.ts';
import { type Machine, statusAfter } from './machine.ts';
import { foldToAscii } from './paint/fold.ts';
import { ClustersPanel } from './panels/clusters.ts';
import { ExtentsPanel } from './panels/extents.ts';
import { InspectorPanel } from './panels/inspector.ts';
import { StepsPanel } from './panels/steps.ts';
import { TranscriptPanel } from './panels/transcript.ts';
import { Keys } from './prompt/keys.ts';
import { Prompt } from './prompt/prompt.ts';
import { Screen } from './screen.ts';
import { Slices } from './slices.ts';
import { type Theme, type ThemeOptions, themeFor } from './theme.ts';
import { TranscriptLines } from './transcript-lines.ts';

/** Under an empty prompt. */
const IDLE = 'type a command; Tab completes, ? shows the keys, `tour` is a short lesson';
const FOLLOW_LESSON = 'the right arrow takes what is suggested, Enter runs it';
const ANSWER_LESSON = 'the right arrow takes what is suggested; type the value behind it, then Enter';
/** Lines of the transcript that stay on the terminal after the end. */
const LAST_WORDS = 20;

export interface ScreenOptions {
  readonly host: Debugger;
  readonly machine: Machine;
  readonly look: ThemeOptions;
  /** Opens the image that was asked for; throws ImageError. */
  readonly open: (() => void) | undefined;
  /** Said in the transcript before anything else, once the image is open. */
  greeting(): Promise<string>;
}

/** How it ended: the exit status, and the signal that asked for the end. */
export interface ScreenEnd {
  readonly status: number;
  readonly signal: string | undefined;
}

/** Runs until the user leaves. Rejects with what is a bug. */
export async function runScreen(options: ScreenOptions): Promise<ScreenEnd> {
  const screen = new ScreenSession(options);
  try {
    await screen.run();
  } finally {
    screen.close();
  }
  return screen.end();
}

class ScreenSession {
  readonly #machine: Machine;
  readonly #options: ScreenOptions;
  readonly #theme: Theme;
  readonly #screen: Screen;
  readonly #desk: Desk;
  readonly #picture: Picture;
  readonly #walk: Slices;
  readonly #keys: Keys;
  readonly #loan: Loan;
  readonly #prompt: Prompt;
  readonly #lines: Lines;
  readonly #panels;
  readonly #help: HelpOverlay;
  readonly #hints: Hints;
  readonly #transcript = new TranscriptLines();
  readonly #draws;
  readonly #arrangement;
  #ink: ReturnType<typeof render> | undefined;
  #leave: (signal?: string) => void = () => {};
  #signal: string | undefined;
  #fail: (error: unknown) => void = () => {};
  #session: unknown;
  #unresize: () => void = () => {};

  constructor(options: ScreenOptions) {
    const { host, machine, look } = options;
    this.#options = options;
    this.#machine = machine;
    this.#theme = themeFor(look);
    this.#screen = new Screen(machine.terminal, look.unicode ? undefined : foldToAscii, (error) => this.#fail(error));
    this.#picture = new Picture();
    this.#desk = new Desk(host, this.#picture, this.#theme, () => this.#changed());
    this.#walk = new Slices(() => {
      this.#desk.settle();
      this.#desk.deeds++;
      this.#desk.changed();
    }, this.#broken);
    this.#help = new HelpOverlay(this.#theme, () => this.#arrange());
    this.#prompt = new Prompt(machine.history, this.#completions());
    this.#keys = new Keys(machine.input, {
      key: (key) => this.#guarded(() => controller.key(key)),
      paste: (text) => this.#guarded(() => controller.paste(text)),
    });
    this.#loan = new Loan(machine, this.#screen, this.#keys);
    const transcript = new TranscriptPanel(this.#desk, this.#transcript);
    this.#lines = new Lines({
      host,
      machine,
      desk: this.#desk,
      loan: this.#loan,
      transcript: this.#transcript,
      panel: transcript,
      began: () => this.#walk.stop(),
      ended: () => {
        this.#refresh();
        this.#desk.adopt();
      },
      left: () => this.#leave(),
      failed: (error) => this.#fail(error),
    });
    this.#panels = {
      extents: new ExtentsPanel(this.#desk),
      clusters: new ClustersPanel(this.#desk),
      transcript,
      inspector: new InspectorPanel(this.#desk),
      steps: new StepsPanel(this.#desk, (lines) => this.#lines.run(lines)),
    };
    this.#hints = new Hints(this.#desk, this.#lines, this.#prompt, this.#panels);
    const away = { machine, desk: this.#desk, lines: this.#lines, loan: this.#loan };
    const controller = new Controller({
      desk: this.#desk,
      prompt: this.#prompt,
      lines: this.#lines,
      help: this.#help,
      panels: this.#panels,
      layout: () => this.#arrangement.layout,
      zoom: (zoomed, shown) => {
        this.#arrangement.zoom(zoomed, shown);
        this.#arrange();
      },
      repaint: () => this.#screen.repaint(),
      suspend: () => suspend(away),
      page: (panel) => void page(panel, away).catch((error) => this.#fail(error)),
    });
    this.#draws = drawsOf({
      desk: this.#desk,
      prompt: this.#prompt,
      help: this.#help,
      hints: this.#hints,
      panels: this.#panels,
      transcript: this.#transcript,
    });
    this.#arrangement = new Arrangement({
      size: this.#screen,
      desk: this.#desk,
      prompt: this.#prompt,
      style: promptStyleOf(this.#theme),
      help: this.#help,
    });
  }

  async run(): Promise<void> {
    const ended = new Promise<string | undefined>((resolve, reject) => {
      this.#leave = resolve;
      this.#fail = reject;
    });
    const { open, greeting } = this.#options;
    if (open) await this.#lines.runner.guard(open);
    const says = await greeting();
    if (says !== '') this.#transcript.append(`${says}\n`);
    this.#refresh();
    this.#unresize = this.#machine.onResize(this.#resized);
    this.#machine.onSignal((signal) => {
      // While another program has the terminal, Ctrl-C is meant for it.
      if (signal !== 'SIGINT' || !this.#loan.lent) this.#leave(signal);
    });
    this.#machine.onFault((error) => this.#fail(error));
    this.#machine.onExit(() => this.#screen.leave());
    this.#screen.enter();
    this.#ink = render(this.#app(), {
      stdout: this.#screen as unknown as NodeJS.WriteStream,
      stdin: new PassThrough() as unknown as NodeJS.ReadStream,
      debug: true,
      patchConsole: false,
      // Everything is painted by canvases: ink lays out, and need not put a grid of characters together for it.
      isScreenReaderEnabled: true,
      exitOnCtrlC: false,
    });
    this.#keys.start();
    this.#signal = await ended;
  }

  /** Gives the terminal back; twice does no harm. */
  close(): void {
    this.#walk.stop();
    this.#keys.stop();
    this.#unresize();
    this.#screen.leave();
    this.#ink?.unmount();
    this.#ink = undefined;
  }

  /** What was said last stays on the terminal. */
  end(): ScreenEnd {
    const { runner } = this.#lines;
    // Steps that are lost now are among the last words.
    runner.end();
    const lines = this.#transcript;
    for (let n = Math.max(lines.first, lines.end - LAST_WORDS); n < lines.end; n++) {
      this.#machine.terminal.write(`${lines.at(n)}\r\n`);
    }
    const signal = this.#signal;
    return {
      signal,
      status: signal === undefined ? runner.status : statusAfter(signal),
    };
  }

  #app() {
    return <App layout={this.#arrangement.layout} draws={this.#draws} screen={this.#screen} />;
  }

  readonly #resized = (): void => {
    this.#screen.measure();
    this.#arrange();
  };

  /** Something that is shown has changed; where it stands, perhaps. */
  #changed(): void {
    if (this.#arrangement.isStale) this.#arrange();
    else this.#screen.schedule();
  }

  #arrange(): void {
    this.#arrangement.arrange();
    this.#ink?.rerender(this.#app());
    this.#screen.schedule();
  }

  #refresh(): void {
    const { session } = this.#options.host;
    if (session !== this.#session) {
      this.#session = session;
      this.#desk.reset();
    }
    this.#desk.deeds++;
    const { lesson } = this.#options.host;
    this.#prompt.suggestion = lesson?.suggestion ?? '';
    this.#prompt.idle = lesson?.suggestion ? (lesson.suggestion.endsWith(' ') ? ANSWER_LESSON : FOLLOW_LESSON) : IDLE;
    if (session && this.#picture.isStale(session)) this.#desk.forgetWalks();
    if (session) this.#walk.start(this.#picture.refresh(session));
    else this.#picture.clear();
    this.#desk.changed();
  }

  #completions(): CompletionContext {
    return {
      ...sessionContext(this.#options.host),
      offsets: () => {
        const { guest, host } = this.#desk.place;
        return [
          ...(guest === undefined ? [] : [{ offset: guest, note: 'guest byte under the cursor' }]),
          ...(host === undefined ? [] : [{ offset: host, note: 'byte of the file under the cursor' }]),
          ...this.#panels.extents.seen().filter(({ offset }) => offset !== guest && offset !== host),
        ];
      },
    };
  }

  /** The walk for the panels has failed: what could be read stays on the screen. */
  readonly #broken = (error: unknown): void => {
    const complaint = complaintOf(error);
    if (complaint === undefined) {
      this.#fail(error);
      return;
    }
    this.#transcript.append(`${this.#theme.ui.bad(complaint)}\n`);
    this.#desk.deeds++;
    this.#desk.changed();
  };

  /** A bug in a key's deed must not leave the terminal in pieces. */
  #guarded(deed: () => void): void {
    try {
      deed();
    } catch (error) {
      this.#fail(error);
    }
  }
}
