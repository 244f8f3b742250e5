/**
 * Conditions: `PATH of COMMAND is VALUE`, `answer is VALUE`, `did COMMAND`, and several joined by ` and `. Short words
 * stand for what is asked often: `format is qed and check is clean and staged is 0`.
 */
import type { Progress } from '../../bytes/progress.ts';
import { ImageError } from '../../errors.ts';
import type { Debugger } from '../../session/debugger.ts';
import { type Catalog, type Parsed, parsedLine } from './allowed.ts';
import { jsonOf } from './quiet.ts';
import type { Condition, Operand, Operator, Place } from './script.ts';
import { compare, pathOf, valueAt } from './value-path.ts';

/** What the short words stand for. */
const SHORT: Readonly<Record<string, string>> = {
  format: 'format of info',
  check: 'platter.verdict of check',
  leaks: 'platter.leaked-bytes of check',
  staged: '[state=staged].count of steps',
  undone: '[state=undone].count of steps',
};

const OPERATOR = / (is not|is at least|is at most|is|contains) /;

/** Throws ImageError `lesson-condition`, or `lesson-line` for a command that may not stand there. */
export function conditionsOf(text: string, catalog: Catalog): Condition[] {
  return text.split(/ and (?=\S)/).map((part) => conditionOf(part.trim(), catalog));
}

function conditionOf(text: string, catalog: Catalog): Condition {
  if (text.startsWith('did ')) {
    const did = text.slice('did '.length).trim();
    parsedLine(did, 'named', catalog);
    return { did };
  }
  const match = OPERATOR.exec(text);
  if (!match) {
    throw new ImageError({
      code: 'lesson-condition',
      what: `'${text}' is no condition: expected PATH of COMMAND is VALUE`,
      tryThis: 'is, is not, is at least, is at most, contains',
    });
  }
  const about = text.slice(0, match.index).trim();
  const operand = operandOf(text.slice(match.index + match[0].length).trim(), catalog);
  return { about: about === 'answer' ? 'answer' : placeOf(about, catalog), operator: match[1] as Operator, operand };
}

/** `[0].offset of map`. Throws ImageError `lesson-condition`. */
function placeOf(text: string, catalog: Catalog): Place {
  const place = tryPlace(text, catalog);
  if (place) return place;
  throw new ImageError({
    code: 'lesson-condition',
    what: `'${text}' is no place to look: expected PATH of COMMAND, or one of ${Object.keys(SHORT).join(', ')}`,
  });
}

function tryPlace(text: string, catalog: Catalog): Place | undefined {
  const whole = Object.hasOwn(SHORT, text) ? (SHORT[text] as string) : text;
  const of = whole.indexOf(' of ');
  const path = of < 0 ? undefined : pathOf(whole.slice(0, of).trim());
  if (!path) return undefined;
  const command = whole.slice(of + ' of '.length).trim();
  if (parsedLine(command, 'looking', catalog).length > 1) return undefined;
  return { path, command };
}

/** `PATH of COMMAND`; anything else, and what stands in quotes, is the word itself. */
export function operandOf(text: string, catalog: Catalog): Operand {
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (quoted) return { literal: quoted[2] as string };
  const place = / of /.test(text) ? tryPlace(text, catalog) : undefined;
  return place ? { place } : { literal: text };
}

/** What conditions look at beside the image. */
export interface Situation {
  readonly answer: string | undefined;
  /** Commands that went well since the task began. */
  readonly ran: readonly { readonly command: string; readonly values: Readonly<Record<string, unknown>> }[];
}

/** Looks conditions up; a command is run once for all of them. For one moment: what changes later is not looked at. */
export class Judge {
  readonly #host: Debugger;
  readonly #catalog: Catalog;
  readonly #situation: Situation;
  readonly #values = new Map<string, unknown>();

  constructor(host: Debugger, catalog: Catalog, situation: Situation) {
    this.#host = host;
    this.#catalog = catalog;
    this.#situation = situation;
  }

  *holds(condition: Condition): Generator<Progress, boolean> {
    if ('did' in condition) return this.#didAll(parsedLine(condition.did, 'named', this.#catalog));
    const { about, operator, operand } = condition;
    const { answer } = this.#situation;
    if (about === 'answer' && answer === undefined) return false;
    const wanted = yield* this.value(operand);
    // What is looked up and not there is like nothing, not even like something else that is not there.
    if (wanted === undefined) return false;
    if (about === 'answer') return compare(answer, operator, wanted);
    return compare(yield* this.#at(about), operator, wanted);
  }

  *allHold(conditions: readonly Condition[]): Generator<Progress, boolean> {
    for (const condition of conditions) if (!(yield* this.holds(condition))) return false;
    return true;
  }

  *value(operand: Operand): Generator<Progress, unknown> {
    return 'literal' in operand ? operand.literal : yield* this.#at(operand.place);
  }

  *#at({ path, command }: Place): Generator<Progress, unknown> {
    if (!this.#values.has(command)) {
      const [parsed] = parsedLine(command, 'looking', this.#catalog);
      this.#values.set(command, yield* jsonOf(this.#host, parsed as Parsed));
    }
    return valueAt(this.#values.get(command), path);
  }

  /** A command without arguments counts whatever it was given; else the arguments must mean the same. */
  #didAll(wanted: readonly Parsed[]): boolean {
    return wanted.every(({ command, values, bare }) =>
      this.#situation.ran.some((ran) => ran.command === command.name && (bare || meansSame(ran.values, values))),
    );
  }
}

export function meansSame(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
