/**
 * Any sequence of commands that stage, walk through the steps, or fork, as typed, against a model that only keeps what
 * each state looked like when it was first reached: undo to the start gives the original bytes, redo to the end the
 * same as before, forks do not see each other, a refused command changes nothing, and the file is not touched.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { FIRST_BRANCH } from '../../src/device/branches.ts';
import { readBytes } from '../../src/device/device.ts';
import { PAGE } from '../../src/device/page-store.ts';
import { Debugger } from '../../src/session/debugger.ts';
import type { Session } from '../../src/session/session.ts';
import { SAMPLES, withSamples } from '../commands/transcript.ts';

/** So little that most of a conversion spills. */
const MEMORY = 8 * PAGE;

interface Line {
  readonly looks: string[];
  applied: number;
}

interface Model {
  readonly base: string;
  readonly lines: Map<string, Line>;
  current: string;
}

class Real {
  readonly host = new Debugger();
  /** How often each kind of command did something, so that a test that does nothing is found out. */
  readonly done: Map<string, number>;

  constructor(path: string, done: Map<string, number>) {
    this.host.open({ path, memoryLimit: MEMORY });
    this.done = done;
  }

  get session(): Session {
    return this.host.current();
  }

  /** Answers whether it went well. */
  async type(line: string): Promise<boolean> {
    const sink = new MemorySink();
    const runner = new Runner(this.host, { out: sink, err: sink, json: false, style: PLAIN, prefix: '' });
    await runner.line(line);
    const well = runner.status === 0;
    const kind = line.split(' ')[0] as string;
    if (well) this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
    return well;
  }

  /** Everything there is to know of the state: every byte, the size, the format, the half-built target. */
  look(): string {
    const { image, target, staged, file, converted, conversion } = this.session;
    const device = staged ?? file;
    const hash = createHash('sha256').update(readBytes(device, 0, device.size));
    return JSON.stringify([
      device.size,
      hash.digest('hex'),
      image.format,
      image.size,
      converted,
      target?.state ?? null,
      conversion ?? null,
    ]);
  }
}

type Command = fc.AsyncCommand<Model, Real>;

const line = (m: Model): Line => m.lines.get(m.current) as Line;
const look = (m: Model): string => line(m).looks[line(m).applied - 1] ?? m.base;

function expectAsModel(m: Model, real: Real): void {
  expect(real.look()).toBe(look(m));
  const { steps, forks, staged } = real.session;
  expect([steps.filter((step) => step.applied).length, steps.length]).toEqual([line(m).applied, line(m).looks.length]);
  expect(forks.map(({ name }) => name)).toEqual([...m.lines.keys()]);
  expect(forks.find(({ isCurrent }) => isCurrent)?.name).toBe(m.current);
  if (staged) expect(staged.stagedBytes - staged.spilledBytes).toBeLessThanOrEqual(MEMORY);
}

/** A line that stages one step, or nothing: it is refused, or there is nothing to do. */
class Stages implements Command {
  readonly make: (session: Session) => string | undefined;
  #typed = '';
  constructor(make: (session: Session) => string | undefined) {
    this.make = make;
  }
  check = (): boolean => true;
  async run(m: Model, real: Real): Promise<void> {
    const typed = this.make(real.session);
    if (typed === undefined) return;
    this.#typed = typed;
    const before = real.session.steps.findLast((step) => step.applied)?.changes;
    const well = await real.type(typed);
    // What sets a field to the value it has takes no step.
    if (real.session.steps.findLast((step) => step.applied)?.changes !== before) {
      expect(well).toBe(true);
      const { looks, applied } = line(m);
      looks.splice(applied, looks.length, real.look());
      line(m).applied++;
    }
    expectAsModel(m, real);
  }
  toString = (): string => this.#typed;
}

/** A line that walks: `to` says how many steps are applied then, or that it is refused. */
class Walks implements Command {
  readonly word: string;
  readonly number: number;
  readonly to: (line: Line) => number;
  constructor(word: string, number: number, to: (line: Line) => number) {
    this.word = word;
    this.number = number;
    this.to = to;
  }
  check = (): boolean => true;
  async run(m: Model, real: Real): Promise<void> {
    const to = this.to(line(m));
    const can = to >= 0 && to <= line(m).looks.length;
    expect(await real.type(this.toString())).toBe(can);
    if (can) line(m).applied = to;
    expectAsModel(m, real);
  }
  toString = (): string => `${this.word} ${this.number}`;
}

class Forks implements Command {
  readonly word: string;
  readonly pick: number;
  constructor(word: 'fork' | 'switch' | 'fork --drop', pick: number) {
    this.word = word;
    this.pick = pick;
  }
  check = (): boolean => true;
  async run(m: Model, real: Real): Promise<void> {
    const name = this.pick === 0 ? FIRST_BRANCH : `f${this.pick}`;
    const known = m.lines.get(name);
    const can = this.word === 'fork' ? !known : this.word === 'switch' ? known : known && name !== m.current;
    expect(await real.type(`${this.word} ${name}`)).toBe(Boolean(can));
    if (can && this.word === 'fork') {
      const { looks, applied } = line(m);
      m.lines.set(name, { looks: looks.slice(0, applied), applied });
    }
    if (can && this.word === 'fork --drop') m.lines.delete(name);
    else if (can) m.current = name;
    expectAsModel(m, real);
  }
  toString = (): string => `${this.word} ${this.pick}`;
}

