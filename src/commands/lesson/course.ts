/**
 * A lesson that runs: which task is at hand, whether what was reached fulfils it, and what to say.
 *
 * Invariants:
 *  1. Grading looks at the state reached, at the answer given and at what was looked at; how a line was typed does not
 *     matter.
 *  2. Grading changes nothing: it runs commands that only look.
 *  3. A lesson speaks when something changed: a command that only looks is not commented on, unless it was the task.
 */
import type { Progress } from '../../bytes/progress.ts';
import { ImageError } from '../../errors.ts';
import { Debugger } from '../../session/debugger.ts';
import type { RunningLesson, Spoken } from '../../session/lesson.ts';
import { type Catalog, isChange, parsedLine } from './allowed.ts';
import { Judge, meansSame } from './condition.ts';
import { Practice } from './practice.ts';
import type { Operand, Place, Script, Task } from './script.ts';
import { taskSpoken, typedValue } from './talk.ts';
import { compare } from './value-path.ts';

interface Ran {
  readonly command: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What was done about the task at hand. */
interface Attempt {
  readonly ran: Ran[];
  answer: string | undefined;
  /** How many lines of the solution were run, in order. */
  typed: number;
  /** How many commands changed something. */
  changes: number;
  /** General hints given. */
  hints: number;
  /** The user asked for the solution. */
  shown: boolean;
  /** The hint said last by grading. */
  lastHint: string | undefined;
  /** The right answer, once it was looked up. */
  right: { readonly value: unknown } | undefined;
}

const untried = (): Attempt => ({
  ran: [],
  answer: undefined,
  typed: 0,
  changes: 0,
  hints: 0,
  shown: false,
  lastHint: undefined,
  right: undefined,
});

/** Commands about the lesson itself, and of nothing the lesson could grade. */
const ASIDE = new Set(['lesson', 'tour', 'help', 'answer']);

export class Course implements RunningLesson {
  readonly #host: Debugger;
  readonly #script: Script;
  readonly #catalog: Catalog;
  readonly #practice: Practice;
  #index = 0;
  #attempt = untried();
  /** What happened since the last grading. */
  #news: 'nothing' | 'looked' | 'changed' | 'answered' = 'nothing';
  #saidClosed = false;

  /** Starts the lesson: afterwards `host.lesson` is this one. Throws ImageError, and then all is as before. */
  static *start(host: Debugger, script: Script, catalog: Catalog): Generator<Progress, Course> {
    if (host.uncommitted > 0) {
      const steps = host.uncommitted === 1 ? '1 step is' : `${host.uncommitted} steps are`;
      throw new ImageError({
        code: 'uncommitted-steps',
        what: `${steps} not committed, and a lesson would close the image`,
        tryThis: `commit or discard, then lesson ${script.name}`,
      });
    }
    host.lesson?.leave();
    const course = new Course(host, script, catalog);
    try {
      yield* course.#practice.begin(0);
      host.lesson = course;
      return course;
    } finally {
      if (host.lesson !== course) course.#practice.end();
    }
  }

  private constructor(host: Debugger, script: Script, catalog: Catalog) {
    this.#host = host;
    this.#script = script;
    this.#catalog = catalog;
    this.#practice = new Practice(host, script, catalog);
  }

  get name(): string {
    return this.#script.name;
  }

  get title(): string {
    return this.#script.title;
  }

  get at(): number {
    return this.#index + 1;
  }

  get of(): number {
    return this.#script.tasks.length;
  }

  get task(): string {
    return this.#task.title;
  }

  get prose(): readonly string[] {
    return this.#task.prose;
  }

  get question(): string | undefined {
    return this.#task.question?.text;
  }

  get suggestion(): string | undefined {
    const { guided, solution, question } = this.#task;
    const { shown, typed } = this.#attempt;
    if (guided || shown) {
      const next = solution[typed];
      if (next) return next.text;
    }
    return question && (guided || shown || solution.length === 0) ? 'answer ' : undefined;
  }

  get #task(): Task {
    return this.#script.tasks[this.#index] as Task;
  }

