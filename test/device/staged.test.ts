import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { StagedDevice } from '../../src/device/staged.ts';
import { EVENTS_KEPT } from '../../src/device/step.ts';

const BASE_SIZE = 3 * 4096 + 700;
const baseContent = (): Uint8Array => Uint8Array.from({ length: BASE_SIZE }, (_, i) => (i % 253) + 1);

type Change =
  | { kind: 'write'; at: number; length: number; fill: number }
  | { kind: 'resize'; size: number }
  | { kind: 'flush' };

type Action =
  | { kind: 'step'; changes: Change[]; keep: boolean }
  | { kind: 'undo' }
  | { kind: 'redo' }
  | { kind: 'commit' };

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      at: fc.nat(24_000),
      length: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 9000 }), fc.constant(512)),
      fill: fc.integer({ min: 0, max: 255 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resize' as const), size: fc.nat(30_000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
);

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('step' as const),
      changes: fc.array(change, { maxLength: 6 }),
      keep: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'undo' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'redo' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'commit' as const }) },
);

function changed(before: Uint8Array, c: Change): Uint8Array {
  if (c.kind === 'flush') return before;
  const size = c.kind === 'resize' ? c.size : Math.max(before.length, c.at + c.length);
  const after = new Uint8Array(size);
  after.set(before.subarray(0, size));
  if (c.kind === 'write') after.fill(c.fill, c.at, c.at + c.length);
  return after;
}

/** What a commit does with the dirty ranges, without its care. */
function writeDown(staged: StagedDevice, base: MemoryDevice): void {
  for (const { offset, length } of staged.dirtyRanges()) base.write(offset, readBytes(staged, offset, length));
  base.resize(staged.size);
  staged.reset();
}

function expectEqual(device: StagedDevice, model: Uint8Array): void {
  expect(device.size).toBe(model.length);
  // Past the end too: nothing stale may lurk there.
  const read = readBytes(device, 0, model.length + 5000);
  expect(Buffer.compare(read.subarray(0, model.length), model)).toBe(0);
  expect(read.subarray(model.length).every((byte) => byte === 0)).toBe(true);
}