class Discard implements Command {
  check = (): boolean => true;
  async run(m: Model, real: Real): Promise<void> {
    expect(await real.type('discard')).toBe(true);
    m.lines.clear();
    m.lines.set(FIRST_BRANCH, { looks: [], applied: 0 });
    m.current = FIRST_BRANCH;
    expect(real.session.staged).toBeUndefined();
    expectAsModel(m, real);
  }
  toString = (): string => 'discard';
}

/** One of the source's runs, mapped where the source has it. */
function setmapOne({ image }: Session, pick: number): string | undefined {
  const runs = [...image.mappings(0, image.size, 'mapped')].flatMap((batch) => [...batch]);
  const run = runs[pick % Math.max(1, runs.length)];
  return run && `setmap ${run.guest} ${run.host ?? 'zero'} ${run.length}${pick % 3 === 0 ? ' --force' : ''}`;
}

const pick = fc.nat(1000);
const fixed = (...lines: string[]): fc.Arbitrary<Command> =>
  fc.constantFrom(...lines).map((typed) => new Stages(() => typed));
const few = fc.integer({ min: 1, max: 4 });
const names = fc.nat(3);

const COMMANDS: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Command> }[] = [
  {
    weight: 5,
    arbitrary: fixed('open-target qed', 'open-target qcow2', 'open-target qcow2 -o refcount_bits=1,compat=1.1'),
  },
  { weight: 5, arbitrary: pick.map((n) => new Stages((session) => setmapOne(session, n))) },
  {
    weight: 4,
    arbitrary: fixed('setmap --all', 'map 0 64k | setmap', 'map | setmap --force', 'setmap 0x10000 zero 64k'),
  },
  { weight: 4, arbitrary: fixed('copy-header', 'copy-header', 'copy-header --force') },
  { weight: 4, arbitrary: fixed('convert qed', 'convert qcow2') },
  { weight: 6, arbitrary: fixed('step', 'step 7', 'next', 'until l1', 'finish') },
  { weight: 2, arbitrary: fixed('convert-inplace qed', 'convert-inplace qcow2') },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(20), fc.constantFrom('zero', 'unallocated', '0x5000 copied'))
      .map(([slot, value]) => new Stages(() => `set l2[0][${slot}] '${value}'`)),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(30), fc.nat(50)).map(([a, b]) => new Stages(() => `copy ${a * 4096} ${b * 4096} 4k`)),
  },
  { weight: 4, arbitrary: few.map((n) => new Walks('undo', n, ({ applied }) => applied - n)) },
  {
    weight: 6,
    arbitrary: fc.integer({ min: 1, max: 2 }).map((n) => new Walks('redo', n, ({ applied }) => applied + n)),
  },
  { weight: 3, arbitrary: fc.nat(6).map((n) => new Walks('goto', n, () => n)) },
  { weight: 3, arbitrary: names.map((n) => new Forks('fork', n)) },
  { weight: 5, arbitrary: names.map((n) => new Forks('switch', n)) },
  { weight: 1, arbitrary: names.map((n) => new Forks('fork --drop', n)) },
  { weight: 1, arbitrary: fc.constant(new Discard()) },
];

it.each(['start.qcow2', 'plain.qed'])('%s: what was staged comes back, byte by byte', async (name) => {
  const done = new Map<string, number>();
  await withSamples(async (folder) => {
    const path = join(folder, name);
    const untouched = readFileSync(join(SAMPLES, name));
    const commands = fc.commands([fc.oneof(...COMMANDS)], { maxCommands: 40, size: 'max' });
    await fc.assert(
      fc.asyncProperty(commands, async (all) => {
        const real = new Real(path, done);
        try {
          const model: Model = {
            base: real.look(),
            lines: new Map([[FIRST_BRANCH, { looks: [], applied: 0 }]]),
            current: FIRST_BRANCH,
          };
          await fc.asyncModelRun(() => ({ model, real }), all);
          for (const [fork, its] of model.lines) {
            real.session.switchTo(fork);
            model.current = fork;
            for (const to of [its.looks.length, 0, its.looks.length]) {
              real.session.goTo(to);
              its.applied = to;
              expectAsModel(model, real);
            }
          }
          expect(readFileSync(path).equals(untouched)).toBe(true);
        } finally {
          real.host.close();
        }
      }),
      { numRuns: 150 },
    );
  });
  for (const kind of [
    'open-target',
    'setmap',
    'copy-header',
    'convert',
    'step',
    'next',
    'set',
    'copy',
    'undo',
    'redo',
    'goto',
    'fork',
    'switch',
  ]) {
    expect(done.get(kind), kind).toBeGreaterThan(5);
  }
});
