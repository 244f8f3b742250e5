/**
 * Steps with branches against a model that keeps every state as a plain array: whatever was done in which order, each
 * branch gives back its own bytes and sizes at each of its steps, and nothing is held that no branch reaches.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_BRANCH } from '../../src/device/branches.ts';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { PAGE } from '../../src/device/page-store.ts';
import { StagedDevice } from '../../src/device/staged.ts';

const BASE = Uint8Array.from({ length: 3 * PAGE + 700 }, (_, i) => (i % 253) + 1);

interface Line {
  /** The content after each step. */
  readonly states: Uint8Array[];
  readonly names: string[];
  applied: number;
}

interface Model {
  readonly lines: Map<string, Line>;
  current: string;
  count: number;
}

type Command = fc.Command<Model, StagedDevice>;

const line = (m: Model): Line => m.lines.get(m.current) as Line;
const content = (m: Model): Uint8Array => line(m).states[line(m).applied - 1] ?? BASE;
const other = (m: Model, pick: number): string | undefined => {
  const names = [...m.lines.keys()].filter((name) => name !== m.current);
  return names[pick % Math.max(1, names.length)];
};

function expectAsModel(m: Model, device: StagedDevice): void {
  const wanted = content(m);
  expect(device.size).toBe(wanted.length);
  const read = readBytes(device, 0, wanted.length + 5000);
  expect(Buffer.compare(read.subarray(0, wanted.length), wanted)).toBe(0);
  // Past the end too: nothing stale may lurk there.
  expect(read.subarray(wanted.length).every((byte) => byte === 0)).toBe(true);
  expect(device.branch).toBe(m.current);
  const { names, applied } = line(m);
  expect(device.steps.map(({ name }) => name)).toEqual(names.slice(0, applied));
  expect(device.redoable.map(({ name }) => name)).toEqual(names.slice(applied));
  expect(device.branches.map(({ name }) => name)).toEqual([...m.lines.keys()]);
  expect(device.stagedBytes - device.spilledBytes).toBeLessThanOrEqual(device.memoryLimit);
}

type Change = { readonly at: number; readonly length: number; readonly fill: number } | { readonly size: number };

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      at: fc.nat(24_000),
      length: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 9000 }), fc.constant(512)),
      fill: fc.integer({ min: 0, max: 255 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ size: fc.nat(30_000) }) },
);

function changed(before: Uint8Array, c: Change): Uint8Array {
  const size = 'size' in c ? c.size : Math.max(before.length, c.at + c.length);
  const after = new Uint8Array(size);
  after.set(before.subarray(0, size));
  if (!('size' in c)) after.fill(c.fill, c.at, c.at + c.length);
  return after;
}

class Step implements Command {
  readonly changes: readonly Change[];
  readonly keep: boolean;
  constructor(changes: readonly Change[], keep: boolean) {
    this.changes = changes;
    this.keep = keep;
  }
  check = (): boolean => true;
  run(m: Model, device: StagedDevice): void {
    const name = `step ${m.count++}`;
    device.begin(name);
    for (const c of this.changes) {
      if ('size' in c) device.resize(c.size);
      else device.write(c.at, new Uint8Array(c.length).fill(c.fill), 'test');
    }
    if (this.keep) {
      device.end();
      const { states, names, applied } = line(m);
      const next = this.changes.reduce(changed, content(m));
      states.splice(applied, states.length, next);
      names.splice(applied, names.length, name);
      line(m).applied++;
    } else device.abandon();
    expectAsModel(m, device);
  }
  toString = (): string => `step ${JSON.stringify(this.changes)}${this.keep ? '' : ' abandoned'}`;
}

class GoTo implements Command {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (): boolean => true;
  run(m: Model, device: StagedDevice): void {
    const { states, applied } = line(m);
    const to = this.pick % (states.length + 1);
    const { undone, redone } = device.goTo(to);
    expect([undone.length, redone.length]).toEqual([Math.max(0, applied - to), Math.max(0, to - applied)]);
    line(m).applied = to;
    expectAsModel(m, device);
  }
  toString = (): string => `goto ${this.pick}`;
}

class UndoRedo implements Command {
  readonly what: 'undo' | 'redo';
  constructor(what: 'undo' | 'redo') {
    this.what = what;
  }
  check = (): boolean => true;
  run(m: Model, device: StagedDevice): void {
    const { states, applied } = line(m);
    const can = this.what === 'undo' ? applied > 0 : applied < states.length;
    expect(device[this.what]() !== undefined).toBe(can);
    if (can) line(m).applied += this.what === 'undo' ? -1 : 1;
    expectAsModel(m, device);
  }
  toString = (): string => this.what;
}

class Fork implements Command {
  check = (m: Readonly<Model>): boolean => m.lines.size < 6;
  run(m: Model, device: StagedDevice): void {
    const name = `fork ${m.count++}`;
    device.fork(name);
    const { states, names, applied } = line(m);
    m.lines.set(name, { states: states.slice(0, applied), names: names.slice(0, applied), applied });
    m.current = name;
    expectAsModel(m, device);
  }
  toString = (): string => 'fork';
}

class Switch implements Command {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (m: Readonly<Model>): boolean => m.lines.size > 1;
  run(m: Model, device: StagedDevice): void {
    const name = other(m, this.pick) as string;
    device.switchTo(name);
    m.current = name;
    expectAsModel(m, device);
  }
  toString = (): string => `switch ${this.pick}`;
}

