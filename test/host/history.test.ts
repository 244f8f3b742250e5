/** The history file: private, whole lines, bounded, and never in the way. */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { History, historyPath } from '../../src/host/history.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'platter-history-'));
  path = join(folder, 'state/platter/history');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (name: string): string => (statSync(name).mode & 0o777).toString(8);

describe('where it is', () => {
  it.each<[Record<string, string>, string | undefined]>([
    [{ HOME: '/home/u' }, '/home/u/.local/state/platter/history'],
    [{ HOME: '/home/u', XDG_STATE_HOME: '/s' }, '/s/platter/history'],
    [{ HOME: '/home/u', XDG_STATE_HOME: 'relative' }, '/home/u/.local/state/platter/history'],
    [{ HOME: '/home/u', XDG_STATE_HOME: '' }, '/home/u/.local/state/platter/history'],
    [{ HOME: '/home/u', PLATTER_HISTFILE: '/x/y' }, '/x/y'],
    [{ HOME: '/home/u', PLATTER_HISTFILE: '' }, undefined],
  ])('%j', (env, expected) => expect(historyPath(env)).toBe(expected));
});

describe('the file', () => {
  it('comes with the first line, private, and has what was typed', () => {
    const history = new History(path);
    expect(existsSync(path)).toBe(false);
    for (const line of ['map', 'map', ' secret', '', '  ', 'check', 'map']) history.add(line);
    expect(history.lines).toEqual(['map', 'check', 'map']);
    expect(readFileSync(path, 'utf8')).toBe('map\ncheck\nmap\n');
    expect(modeOf(path)).toBe('600');
    expect(modeOf(join(folder, 'state/platter'))).toBe('700');
    expect(new History(path).lines).toEqual(['map', 'check', 'map']);
  });

  it('is made private when it was not', () => {
    writeFileSync(join(folder, 'h'), 'map\n', { mode: 0o644 });
    new History(join(folder, 'h'));
    expect(modeOf(join(folder, 'h'))).toBe('600');
  });

  it('has no control characters, in either direction', () => {
    const history = new History(path);
    history.add('open \x1b[2Ja\tb\n\x07\u009b');
    expect(readFileSync(path, 'utf8')).toBe('open \\x1b[2Ja b\\x0a\\x07\\x9b\n');
    appendFileSync(path, 'map\x1b[31m\n');
    expect(new History(path).lines.at(-1)).toBe('map\\x1b[31m');
  });

  it('without its last line end is gone on with', () => {
    writeFileSync(join(folder, 'h'), 'map\nche');
    const history = new History(join(folder, 'h'));
    history.add('info');
    expect(readFileSync(join(folder, 'h'), 'utf8')).toBe('map\nche\ninfo\n');
  });

  it('gives back what was added, whatever it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 10 }), (lines) => {
        const file = join(folder, `h${lines.length}`);
        rmSync(file, { force: true });
        const history = new History(file);
        for (const line of lines) history.add(line);
        expect(new History(file).lines).toEqual(history.lines);
      }),
      { numRuns: 50 },
    );
  });
});

