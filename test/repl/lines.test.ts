/** What is typed, run one line after the other; the terminal lent to other programs; and the rows under the prompt. */
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Outlet } from '../../src/commands/outlet.ts';
import { PipedAway, pause, type Running, running } from './running.ts';

const SAMPLES = join(import.meta.dirname, '../../sample-images');
const START = join(SAMPLES, 'start.qcow2');

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'platter-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A raw image of 256 MiB with bytes at every second MiB: reading it takes a while. */
function large(): string {
  const path = join(folder(), 'large.raw');
  writeFileSync(path, '');
  truncateSync(path, 512 * 1024 * 1024);
  return path;
}

/** Rows of the screen that begin with the prompt's label in the transcript. */
const typedLines = (text: string): string[] =>
  [...text.matchAll(/platter> (\S[^│┃█]*?) *[│┃█]/g)].map(([, line]) => line as string);

describe('lines', () => {
  it('run one after the other, those typed ahead too', async () => {
    const run = await running({ image: START });
    run.type('length\rmap 0 4k\rlength\r');
    const text = await run.settled();
    expect(typedLines(text)).toEqual(['length', 'map 0 4k', 'length']);
    expect(text.match(/8 MiB +│/g)).toHaveLength(2);
  });

  it('an empty Enter repeats what only looked', async () => {
    const run = await running({ image: START });
    await run.enter('length');
    await run.enter('');
    expect(typedLines(await run.settled())).toEqual(['length', 'length']);
  });

  it.each(['convert-inplace qed', 'undo', '!true', 'length | cat', 'nonsense', 'quit-not'])(
    'an empty Enter does not repeat %s',
    async (line) => {
      const run = await running({ image: START, machine: { pipe: () => new PipedAway() } });
      await run.enter(line);
      // Whatever was lent comes back.
      run.type('\r');
      await run.settled();
      await run.enter('');
      expect(typedLines(await run.settled())).toEqual([line]);
    },
  );

  it('Ctrl-C drops the command that runs with its step, and the lines that wait', async () => {
    const copy = join(folder(), 'start.qcow2');
    copyFileSync(START, copy);
    const run = await running({ image: copy });
    const { session } = run.host;
    // A command that would never end.
    const image = session?.image as unknown as { mappings: unknown };
    const mappings = image.mappings;
    image.mappings = function* () {
      for (let done = 0; ; done++) yield { what: 'mapping', done, total: 0 };
    };
    run.type('map\rlength\rlength\r');
    await pause(30);
    expect(await run.text()).toContain('platter> map');
    await run.press('ctrl-c');
    image.mappings = mappings;
    const text = await run.settled();
    expect(typedLines(text)).toEqual(['map']);
    expect(text).not.toContain('cancelling');
    await run.enter('length');
    expect(await run.settled()).toContain('8 MiB  ');
    expect(run.ended).toBe(false);
  });

  it('quit asks once, and what is asked is forgotten when something else is done', async () => {
    const run = await running({ image: START });
    await run.enter('convert-inplace qed');
    await run.enter('quit');
    expect(await run.settled()).toContain('1 step is not committed');
    await run.enter('length');
    await run.enter('quit');
    expect(run.ended).toBe(false);
    run.type('quit\r');
    expect((await run.end).status).toBe(1);
  });

  it('another image, opened in the session, is what the panels show', async () => {
    const run = await running({ image: START });
    await run.press('f2');
    run.type('0x402000\r');
    await run.enter('close');
    await run.press('ctrl-c');
    await run.enter('close');
    expect(await run.settled()).toContain('no image is open: open FILE');
    await run.enter(`open ${join(SAMPLES, 'zero.qed')}`);
    const text = await run.settled();
    expect(text).toContain('zero.qed');
    expect(text).toContain('> 0x0000');
  });

  it('a folder, a missing file, an empty one: said in words', async () => {
    const empty = join(folder(), 'empty.raw');
    writeFileSync(empty, '');
    const run = await running({ image: join(SAMPLES, 'missing.qcow2') });
    expect(await run.settled()).toContain('no such file');
    await run.enter(`open ${SAMPLES}`);
    expect(await run.settled()).toContain('is a folder');
    await run.enter(`open ${empty}`);
    expect(await run.settled()).toContain('empty.raw  raw  virtual 0');
    for (const key of ['f2', 'f3', 'f5', 'f6']) {
      await run.press(key);
      run.type('jkgGn\r');
      expect(await run.settled()).not.toContain('NaN');
      await run.press('ctrl-c');
    }
  });
});

describe('long work', () => {
  it('shows how far it is, and leaves the keys alone', async () => {
    const run = await running({ image: large() });
    await run.enter('length');
    const image = run.host.session?.image as unknown as { mappings: unknown };
    let enough = false;
    image.mappings = function* () {
      for (let done = 0; !enough; done++) yield { what: 'mapping', done: done % 90, total: 100, unit: 'bytes' };
    };
    run.type('map\r');
    expect(await run.until('Ctrl-C cancels')).toMatch(/mapping \d+ %/);
    run.type('typed meanwhile');
    await run.until('platter> typed meanwhile');
    run.terminal.resize(80, 24);
    await run.until('a command is running');
    enough = true;
    expect(await run.settled()).not.toContain('a command is running');
    expect(await run.settled()).not.toContain('Ctrl-C cancels');
  });
});