class Drop implements Command {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (m: Readonly<Model>): boolean => m.lines.size > 1;
  run(m: Model, device: StagedDevice): void {
    const name = other(m, this.pick) as string;
    device.dropBranch(name);
    m.lines.delete(name);
    expectAsModel(m, device);
  }
  toString = (): string => `drop ${this.pick}`;
}

class Commit implements Command {
  check = (): boolean => true;
  run(m: Model, device: StagedDevice): void {
    device.reset();
    m.lines.clear();
    m.lines.set(FIRST_BRANCH, { states: [], names: [], applied: 0 });
    m.current = FIRST_BRANCH;
    expect(device.stagedBytes).toBe(0);
    expectAsModel(m, device);
  }
  toString = (): string => 'discard';
}

const pick = fc.nat(40);
const steps = fc
  .tuple(fc.array(change, { maxLength: 4 }), fc.integer({ min: 0, max: 5 }))
  .map(([changes, keep]) => new Step(changes, keep > 0));
const all: fc.Arbitrary<Command>[] = [
  steps,
  steps,
  steps,
  pick.map((n) => new GoTo(n)),
  fc.constantFrom('undo' as const, 'redo' as const).map((what) => new UndoRedo(what)),
  fc.constant(new Fork()),
  pick.map((n) => new Switch(n)),
  pick.map((n) => new Switch(n)),
  pick.map((n) => new Drop(n)),
  fc.nat(20).map((n) => (n === 0 ? new Commit() : new GoTo(n))),
];

describe('a staged device with branches', () => {
  it.each([
    { name: 'in memory', memoryLimit: 2 ** 20 },
    { name: 'with three pages in memory and the rest spilled', memoryLimit: 3 * PAGE },
  ])('gives each branch its own bytes at each step, $name', ({ memoryLimit }) => {
    fc.assert(
      fc.property(fc.commands(all, { maxCommands: 60, size: 'max' }), (commands) => {
        const base = new MemoryDevice(BASE.slice());
        const device = new StagedDevice(base, { memoryLimit });
        const model: Model = {
          lines: new Map([[FIRST_BRANCH, { states: [], names: [], applied: 0 }]]),
          current: FIRST_BRANCH,
          count: 0,
        };
        fc.modelRun(() => ({ model, real: device }), commands);
        // Every state of every branch is still there; the base was never written.
        for (const [name, { states }] of model.lines) {
          if (name !== device.branch) device.switchTo(name);
          model.current = name;
          for (let at = 0; at <= states.length; at++) {
            device.goTo(at);
            line(model).applied = at;
            expectAsModel(model, device);
          }
        }
        expect(Buffer.compare(base.bytes(), BASE)).toBe(0);
        // Nothing is held for steps that nobody reaches: without them, nothing is held at all.
        device.goTo(0);
        for (const { name } of [...device.branches]) if (name !== device.branch) device.dropBranch(name);
        device.begin('the last');
        device.end();
        expect(device.stagedBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('shares the pages of shared steps, and frees what a dropped branch alone had', () => {
    const device = new StagedDevice(new MemoryDevice(new Uint8Array(16 * PAGE)));
    const write = (page: number): void => {
      device.begin(`page ${page}`);
      device.write(page * PAGE, new Uint8Array(PAGE).fill(page + 1));
      device.end();
    };
    write(0);
    write(1);
    device.fork('a');
    expect(device.stagedBytes).toBe(2 * PAGE);
    write(2);
    write(1);
    expect(device.stagedBytes).toBe(4 * PAGE);
    device.goTo(1);
    // The undone steps of `a` go; the second one is still main's.
    write(5);
    expect(device.stagedBytes).toBe(3 * PAGE);
    expect(device.switchTo(FIRST_BRANCH)).toMatchObject({ undone: [{ name: 'page 5' }], redone: [{ name: 'page 1' }] });
    device.dropBranch('a');
    expect(device.stagedBytes).toBe(2 * PAGE);
  });

  it('prefers memory for new pages once some are free again', () => {
    const device = new StagedDevice(new MemoryDevice(new Uint8Array(16 * PAGE)), { memoryLimit: 2 * PAGE });
    device.begin('four pages');
    device.write(0, new Uint8Array(4 * PAGE).fill(7));
    device.end();
    expect([device.stagedBytes, device.spilledBytes]).toEqual([4 * PAGE, 2 * PAGE]);
    device.undo();
    for (const page of [0, 1, 2]) {
      device.begin(`page ${page}`);
      device.write(page * PAGE, new Uint8Array(PAGE).fill(8));
      device.end();
    }
    // The first one was made while the undone step still held the memory.
    expect([device.stagedBytes, device.spilledBytes]).toEqual([3 * PAGE, PAGE]);
  });

  it('refuses what would tear a step, or leave no branch', () => {
    const device = new StagedDevice(new MemoryDevice(new Uint8Array(PAGE)));
    expect(() => device.dropBranch(FIRST_BRANCH)).toThrow(/current/);
    expect(() => device.switchTo('nowhere')).toThrow(/no branch/);
    expect(() => device.goTo(1)).toThrow(/no place/);
    device.fork('a');
    expect(() => device.fork(FIRST_BRANCH)).toThrow(/already/);
    device.begin('open');
    for (const act of [
      () => device.fork('b'),
      () => device.switchTo(FIRST_BRANCH),
      () => device.dropBranch(FIRST_BRANCH),
      () => device.goTo(0),
      () => device.redo(),
    ]) {
      expect(act).toThrow(/while step 'open' is open/);
    }
  });
});