  ran(command: string, values: Readonly<Record<string, unknown>>): void {
    if (ASIDE.has(command)) return;
    const attempt = this.#attempt;
    attempt.ran.push({ command, values });
    const changed = isChange(command);
    if (changed) attempt.changes++;
    if (changed) this.#news = 'changed';
    else if (this.#news === 'nothing') this.#news = 'looked';
    const { solution } = this.#task;
    const expected = solution[attempt.typed];
    const last = expected && parsedLine(expected.text, 'any', this.#catalog).at(-1);
    if (last && last.command.name === command && meansSame(last.values, values)) attempt.typed++;
    else if (command === 'undo') attempt.typed = Math.max(0, attempt.typed - Number(values['n'] ?? 1));
    else if (command === 'discard') attempt.typed = 0;
  }

  answer(value: string): void {
    if (!this.#task.question) {
      throw new ImageError({ code: 'nothing-asked', what: 'this task asks no question', tryThis: 'lesson again' });
    }
    this.#attempt.answer = value;
    this.#news = 'answered';
  }

  *graded(): Generator<Progress, Spoken | undefined> {
    const news = this.#news;
    this.#news = 'nothing';
    if (!this.#practice.open) return this.#closed();
    this.#saidClosed = false;
    if (news === 'nothing') return undefined;
    const judge = this.#judge();
    if (!(yield* this.#fulfilled(judge))) return yield* this.#notYet(judge, news);
    const before: string[] = [];
    do {
      before.push(this.#task.done ? `Done. ${this.#task.done}` : 'Done.');
      this.#index++;
      this.#attempt = untried();
      if (this.#index === this.of) return this.#finished(before);
    } while (yield* this.#fulfilled(this.#judge()));
    return { ...taskSpoken(this.#script, this.#index), before: before.join('\n') };
  }

  *hint(): Generator<Progress, Spoken> {
    const particular = yield* this.#particular(this.#judge());
    if (particular !== undefined) return this.#said(particular, 'hint');
    const { hints } = this.#task;
    const hint = hints[this.#attempt.hints++ % Math.max(1, hints.length)];
    return this.#said(hint ?? 'There is no hint for this one. lesson show gives the solution.', 'hint');
  }

  *solution(): Generator<Progress, Spoken> {
    this.#attempt.shown = true;
    const { solution, question } = this.#task;
    const lines = solution.map(({ text }) => text);
    if (question) lines.push(`answer ${typedValue(yield* this.#rightAnswer(question.right))}`);
    return { text: lines.map((line) => `  ${line}`).join('\n'), data: { lesson: this.name, solution: lines } };
  }

  *again(): Generator<Progress, Spoken> {
    yield* this.#practice.begin(this.#index);
    this.#attempt = untried();
    this.#news = 'nothing';
    return this.taskSpoken();
  }

  leave(): Spoken {
    const { name, at, of } = this;
    this.#host.lesson = undefined;
    const reopened = this.#practice.end();
    const text = [`The lesson ${name} is left at ${at}/${of}; its copy of the image is removed.`, reopened];
    return { text: text.filter(Boolean).join('\n'), data: { lesson: name, left: true, at, of } };
  }

  remove(): void {
    this.#practice.remove();
  }

  /** The task at hand, as it is said when it begins. */
  taskSpoken(): Spoken {
    return taskSpoken(this.#script, this.#index);
  }

  #judge(): Judge {
    return new Judge(this.#host, this.#catalog, this.#attempt);
  }

  *#fulfilled(judge: Judge): Generator<Progress, boolean> {
    const { expect, question } = this.#task;
    if (question && !(yield* this.#answeredRight(question.right))) return false;
    return yield* judge.allHold(expect);
  }

  *#answeredRight(right: Operand): Generator<Progress, boolean> {
    const { answer } = this.#attempt;
    return answer !== undefined && compare(answer, 'is', yield* this.#rightAnswer(right));
  }

  /** Looked up on a copy of its own, on which the task is solved: what the user's copy is like does not matter. */
  *#rightAnswer(right: Operand): Generator<Progress, unknown> {
    if ('literal' in right) return right.literal;
    if (this.#attempt.right === undefined) {
      const apart = new Debugger();
      const practice = new Practice(apart, this.#script, this.#catalog);
      try {
        yield* practice.begin(this.#index + 1);
        const value = yield* new Judge(apart, this.#catalog, untried()).value(right);
        if (value === undefined) throw this.#noAnswer(right.place);
        this.#attempt.right = { value };
      } finally {
        practice.end();
      }
    }
    return this.#attempt.right.value;
  }

  #noAnswer({ command }: Place): ImageError {
    const { path, name } = this.#script;
    return new ImageError({
      code: 'lesson-answer',
      what: `${path}: task ${this.at} has no answer: there is no such value in what ${command} says`,
      tryThis: `lesson leave; the lesson ${name} has to be mended`,
    });
  }

  *#notYet(judge: Judge, news: 'looked' | 'changed' | 'answered'): Generator<Progress, Spoken | undefined> {
    const attempt = this.#attempt;
    const { solution, guided, expect, question, hints } = this.#task;
    const particular = yield* this.#particular(judge);
    if (news === 'answered' && question) {
      if (yield* this.#answeredRight(question.right)) {
        return this.#said(particular ?? 'That is right, but something is left to do.', 'not-yet');
      }
      const hint = particular ?? hints[0];
      return this.#said(`${attempt.answer} is not it.${hint ? ` ${hint}` : ''}`, 'hint');
    }
    if (particular !== undefined && (news === 'changed' || particular !== attempt.lastHint)) {
      attempt.lastHint = particular;
      return this.#said(particular, 'hint');
    }
    if (news === 'looked') return undefined;
    if (question && (yield* judge.allHold(expect))) return this.#said(`Now the question: ${question.text}`, 'not-yet');
    const onTheWay = attempt.typed > 0 && attempt.typed === attempt.changes && attempt.typed < solution.length;
    if (onTheWay) return guided ? undefined : this.#said('Good so far: go on.', 'not-yet');
    const hint = attempt.changes >= solution.length ? hints[0] : undefined;
    return this.#said(hint ? `Not there yet. ${hint}` : 'Not there yet: go on, or lesson hint.', 'not-yet');
  }

  /** The first hint for a state or an answer like this one. */
  *#particular(judge: Judge): Generator<Progress, string | undefined> {
    for (const { when, text } of this.#task.when) if (yield* judge.allHold(when)) return text;
    return undefined;
  }

  #said(text: string, kind: 'hint' | 'not-yet'): Spoken {
    const { name, at, of } = this;
    return { text, data: { lesson: name, at, of, kind } };
  }

  #finished(before: readonly string[]): Spoken {
    const { name, title, end } = this.#script;
    this.#host.lesson = undefined;
    this.#host.lessonsDone.add(name);
    const reopened = this.#practice.end();
    const text = [end, reopened].filter((line) => line !== undefined).join('\n');
    return {
      before: before.join('\n'),
      title: `${name}: that was all of it`,
      text: text === '' ? 'The copy of the image is removed.' : text,
      data: { lesson: name, title, finished: true },
    };
  }

  /** The user closed the copy, or opened another image instead: said once. */
  #closed(): Spoken | undefined {
    if (this.#saidClosed) return undefined;
    this.#saidClosed = true;
    return this.#said(
      `The lesson's image is closed. lesson again takes a fresh copy; lesson leave ends ${this.name}.`,
      'not-yet',
    );
  }
}