describe('the terminal lent to a program', () => {
  /** Ends when it is told to. */
  class Slow extends PipedAway {
    override readonly coloured: boolean;
    readonly #told: Promise<void>;
    finish: () => void = () => {};

    constructor(coloured: boolean) {
      super();
      this.coloured = coloured;
      this.#told = new Promise((resolve) => {
        this.finish = resolve;
      });
    }

    override async end(): Promise<undefined> {
      await this.#told;
    }
  }

  async function lent(outlet: Outlet): Promise<Running> {
    const run = await running({ image: START, machine: { pipe: () => outlet } });
    run.type('length | less\r');
    while (run.terminal.isAlternate) {
      await pause(5);
      await run.text();
    }
    expect(run.input.raw).toBe(false);
    return run;
  }

  it('is its own until it ends, and then comes back whole', async () => {
    const outlet = new Slow(true);
    const run = await lent(outlet);
    const before = run.terminal.writes.length;
    // Nothing is drawn, and no key heard, meanwhile.
    run.type('x');
    run.terminal.resize(100, 30);
    await pause(320);
    expect(run.terminal.writes).toHaveLength(before);
    outlet.finish();
    const text = await run.until('platter>');
    expect(run.terminal.isAlternate).toBe(true);
    expect(run.input.raw).toBe(true);
    expect(text).not.toContain('platter> x');
    expect(outlet.taken).toBe('8 MiB\n');
  });

  it('waits for Enter where what was printed would be gone', async () => {
    const outlet = new Slow(false);
    const run = await lent(outlet);
    outlet.finish();
    await run.until('[Enter goes back to Platter]');
    run.type('\r');
    await run.until('3 Transcript');
    expect(run.terminal.isAlternate).toBe(true);
  });

  it('waits for it too after a pager that ended at once', async () => {
    const run = await lent(new PipedAway());
    await run.until('[Enter goes back to Platter]');
    run.type('\r');
    await run.until('3 Transcript');
  });

  it('comes back when the program cannot be started', async () => {
    const pipe = (): Outlet => {
      throw new Error('no such program');
    };
    const run = await running({ image: START, machine: { pipe } });
    run.type('length | nonsense\r');
    // What is thrown here is no ImageError: the program ends, the terminal as it was.
    await expect(run.end).rejects.toThrow('no such program');
    await run.terminal.screen();
    expect(run.terminal.isAlternate).toBe(false);
  });

  it('Ctrl-Z hands it over, and takes it back when it goes on', async () => {
    const states: boolean[] = [];
    const run: Running = await running({
      image: START,
      machine: {
        suspend: () => void states.push(run.terminal.writes.at(-1)?.includes('1049l') ?? false, run.input.raw),
      },
    });
    run.type('half a li');
    await run.press('ctrl-z');
    expect(await run.until('platter> half a li')).toContain('3 Transcript');
    expect(states).toEqual([true, false]);
    expect(run.input.raw).toBe(true);
  });
});

describe('Ctrl-Z while a line runs', () => {
  it('stops the program when the line has ended, also when it comes with the line', async () => {
    let stopped = 0;
    const run = await running({ image: START, machine: { suspend: () => void stopped++ } });
    run.type('check\r\x1a');
    await run.until('No errors were found');
    await run.settled();
    expect(stopped).toBe(1);
    run.type('check; map\r\x1a\x03');
    await run.settled();
    expect(stopped).toBe(1);
  });
});

describe('the rows under the prompt', () => {
  it.each([60, 80, 100, 120, 200])('hold whole entries at %s columns', async (columns) => {
    const run = await running({ image: START, columns, rows: 24 });
    for (const focus of ['f12', 'f2', 'f3', 'f4', 'f5', 'f6']) {
      await run.press(focus);
      const rows = (await run.settled()).split('\n').slice(-2);
      if (focus !== 'f12') expect(rows[0], focus).not.toContain('…');
      expect(rows[1], focus).not.toContain('…');
      expect(rows[1]).toMatch(focus === 'f12' ? /Tab complete {2}\? keys {2}\^D leave/ : /\? all keys {2}Esc prompt/);
    }
  });

  it('say what the line means, and what a key had to say, until the next key', async () => {
    const run = await running({ image: START });
    run.type('leng');
    expect(await run.settled()).toContain('length');
    await run.press('ctrl-c', 'ctrl-c');
    expect(await run.settled()).toContain('nothing runs: Ctrl-D leaves');
    run.type('m');
    expect(await run.settled()).not.toContain('nothing runs');
  });
});

describe('the trail', () => {
  it('is one for commands and keys', async () => {
    const run = await running({ image: START });
    await run.enter('follow header.l1_table_offset');
    await run.enter('follow');
    await run.press('f5', 'b', 'b');
    expect(run.host.session?.trail.here?.place.host).toBe(0x30 - 8);
    run.type('f');
    expect(run.host.session?.trail.here?.place.host).toBe(0x3000);
    await run.press('escape');
    await run.enter('forward');
    expect(run.host.session?.trail.here?.place.host).toBe(0x4000);
    expect((await run.terminal.screen()).join('\n')).toContain('l2[0][0]');
  });
});
