/** Sessions with random steps, and what has to hold for a diff between any two of them. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { Runner } from '../../src/commands/run.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import { PLAIN } from '../../src/commands/style.ts';
import { readBytes } from '../../src/device/device.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { ImageError } from '../../src/errors.ts';
import { Debugger } from '../../src/session/debugger.ts';
import { Diff, type DiffOptions } from '../../src/session/diff.ts';
import { type Change, inverse } from '../../src/session/diff-change.ts';
import type { Session } from '../../src/session/session.ts';

/** Something to type, as far as it can be said without looking at the image; numbers choose among what is there. */
export interface Deed {
  readonly kind:
    | 'target'
    | 'convert'
    | 'step'
    | 'until'
    | 'setmap'
    | 'setmap all'
    | 'copy-header'
    | 'set'
    | 'copy'
    | 'undo'
    | 'redo';
  readonly a: number;
  readonly b: number;
}

export const deed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constantFrom(
    ...(['target', 'setmap', 'setmap all', 'copy-header', 'copy-header', 'set', 'set', 'set', 'copy'] as const),
    ...(['convert', 'step', 'step', 'until', 'undo', 'redo'] as const),
  ),
  a: fc.nat(2 ** 20),
  b: fc.nat(2 ** 20),
});

const VALUES = ['0', '1', '2', 'zero', '0x5000 copied', '0x20000', '0x30000 copied', '7'];
const TARGETS = ['qed', 'qcow2', 'qed -o cluster_size=65536', 'qcow2 -o refcount_bits=1', 'qcow2 -o cluster_size=4096'];

/** What the deed is on this image. */
export function lineOf({ kind, a, b }: Deed, session: Session): string {
  const { image } = session;
  const pick = <T>(from: readonly T[], n: number): T => from[n % from.length] as T;
  switch (kind) {
    case 'target':
      return `open-target ${pick(TARGETS, a)}`;
    case 'convert':
      return `convert ${pick(TARGETS, a)}`;
    case 'step':
      return `step ${1 + (a % 40)}`;
    case 'until':
      return `until ${pick(['l2', 'l1', 'header'], a)}`;
    case 'setmap': {
      const unit = session.target?.clusterSize ?? 4096;
      const guest = (a % Math.max(1, Math.floor(image.size / unit))) * unit;
      const host = image.size > guest ? image.getMapping(guest).host : undefined;
      return `setmap ${guest} ${host === undefined || b % 3 === 0 ? 'zero' : host} ${unit} --force`;
    }
    case 'setmap all':
      return 'setmap --all';
    case 'copy-header':
      return 'copy-header --force';
    case 'set': {
      const fields = fieldsOf(image);
      return fields.length === 0 ? 'steps' : `set ${pick(fields, a)} ${pick(VALUES, b)}`;
    }
    case 'copy': {
      const { size } = image.device;
      const grain = pick([1, 16, 512, 4096], b);
      const at = (n: number): number => Math.floor(((n % 1000) / 1000) * (size / grain)) * grain;
      return `copy ${at(a)} ${at(b) + (b % 7 === 0 ? size : 0)} ${grain * ((a % 5) + 1)}`;
    }
    default:
      return kind;
  }
}

function fieldsOf(image: Image): string[] {
  const roots = image.fieldNames('').map((name) => name.replace(/[.[]$/, ''));
  return roots.flatMap((root) => image.fieldList(root, 20).fields.map(({ path }) => path));
}

/** A session on a copy of the image, with the deeds done that can be. */
export async function withSteps(path: string, deeds: readonly Deed[], use: (session: Session) => void): Promise<void> {
  const sink = new MemorySink();
  const host = new Debugger();
  const runner = new Runner(host, { out: sink, err: sink, json: false, style: PLAIN, prefix: '' });
  try {
    try {
      host.open({ path });
    } catch (error) {
      // What cannot be opened has no steps.
      if (error instanceof ImageError) return;
      throw error;
    }
    for (const one of deeds) await runner.line(lineOf(one, host.current()));
    use(host.current());
  } finally {
    host.end();
  }
}

export function changesOf(diff: Diff, options: DiffOptions = {}): Change[] {
  const changes: Change[] = [];
  runToEnd(diff.changes((change) => changes.push(change), options));
  return changes;
}

/** The bytes at each step, by really going there; the session is where it was afterwards. */
export function statesOf(session: Session): Uint8Array[] {
  const here = session.steps.filter(({ applied }) => applied).length;
  const all = Array.from({ length: session.steps.length + 1 }, (_, step) => {
    session.goTo(step);
    return readBytes(session.image.device, 0, session.image.device.size);
  });
  session.goTo(here);
  return all;
}

/** Every pair of steps, both ways; counts the kinds of changes. */
export function expectDiffs(session: Session, seen: Map<string, number>, mostBytes = Number.POSITIVE_INFINITY): void {
  // Every byte is looked at for every pair.
  if (session.image.device.size > mostBytes) return;
  const states = statesOf(session);
  for (const [a, old] of states.entries()) {
    for (const [b, now] of states.entries()) {
      if (a > b) continue;
      for (const options of [{}, { all: true }, { walk: false }]) {
        for (const { kind } of expectDiff(session, { a, b, old, now }, options))
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
    }
  }
}

function expectDiff(
  session: Session,
  { a, b, old, now }: { a: number; b: number; old: Uint8Array; now: Uint8Array },
  options: DiffOptions,
): readonly Change[] {
  const diff = new Diff(session, a, b);
  const changes = changesOf(diff, options);
  const end = Math.max(old.length, now.length);
  const [before, after] = [padded(old, end), padded(now, end)];
  expect([diff.oldSize, diff.newSize]).toEqual([old.length, now.length]);
  expect(changes.filter(({ kind }) => kind === 'size')).toEqual(
    old.length === now.length ? [] : [{ kind: 'size', old: old.length, new: now.length }],
  );
  // Each byte once; applied to the old they give the new.
  const patched = Buffer.from(before);
  const owner: (Change | undefined)[] = [];
  for (const change of changes) {
    if (change.kind === 'size') continue;
    const { offset, length } = change;
    if (offset + length > end || length <= 0) throw new Error(`out of the file: ${JSON.stringify(change)}`);
    const bytes = diff.bytes(offset, length);
    if (!Buffer.from(bytes.old).equals(before.subarray(offset, offset + length))) throw new Error('old bytes');
    if (change.kind !== 'table' && Buffer.from(bytes.old).equals(bytes.new)) {
      throw new Error(`nothing differs in ${JSON.stringify(change)}`);
    }
    for (let i = offset; i < offset + length; i++) {
      const other = owner[i];
      if (other && !shareByte(other, change)) {
        throw new Error(`byte ${i} has two names: ${JSON.stringify(other)} and ${JSON.stringify(change)}`);
      }
      owner[i] = change;
    }
    patched.set(bytes.new, offset);
  }
  if (!patched.equals(after)) {
    const at = patched.findIndex((byte, i) => byte !== after[i]);
    throw new Error(`${a}..${b}: byte ${at} has no name; ${JSON.stringify(changes.slice(0, 20))}`);
  }
  expect(changesOf(new Diff(session, b, a), options)).toEqual(changes.map(inverse));
  return changes;
}

/** Counters of fewer than eight bits, each by itself. */
function shareByte(a: Change, b: Change): boolean {
  const isCounter = (change: Change): boolean => change.kind === 'field' && /refcount\[/.test(change.name);
  return isCounter(a) && isCounter(b) && 'length' in a && a.length === 1;
}

function padded(bytes: Uint8Array, size: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
}