describe('what is not kept in the file', () => {
  it('very long lines, which are data', () => {
    const history = new History(path);
    history.add('x'.repeat(5000));
    expect(history.lines.length).toBe(1);
    expect(existsSync(path)).toBe(false);
  });

  it('anything, without a path', () => {
    const history = new History();
    history.add('map');
    expect(history.lines).toEqual(['map']);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a place where no history can be', () => {
  it.each<[string, () => void]>([
    ['a link', () => symlinkSync(join(folder, 'other'), path)],
    ['a folder', () => mkdirSync(path)],
    [
      'a file where the folder should be',
      () => {
        rmSync(join(folder, 'state/platter'), { recursive: true });
        writeFileSync(join(folder, 'state/platter'), '');
      },
    ],
  ])('%s', (_, make) => {
    mkdirSync(join(folder, 'state/platter'), { recursive: true });
    writeFileSync(join(folder, 'other'), 'kept\n');
    make();
    const history = new History(path);
    history.add('map');
    expect(history.lines).toEqual(['map']);
    expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('kept\n');
  });

  it.skipIf(process.getuid?.() === 0)('a folder one may not write', () => {
    mkdirSync(join(folder, 'state/platter'), { recursive: true });
    chmodSync(join(folder, 'state/platter'), 0o500);
    const history = new History(path);
    history.add('map');
    expect(history.lines).toEqual(['map']);
  });

  it('a pipe does not hang it', async () => {
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect(new History(join(folder, 'pipe')).lines).toEqual([]);
  });
});

describe('a long file', () => {
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `map ${i}\n`).join('');

  it('keeps its newest 5,000 lines', () => {
    writeFileSync(join(folder, 'h'), many(6000));
    const history = new History(join(folder, 'h'));
    expect(history.lines.length).toBe(5000);
    expect(history.lines[4999]).toBe('map 5999');
    history.add('info');
    expect(history.lines.length).toBe(5000);
    const lines = readFileSync(join(folder, 'h'), 'utf8').split('\n');
    expect(lines.length).toBeLessThanOrEqual(5002);
    expect(lines.slice(-3)).toEqual(['map 5999', 'info', '']);
    expect(modeOf(join(folder, 'h'))).toBe('600');
    expect(readdirSync(folder)).toEqual(['h']);
  });

  it('of megabytes is read from its end only', () => {
    writeFileSync(join(folder, 'h'), `${'x'.repeat(999)}\n`.repeat(3000) + many(10));
    const history = new History(join(folder, 'h'));
    expect(history.lines.length).toBeLessThan(1100);
    expect(history.lines.at(-1)).toBe('map 9');
    expect(history.lines.every((line) => line.length === 999 || line.startsWith('map'))).toBe(true);
    expect(statSync(join(folder, 'h')).size).toBeLessThan(1 << 20);
  });

  it('is left alone while another program trims it, unless that one died', () => {
    const file = join(folder, 'h');
    writeFileSync(file, many(6000));
    writeFileSync(`${file}.new`, '');
    new History(file);
    expect(readFileSync(file, 'utf8')).toBe(many(6000));
    utimesSync(`${file}.new`, 0, 0);
    new History(file);
    expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThanOrEqual(5001);
    expect(readdirSync(folder)).toEqual(['h']);
  });

  it('replaced by another program under our hands loses nothing', () => {
    const file = join(folder, 'h');
    const history = new History(file);
    history.add('one');
    writeFileSync(`${file}.other`, 'trimmed\n');
    renameSync(`${file}.other`, file);
    history.add('two');
    expect(readFileSync(file, 'utf8')).toBe('trimmed\ntwo\n');
  });
});

describe('programs at once', () => {
  it('lose no line, though each trims at its start', async () => {
    const work = await rolldown({ input: 'src/host/history.ts', platform: 'node', logLevel: 'warn' });
    await work.write({ file: join(folder, 'history.mjs'), format: 'esm' });
    const file = join(folder, 'h');
    writeFileSync(file, Array.from({ length: 5499 }, (_, i) => `old ${i}\n`).join(''));
    const script = `
      import { History } from ${JSON.stringify(join(folder, 'history.mjs'))};
      const id = process.argv[1];
      for (let i = 0; i < 100; i++) {
        // Opening trims when there are too many lines.
        const history = new History(${JSON.stringify(file)});
        for (let j = 0; j < 10; j++) history.add(id + '-' + i + '-' + j);
      }`;
    const programs = ['a', 'b', 'c'].map(
      (id) =>
        new Promise<number | null>((done) => {
          spawn(process.execPath, ['--input-type=module', '-e', script, id], { stdio: 'inherit' }).on('close', done);
        }),
    );
    expect(await Promise.all(programs)).toEqual([0, 0, 0]);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines.pop()).toBe('');
    // A blank line is where a program saw half of another's line, and began a new one.
    expect(lines.filter((line) => !/^(old \d+|[abc]-\d+-\d|)$/.test(line))).toEqual([]);
    const found = new Set(lines);
    for (const id of ['a', 'b', 'c']) {
      for (let i = 0; i < 100; i++) for (let j = 0; j < 10; j++) expect(found).toContain(`${id}-${i}-${j}`);
    }
  });
});
