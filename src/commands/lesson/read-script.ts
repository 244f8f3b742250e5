/**
 * A lesson's text to a Script. A line that begins with a small word and a colon says something about the lesson or the
 * task; lines further in than that go on with it; everything else is prose. docs/lessons.md is the description.
 *
 * Invariants:
 *  1. Nothing is run and no file opened while reading; every command line in the text is checked.
 *  2. A mistake is an ImageError `lesson-text` that names the file and the line.
 */
import { ImageError } from '../../errors.ts';
import { nearest } from '../nearest.ts';
import { type Catalog, parsedLine } from './allowed.ts';
import { conditionsOf, operandOf } from './condition.ts';
import type { Hint, Script, ScriptLine, Task, TryOut } from './script.ts';

const HEAD = ['title', 'about', 'image', 'minutes', 'prepare', 'task', 'end'] as const;
const TASK = ['type', 'solve', 'expect', 'ask', 'answer', 'hint', 'when', 'try', 'done', 'task', 'end'] as const;

const KNOWN: ReadonlySet<string> = new Set([...HEAD, ...TASK]);

/** A line of text is at most so long, characters; a lesson has at most so many tasks. */
const LONGEST_LINE = 400;
const MOST_TASKS = 40;

/** `key: text`, or a paragraph of prose. */
type Item = { readonly lineNumber: number } & (
  | { readonly key: string; readonly text: string }
  | { readonly prose: string }
);

export interface Source {
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

/** Throws ImageError `lesson-text`. */
export function readScript(source: Source, catalog: Catalog): Script {
  return new Reader(source, catalog).script();
}

class Reader {
  readonly #source: Source;
  readonly #catalog: Catalog;

  constructor(source: Source, catalog: Catalog) {
    this.#source = source;
    this.#catalog = catalog;
  }

  script(): Script {
    const items = this.#items();
    const firstTask = items.findIndex((item) => 'key' in item && item.key === 'task');
    if (firstTask < 0) throw this.#wrong(1, 'there is no task: expected a line that begins with task:');
    const head = this.#head(items.slice(0, firstTask));
    const groups: Item[][] = [];
    let end: string | undefined;
    for (const item of items.slice(firstTask)) {
      if ('key' in item && item.key === 'end') end = item.text;
      else if ('key' in item && item.key === 'task') groups.push([item]);
      else if (end !== undefined) throw this.#wrong(item.lineNumber, 'nothing may follow end:');
      else groups.at(-1)?.push(item);
    }
    if (groups.length > MOST_TASKS) throw this.#wrong(1, `there are ${groups.length} tasks, at most ${MOST_TASKS}`);
    const [first, ...rest] = groups.map((group) => this.#task(group));
    const { name, path } = this.#source;
    return { name, path, ...head, tasks: [first as Task, ...rest], end };
  }

  /** Lines gathered to what they say. `#` at the start of a line begins a comment. */
  #items(): Item[] {
    const items: Item[] = [];
    let open: { lineNumber: number; key?: string; lines: string[] } | undefined;
    const close = (): void => {
      if (!open) return;
      const { key, lines, lineNumber } = open;
      items.push(
        key === undefined ? { prose: paragraph(lines), lineNumber } : { key, text: lines.join(' ').trim(), lineNumber },
      );
      open = undefined;
    };
    for (const [i, line] of this.#source.text.split(/\r?\n/).entries()) {
      const lineNumber = i + 1;
      this.#checkLine(line, lineNumber);
      if (line.startsWith('#')) continue;
      const keyword = /^([a-z][a-z-]*):(?:\s+(.*))?$/.exec(line);
      // Inside a paragraph a word with a colon that means nothing is the paragraph's own.
      if (keyword && (KNOWN.has(keyword[1] as string) || !open || open.key !== undefined)) {
        close();
        open = { lineNumber, key: keyword[1], lines: [keyword[2] ?? ''] };
      } else if (line.trim() === '') close();
      else if (open?.key !== undefined && /^\s/.test(line)) open.lines.push(line.trim());
      else {
        if (open?.key !== undefined) close();
        open ??= { lineNumber, lines: [] };
        open.lines.push(line.trimEnd());
      }
    }
    close();
    return items;
  }

