/**
 * A lesson that runs beside the session, as its surroundings see it: the prompt offers `suggestion` as ghost text, the
 * status line shows `name at/of`, the runner tells it of each command and asks it to grade after each line. Who makes
 * one: commands/lesson.
 */
import type { Progress } from '../bytes/progress.ts';

/** What a lesson says, for a person, and the same for a script. */
export interface Spoken {
  /** About the task that is behind: above the title. */
  readonly before?: string;
  readonly title?: string;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface RunningLesson {
  /** As `lesson NAME` takes it. */
  readonly name: string;
  readonly title: string;
  /** The task at hand, from 1, of how many, and what it is called. */
  readonly at: number;
  readonly of: number;
  readonly task: string;
  /** Paragraphs of the task at hand; one whose lines begin with a blank is to be shown as it is. */
  readonly prose: readonly string[];
  /** Asked by the task, to be answered with `answer`. */
  readonly question: string | undefined;
  /** The line to type next, where the task gives it or the user asked for it; `answer ` when a value is to follow. */
  readonly suggestion: string | undefined;
  /** A command went well: its name, and the values it was given. */
  ran(command: string, values: Readonly<Record<string, unknown>>): void;
  /** After a line: grades what was reached, and answers what there is to say to it. */
  graded(): Generator<Progress, Spoken | undefined>;
  /** Throws ImageError `nothing-asked`. */
  answer(value: string): void;
  hint(): Generator<Progress, Spoken>;
  solution(): Generator<Progress, Spoken>;
  /** The task from its start, on a fresh copy of the image. */
  again(): Generator<Progress, Spoken>;
  /** The end: the copy is removed, and what was open before is open again. */
  leave(): Spoken;
  /** The program ends: only the copy is removed. */
  remove(): void;
}
