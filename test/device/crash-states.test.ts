/** The list of states after a crash, held to every state that can be made by hand. */
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { ByteLog } from '../../src/device/byte-log.ts';
import { CrashDisk } from '../../src/device/crash-disk.ts';
import { BOUNDS, type CrashState, crashStates, keptEvents } from '../../src/device/crash-states.ts';
import { type Device, readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { type RecordedEvent, type Recording, recordCommit } from '../../src/device/recording.ts';
import { JOURNAL } from '../support/crash-device.ts';
import { oldImage, SCENARIOS, type Scenario } from './scenarios.ts';

function recorded({ source, rules }: Scenario, keep: boolean): Recording {
  const image = new MemoryDevice(oldImage(), 'image');
  const place = { image, imageId: { dev: '1', ino: '2' }, mtimeNs: '3', fixedSize: false, journalName: JOURNAL };
  const all = { keep, journal: 'when-needed' as const, label: '', ...rules };
  return runToEnd(recordCommit(place, source(), all, new ByteLog()));
}

const bytesOf = (device: Device): Uint8Array => readBytes(device, 0, device.size);
const hexOf = (device: Device | undefined): string => (device ? Buffer.from(bytesOf(device)).toString('latin1') : '-');
const contentOf = (disk: CrashDisk, state: CrashState): string => {
  const { image, journal } = disk.files(state);
  return `${hexOf(image)}\n${hexOf(journal)}`;
};

/** Every state without a tear, the slow way: at each moment every subset of what no flush has made durable. */
function* byHand({ events, log }: Recording): Generator<string> {
  const isDurable = (event: RecordedEvent, later: readonly RecordedEvent[]): boolean => {
    if (event.op === 'write' || event.op === 'resize')
      return later.some((other) => other.op === 'flush' && other.file === event.file);
    return later.some(({ op }) => op === 'sync-folder');
  };
  for (let count = 0; count <= events.length; count++) {
    const past = events.slice(0, count).filter(({ op }) => op !== 'flush' && op !== 'sync-folder');
    const open = past.filter((event) => !isDurable(event, events.slice(events.indexOf(event) + 1, count)));
    for (let bits = 0; bits < 2 ** open.length; bits++) {
      const files = { image: new MemoryDevice(oldImage()), journal: new MemoryDevice() };
      let named = false;
      for (const event of past) {
        if (open.includes(event) && !((bits >>> open.indexOf(event)) & 1)) continue;
        if (event.op === 'write') {
          const bytes = new Uint8Array(event.length);
          log?.read(event.at, bytes);
          files[event.file].write(event.offset, bytes);
        } else if (event.op === 'resize') files[event.file].resize(event.size);
        else if (event.op === 'create') named = true;
        else if (event.op === 'remove') named = false;
      }
      yield `${hexOf(files.image)}\n${hexOf(named ? files.journal : undefined)}`;
    }
  }
}

const both = SCENARIOS.flatMap((scenario) => [false, true].map((keep) => ({ name: scenario.name, scenario, keep })));

describe.each(both)('the states of a commit of $name, rollback file: $keep', ({ scenario, keep }) => {
  it('are all that can happen, and none else', () => {
    const recording = recorded(scenario, keep);
    const disk = new CrashDisk(recording);
    const states = crashStates(recording, 1);
    const expected = new Set(byHand(recording));
    const whole = states.filter(({ torn }) => !torn);
    expect(new Set(whole.map((state) => contentOf(disk, state)))).toEqual(expected);
    const calls = whole.map((state) => [...keptEvents(state), state.segment.from].join());
    expect(new Set(calls).size, 'none twice').toBe(calls.length);
  });

  it('tear writes at sectors only, and are the same again', () => {
    const recording = recorded(scenario, keep);
    const disk = new CrashDisk(recording);
    const states = crashStates(recording, 1);
    expect(crashStates(recording, 1)).toEqual(states);
    for (const state of states) {
      const event = state.torn && recording.events[state.torn.event];
      if (event?.op !== 'write' || state.kept.kind !== 'all') continue;
      const file = disk.files(state)[event.file];
      if (!file) continue;
      const one = state.segment.pending.indexOf(state.torn?.event ?? -1);
      const before = disk.files({ ...state, torn: undefined, kept: { kind: 'all-but', one } })[event.file];
      const wanted = new Uint8Array(event.length);
      recording.log?.read(event.at, wanted);
      for (let at = 0; at < event.length; ) {
        const end = Math.min(event.length, at + 512 - ((event.offset + at) % 512));
        const now = readBytes(file, event.offset + at, end - at);
        const was = before ? readBytes(before, event.offset + at, end - at) : new Uint8Array(end - at);
        const isNew = Buffer.compare(now, wanted.subarray(at, end)) === 0;
        expect(isNew || Buffer.compare(now, was) === 0, `${event.what} at ${event.offset + at}`).toBe(true);
        at = end;
      }
    }
  });
});

describe('the states of a commit of many writes', () => {
  const many: Recording = {
    ...recorded(SCENARIOS[0] as Scenario, false),
    events: [
      ...Array.from({ length: 300 }, (_, i): RecordedEvent => {
        return { op: 'write', file: 'image', stage: 'overwrite', offset: i * 20, length: 10, at: 0, what: `${i}` };
      }),
      { op: 'flush', file: 'image' },
    ],
  };

  it('are bounded, with the ends, and differ by seed', () => {
    const states = crashStates(many, 1);
    expect(states.length).toBeGreaterThan(BOUNDS.prefixes + BOUNDS.missing + BOUNDS.samples);
    expect(states.length).toBeLessThan(1000);
    const counts = states.map((state) => keptEvents(state).size);
    expect(counts[0]).toBe(0);
    expect(counts).toContain(300);
    expect(counts).toContain(299);
    expect(crashStates(many, 2)).not.toEqual(states);
    for (const state of states) {
      const kept = [...keptEvents(state)];
      expect(Math.max(-1, ...kept)).toBeLessThan(Math.max(state.called, 1));
    }
  });
});