describe('StagedDevice against a model', () => {
  it.each([
    { name: 'in memory', memoryLimit: undefined },
    { name: 'with two pages in memory and the rest spilled', memoryLimit: 8192 },
  ])('equals a plain array under any sequence of steps, undo, redo, abandon and commit, $name', ({ memoryLimit }) => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
        const base = new MemoryDevice(baseContent());
        const device = new StagedDevice(base, memoryLimit === undefined ? {} : { memoryLimit });
        let past: Uint8Array[] = [];
        let future: Uint8Array[] = [];
        let now: Uint8Array = baseContent();
        for (const a of actions) {
          if (a.kind === 'step') {
            device.begin('step');
            let next = now;
            for (const c of a.changes) {
              if (c.kind === 'write') device.write(c.at, new Uint8Array(c.length).fill(c.fill), 'test');
              else if (c.kind === 'resize') device.resize(c.size);
              else device.flush();
              next = changed(next, c);
            }
            expectEqual(device, next);
            if (a.keep) {
              device.end();
              past.push(now);
              future = [];
              now = next;
            } else device.abandon();
          } else if (a.kind === 'undo') {
            expect(device.undo() !== undefined).toBe(past.length > 0);
            const before = past.pop();
            if (before) {
              future.push(now);
              now = before;
            }
          } else if (a.kind === 'redo') {
            expect(device.redo() !== undefined).toBe(future.length > 0);
            const after = future.pop();
            if (after) {
              past.push(now);
              now = after;
            }
          } else {
            writeDown(device, base);
            past = [];
            future = [];
            expect(Buffer.compare(base.bytes(), now)).toBe(0);
          }
          expectEqual(device, now);
          expect(device.steps.length).toBe(past.length);
          expect(device.redoable.length).toBe(future.length);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('StagedDevice', () => {
  function fresh(size = 10_000): StagedDevice {
    return new StagedDevice(new MemoryDevice(new Uint8Array(size).fill(0xbb)));
  }

  it('writes nothing to its base', () => {
    const base = new MemoryDevice(baseContent());
    const device = new StagedDevice(base);
    device.begin('write');
    device.write(100, new Uint8Array(20_000));
    device.resize(50);
    device.end();
    device.undo();
    expect(base.bytes()).toEqual(baseContent());
  });

  it('names its steps, with labelled writes, barriers and sizes', () => {
    const device = fresh();
    device.begin('setmap 0 65536 512');
    device.write(512, new Uint8Array(8), 'l2 table 0');
    device.write(520, new Uint8Array(8), 'l2 table 0');
    device.write(528, new Uint8Array(8), 'l1 table');
    device.flush();
    device.resize(20_000);
    expect(device.current?.name).toBe('setmap 0 65536 512');
    device.end();
    expect(device.steps).toMatchObject([
      {
        name: 'setmap 0 65536 512',
        events: [
          { kind: 'write', offset: 512, length: 16, what: 'l2 table 0' },
          { kind: 'write', offset: 528, length: 8, what: 'l1 table' },
          { kind: 'flush' },
          { kind: 'resize', size: 20_000 },
        ],
        eventCount: 4,
        bytes: 24,
        sizeBefore: 10_000,
        sizeAfter: 20_000,
      },
    ]);
    expect(device.current).toBeUndefined();
  });

  it('keeps an empty step', () => {
    const device = fresh();
    device.begin('getopts');
    device.end();
    expect(device.steps).toHaveLength(1);
    expect(device.dirtyRanges().count).toBe(0);
  });

  it('drops the redo tail when a step is kept, not when one is abandoned', () => {
    const device = fresh();
    device.begin('one');
    device.write(0, Uint8Array.of(1));
    device.end();
    device.undo();
    device.begin('abandoned');
    device.write(0, Uint8Array.of(2));
    device.abandon();
    expect(device.redoable.map((step) => step.name)).toEqual(['one']);
    device.redo();
    expect(readBytes(device, 0, 1)[0]).toBe(1);
    device.undo();
    device.begin('two');
    device.end();
    expect(device.redoable).toHaveLength(0);
    expect(device.redo()).toBeUndefined();
  });

  it('gives back the pages of what was abandoned, dropped and reset', () => {
    const device = fresh();
    device.begin('one');
    device.write(0, new Uint8Array(10_000));
    device.abandon();
    expect(device.stagedBytes).toBe(0);
    device.begin('two');
    device.write(0, new Uint8Array(10_000));
    device.end();
    device.undo();
    device.begin('three');
    device.write(0, Uint8Array.of(1));
    device.resize(0);
    device.end();
    expect(device.stagedBytes).toBe(0);
    device.reset();
    expect(device.stagedBytes).toBe(0);
    expect(device.size).toBe(10_000);
  });

  it('tells dirty sectors, and what a shrink and a growth zeroed', () => {
    const device = fresh();
    device.begin('edit');
    device.write(700, Uint8Array.of(1));
    device.write(5 * 4096 + 600, Uint8Array.of(1));
    expect([...device.dirtyRanges()]).toEqual([
      { offset: 512, length: 512 },
      { offset: 5 * 4096 + 512, length: 89 },
    ]);
    device.resize(9000);
    device.resize(20_000);
    expect([...device.dirtyRanges()]).toEqual([
      { offset: 512, length: 512 },
      { offset: 9000, length: 1000 },
    ]);
    device.end();
  });

  it('takes writes only inside a step', () => {
    const device = fresh();
    expect(() => device.write(0, Uint8Array.of(1))).toThrow(/outside of any step/);
    expect(() => device.resize(1)).toThrow(/outside of any step/);
    device.begin('a');
    expect(() => device.begin('b')).toThrow(/still open/);
    expect(() => device.undo()).toThrow(/open/);
  });

  it('bounds what it keeps of a step with millions of writes', () => {
    const device = fresh();
    device.begin('many');
    for (let i = 0; i < EVENTS_KEPT + 10; i++) device.write((i * 2) % 9000, Uint8Array.of(1), `${i}`);
    expect(device.end()).toMatchObject({ eventCount: EVENTS_KEPT + 10, bytes: EVENTS_KEPT + 10 });
    expect(device.steps[0]?.events).toHaveLength(EVENTS_KEPT);
  });

  it('reads 200 steps deep', () => {
    const device = fresh(4096);
    for (let i = 0; i < 200; i++) {
      device.begin(`${i}`);
      device.write(i * 8, Uint8Array.of(i));
      device.end();
    }
    expect(readBytes(device, 8 * 150, 1)[0]).toBe(150);
    for (let i = 0; i < 100; i++) device.undo();
    expect(readBytes(device, 8 * 150, 1)[0]).toBe(0xbb);
    expect(readBytes(device, 8 * 99, 1)[0]).toBe(99);
  });
});
