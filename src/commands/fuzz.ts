/** `fuzz`: one field or some bytes spoilt as a fuzzer would, by a seed, as a step. */
import type { Field } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import { Seeded } from '../bytes/seeded.ts';
import { hex, parseSize } from '../bytes/size.ts';
import type { Image } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { type FuzzChange, type FuzzTarget, type FuzzWay, fuzz as spoil } from '../session/fuzz.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { asTyped } from './line.ts';
import { count, field, flagWith, oneOf, optional } from './params.ts';
import { refusalChange } from './refusal.ts';
import { refuseTarget } from './set.ts';
import { message } from './view.ts';
import { regionAt } from './whois.ts';

const WAYS: readonly FuzzWay[] = ['boundary', 'flip', 'random', 'swap', 'zero', 'truncate'];
/** Fields of a group to choose from. */
const FIELDS = 4096;
const MOST_SEED = 2 ** 31;

export const fuzz = imageCommand({
  name: 'fuzz',
  group: 'inspect',
  place: 'steps',
  onRefused: true,
  summary: 'Spoil a field or some bytes by a seed, as a step that can be undone',
  details:
    'WHAT is a field; what has fields, of which one is chosen (`header`, `l2[0]`); bytes of the file, OFFSET+LENGTH; or ' +
    'the OFFSET of a byte, for all that its owner has there. HOW: `boundary` values of the declaration (smallest, ' +
    'largest, one beyond, pointers to the end of the file or next to a cluster), `flip` one bit, `random` bytes, `swap` ' +
    'with another field of the same size, or two blocks of the range, `zero`, `truncate` the file there. Left out, the ' +
    'seed chooses. The seed stands in the name of the step: the same image and seed give the same bytes. A step after ' +
    'which the image would be refused is dropped, unless the image was opened with --broken.',
  params: {
    what: field('WHAT', 'a field, what has fields, OFFSET+LENGTH, or OFFSET'),
    how: optional(oneOf('HOW', WAYS, 'what is done to it', 'way to fuzz'), undefined),
  },
  flags: {
    seed: flagWith(count('N', 'the seed; a new one when left out', 0, MOST_SEED), undefined),
    times: flagWith(count('N', 'so many changes in the one step; 1 when left out', 1, 1000), 1),
  },
  examples: [
    { line: 'fuzz l2[0] boundary --seed 3; diff', image: 'start.qcow2' },
    { line: 'fuzz 0x4000+4096 flip --times 3 --seed 1; diff', image: 'start.qcow2' },
    { line: 'fuzz l2[0][0] flip --seed 5; undo', image: 'plain.qed' },
  ],
  *run(session, { what, how, seed = newSeed(), times }) {
    refuseTarget(session, 'fuzz');
    const random = new Seeded(seed);
    const before = session.image.refused;
    const name = [
      'fuzz',
      asTyped(what),
      ...(how ? [how] : []),
      '--seed',
      seed,
      ...(times > 1 ? ['--times', times] : []),
    ].join(' ');
    const target = yield* targetOf(session.image, what);
    const done: Done[] = [];
    const work = session.step(name, function* ({ device, image }) {
      for (let i = 0; i < times; i++) {
        // Of bytes that were cut off nothing is left to spoil.
        if (startOf(target) >= device.size) break;
        const change = spoil(image, target, how, random);
        for (const { offset, bytes } of change.writes) device.write(offset, bytes, `fuzz ${change.of}`);
        if (change.size !== undefined) device.resize(change.size);
        done.push(doneOf(change, target));
        yield { what: 'spoiling', done: i + 1, total: times };
      }
    });
    yield* named(work, name);
    const lines = [`seed ${seed}`, ...linesOf(session, done), ...refusalChange(session, before)];
    const first = done[0]?.offset;
    return message(lines.join('\n'), { seed, changes: done }, first === undefined ? undefined : { host: first });
  },
});

function newSeed(): number {
  return Math.floor(Math.random() * MOST_SEED);
}

/** A refusal says by which seed it came about. */
function* named(work: Generator<Progress, void>, name: string): Generator<Progress, void> {
  try {
    yield* work;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { code, what, where, tryThis } = error;
    throw new ImageError({ code, what: `${name}: ${what}`, where, tryThis, class: error.class });
  }
}

const RANGE = /^(0x[0-9a-f]+|\d+[kmgt]?)(?:\+(0x[0-9a-f]+|\d+[kmgt]?))?$/i;

function* targetOf(image: Image, what: string): Generator<Progress, FuzzTarget> {
  const range = RANGE.exec(what);
  if (!range) return { kind: 'fields', fields: image.fieldList(what, FIELDS).fields };
  const offset = parseSize(range[1] as string);
  const { size } = image.device;
  if (offset >= size) {
    const is = `byte ${hex(offset)} lies behind the end of the file, ${hex(size)}`;
    throw new ImageError({ code: 'past-end', class: 'range', what: is });
  }
  if (range[2] === undefined) {
    const region = yield* regionAt(image, offset);
    return { kind: 'range', offset: region.offset, length: region.length };
  }
  const length = Math.min(parseSize(range[2]), size - offset);
  if (length > 0) return { kind: 'range', offset, length };
  throw new ImageError({ code: 'empty-range', what: 'a range of 0 bytes has nothing to spoil' });
}

function startOf(target: FuzzTarget): number {
  return target.kind === 'range' ? target.offset : Math.min(...target.fields.map(({ offset }) => offset));
}

interface Done {
  readonly of: string;
  readonly way: string;
  readonly says: string;
  /** Of the first byte that changed, or the file's new end. */
  readonly offset?: number;
  /** As it was, of a field. */
  readonly old?: string;
}

function doneOf({ of, way, says, writes, size }: FuzzChange, target: FuzzTarget): Done {
  const before: Field | undefined =
    target.kind === 'fields' ? target.fields.find(({ path }) => path === of) : undefined;
  const offset = writes[0]?.offset ?? size;
  return { of, way, says, ...(offset !== undefined && { offset }), ...(before && { old: before.text }) };
}

/** `l2[0][3]: 0x8000 copied -> 0x0 (zero)`; of a field that was spoilt more than once the last has both values. */
function linesOf({ image }: Session, done: readonly Done[]): string[] {
  return done.map(({ of, way, says, old }, i) => {
    const isLast = done.findLastIndex((other) => other.of === of) === i;
    if (old === undefined || way === 'truncate' || !isLast) return `${of}, ${way}: ${says}`;
    return `${of}, ${way}: ${old} -> ${textNow(image, of)} (${says})`;
  });
}

function textNow(image: Image, path: string): string {
  try {
    return image.field(path).text;
  } catch (error) {
    if (error instanceof ImageError && error.code === 'no-such-field') return 'gone';
    throw error;
  }
}
