/** A lesson as read from its text: what to do, how it is graded, and what helps. docs/lessons.md explains the format. */

/** A command line of a script, checked when the script was read. */
export interface ScriptLine {
  readonly text: string;
  /** Of the file, from 1. */
  readonly lineNumber: number;
}

/** Where in the JSON value of a command to look: `[0].offset of map`. */
export interface Place {
  readonly path: readonly PathPart[];
  readonly command: string;
}

/** `.key`; `[3]`, from the end when negative; `[state=staged]`, the items of a list for which that holds. */
export type PathPart =
  | { readonly key: string }
  | { readonly index: number }
  | { readonly where: string; readonly equals: string };

export type Operator = 'is' | 'is not' | 'is at least' | 'is at most' | 'contains';

/** What is compared: a word of the script, or what a command says. */
export type Operand = { readonly literal: string } | { readonly place: Place };

/** Something that holds, or does not, of the image, of the answer given, or of what was looked at. */
export type Condition =
  | { readonly about: Place | 'answer'; readonly operator: Operator; readonly operand: Operand }
  | { readonly did: string };

/** Words said in a situation: all of `when` must hold. */
export interface Hint {
  readonly when: readonly Condition[];
  readonly text: string;
}

/** Lines that do not fulfil the task, and words of what must be said to them: for the tests of a lesson. */
export interface TryOut {
  readonly lines: readonly string[];
  readonly says: string;
  readonly lineNumber: number;
}

export interface Task {
  readonly title: string;
  /** Paragraphs. One whose lines begin with a blank is shown as it is. */
  readonly prose: readonly string[];
  /** True: the lines of the solution are offered to type; false: they are kept until asked for. */
  readonly guided: boolean;
  /** Command lines that fulfil the task. Empty: the answer is the solution. */
  readonly solution: readonly ScriptLine[];
  readonly expect: readonly Condition[];
  readonly question?: { readonly text: string; readonly right: Operand };
  readonly hints: readonly string[];
  /** For particular states and answers; the first whose conditions hold is said. */
  readonly when: readonly Hint[];
  readonly tries: readonly TryOut[];
  /** Said when the task is done. */
  readonly done?: string;
}

export interface Script {
  readonly name: string;
  /** The file it was read from. */
  readonly path: string;
  readonly title: string;
  readonly about: string;
  readonly image: string;
  readonly minutes: number;
  /** Run before the first task. */
  readonly prepare: readonly ScriptLine[];
  readonly tasks: readonly [Task, ...Task[]];
  /** Said at the end. */
  readonly end?: string;
}