  #checkLine(line: string, lineNumber: number): void {
    if (line.length > LONGEST_LINE) {
      throw this.#wrong(lineNumber, `the line has ${line.length} characters, at most ${LONGEST_LINE}`);
    }
    if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(line)) {
      throw this.#wrong(lineNumber, 'there is a control character');
    }
  }

  #head(items: readonly Item[]): Omit<Script, 'name' | 'path' | 'tasks' | 'end'> {
    const said = new Map<string, Item & { key: string; text: string }>();
    const prepare: ScriptLine[] = [];
    for (const item of items) {
      if (!('key' in item))
        throw this.#wrong(item.lineNumber, 'prose before the first task: expected title:, about: …');
      this.#checkKey(item.key, HEAD, item.lineNumber);
      if (item.key === 'prepare') prepare.push(this.#line(item.text, item.lineNumber));
      else if (said.has(item.key)) throw this.#wrong(item.lineNumber, `${item.key}: is said twice`);
      else said.set(item.key, item);
    }
    const text = (key: string): string => {
      const found = said.get(key)?.text;
      if (!found) throw this.#wrong(1, `${key}: is missing: expected it before the first task`);
      return found;
    };
    const minutes = Number(said.get('minutes')?.text ?? '5');
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > 240) {
      throw this.#wrong(said.get('minutes')?.lineNumber ?? 1, 'minutes: is no number from 1 to 240');
    }
    return { title: text('title'), about: text('about'), image: text('image'), minutes, prepare };
  }

  #task([first, ...items]: readonly Item[]): Task {
    const { lineNumber, text: title } = first as Item & { key: string; text: string };
    if (title === '') throw this.#wrong(lineNumber, 'task: has no title');
    const prose: string[] = [];
    const said: (Item & { key: string; text: string })[] = [];
    for (const item of items) {
      if ('key' in item) {
        this.#checkKey(item.key, TASK, item.lineNumber);
        if (item.text === '') throw this.#wrong(item.lineNumber, `${item.key}: says nothing`);
        said.push(item);
      } else if (said.length > 0) {
        throw this.#wrong(item.lineNumber, `prose after ${said.at(-1)?.key}: expected it at the start of the task`);
      } else prose.push(item.prose);
    }
    const all = (key: string): (Item & { key: string; text: string })[] => said.filter((item) => item.key === key);
    const once = (key: string): (Item & { key: string; text: string }) | undefined => {
      const [one, two] = all(key);
      if (two) throw this.#wrong(two.lineNumber, `${key}: is said twice in this task`);
      return one;
    };
    const [guided, solve] = [all('type'), all('solve')];
    if (guided.length > 0 && solve[0]) throw this.#wrong(solve[0].lineNumber, 'a task has type: or solve:, not both');
    const [ask, answer] = [once('ask'), once('answer')];
    if (ask && !answer) throw this.#wrong(ask.lineNumber, 'ask: without answer:');
    if (answer && !ask) throw this.#wrong(answer.lineNumber, 'answer: without ask:');
    const expect = all('expect').flatMap((item) =>
      this.#at(item.lineNumber, () => conditionsOf(item.text, this.#catalog)),
    );
    if (expect.length === 0 && !ask) throw this.#wrong(lineNumber, 'this task is never done: expected expect: or ask:');
    const lines = [...guided, ...solve].map((item) => this.#line(item.text, item.lineNumber));
    if (lines.length === 0 && !ask)
      throw this.#wrong(lineNumber, 'this task has no solution: expected type: or solve:');
    return {
      title,
      prose,
      guided: guided.length > 0,
      solution: lines,
      expect,
      question: ask &&
        answer && {
          text: ask.text,
          right: this.#at(answer.lineNumber, () => operandOf(answer.text, this.#catalog)),
        },
      hints: all('hint').map(({ text }) => text),
      when: all('when').map((item) => this.#when(item.text, item.lineNumber)),
      tries: all('try').map((item) => this.#tryOut(item.text, item.lineNumber)),
      done: once('done')?.text,
    };
  }

  #when(text: string, lineNumber: number): Hint {
    const [condition, hint] = this.#arrow(text, lineNumber, 'when: CONDITION -> HINT');
    return { when: this.#at(lineNumber, () => conditionsOf(condition, this.#catalog)), text: hint };
  }

  #tryOut(text: string, lineNumber: number): TryOut {
    const [moves, says] = this.#arrow(text, lineNumber, 'try: LINES -> WORDS THAT MUST BE SAID');
    const lines = moves.split(/; */);
    for (const line of lines) if (!/^answer /.test(line)) this.#line(line, lineNumber);
    return { lines, says, lineNumber };
  }

  #arrow(text: string, lineNumber: number, expected: string): [string, string] {
    const at = text.indexOf('->');
    const [before, after] = [text.slice(0, at).trim(), text.slice(at + 2).trim()];
    if (at < 0 || before === '' || after === '') throw this.#wrong(lineNumber, `expected ${expected}`);
    return [before, after];
  }

  #line(text: string, lineNumber: number): ScriptLine {
    this.#at(lineNumber, () => parsedLine(text, 'any', this.#catalog));
    return { text, lineNumber };
  }

  #checkKey(key: string, known: readonly string[], lineNumber: number): void {
    if (known.includes(key)) return;
    const meant = nearest(key, known);
    throw this.#wrong(
      lineNumber,
      `${key}: is not known here: expected ${known.map((word) => `${word}:`).join(' ')}`,
      meant ? `${meant}:` : 'begin prose with a capital letter',
    );
  }

  /** Says where, for what is thrown below. */
  #at<T>(lineNumber: number, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof ImageError && error.code !== 'lesson-text') {
        throw this.#wrong(lineNumber, error.what, error.tryThis);
      }
      throw error;
    }
  }

  #wrong(lineNumber: number, what: string, tryThis?: string): ImageError {
    return new ImageError({ code: 'lesson-text', what: `${this.#source.path}, line ${lineNumber}: ${what}`, tryThis });
  }
}

/** Lines of prose are one paragraph; lines that begin with a blank are kept as they are. */
function paragraph(lines: readonly string[]): string {
  return lines.every((line) => /^\s/.test(line)) ? lines.join('\n') : lines.map((line) => line.trim()).join(' ');
}
