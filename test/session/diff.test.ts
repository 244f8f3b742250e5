/** A diff names every byte that differs, once; applied it gives the other bytes; and it says what the fields say. */
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/bytes/field.ts';
import { ImageError } from '../../src/errors.ts';
import { Diff } from '../../src/session/diff.ts';
import { Session } from '../../src/session/session.ts';
import { SAMPLES, withSamples } from '../commands/transcript.ts';
import { describeWithQemu, testFolder } from '../support/qemu.ts';
import { Random, SEED, seeds } from '../support/random.ts';
import { randomImage } from '../support/random-image.ts';
import { changesOf, type Deed, deed, expectDiffs, withSteps } from './diff-harness.ts';

const seed = SEED;
const NAMES = [
  ...readdirSync(SAMPLES).filter((name) => /\.(qcow2|qed)$/.test(name)),
  ...readdirSync(join(SAMPLES, 'corrupt')).map((name) => `corrupt/${name}`),
];

/** Kinds of changes, and how often they were seen. */
const seen = new Map<string, number>();

/** On a copy of a sample. */
async function onSample(folder: string, name: string, deeds: readonly Deed[]): Promise<void> {
  const path = join(folder, `copy-${name.replace('/', '-')}`);
  copyFileSync(join(folder, name), path);
  await withSteps(path, deeds, (session) => expectDiffs(session, seen));
}

describe('a diff between any two steps', () => {
  it(`names every byte that differs once, and is turned round by going back, seed ${seed}`, async () => {
    await withSamples(async (folder) => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...NAMES), fc.array(deed, { maxLength: 6 }), (name, deeds) =>
          onSample(folder, name, deeds),
        ),
        { numRuns: 60, seed },
      );
    });
  });

  it.each(NAMES)('%s: a conversion with changes by hand', async (name) => {
    const kinds: Deed['kind'][] = [
      'set',
      'copy',
      'target',
      'setmap',
      'setmap all',
      'copy-header',
      'set',
      'copy',
      'undo',
    ];
    await withSamples((folder) =>
      onSample(
        folder,
        name,
        kinds.map((kind, i) => ({ kind, a: i * 7919 + (name.endsWith('.qed') ? 1 : 0), b: i * 104_729 })),
      ),
    );
  });

  it('has told every kind of change by now', () => {
    expect([...seen.keys()].sort()).toEqual(['bytes', 'entries', 'field', 'size', 'table']);
  });

  it('has shown every kind of change', () => {});
});

/** Of the fields whose image has one format at both moments: what `print` says there. */
function expectTruth(session: Session): void {
  const end = session.steps.length;
  for (let b = 1; b <= end; b++) {
    const changes = changesOf(new Diff(session, b - 1, b), { all: true });
    const formats = [b - 1, b].map((step) => session.momentAt(step).format);
    if (formats[0] !== formats[1]) continue;
    for (const [step, text] of [
      [b - 1, 'old'],
      [b, 'new'],
    ] as const) {
      session.goTo(step);
      for (const change of changes) {
        if (change.kind !== 'field' || change.name.startsWith('target ')) continue;
        const field = fieldNamed(session, change.name);
        if (field?.offset !== change.offset) continue;
        expect({ name: change.name, text: field.text }).toEqual({ name: change.name, text: change[text] });
        told++;
      }
    }
  }
  session.goTo(end);
}

let told = 0;

function fieldNamed({ image }: Session, path: string): Field | undefined {
  try {
    return image.field(path);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

describeWithQemu('a diff on images made by QEMU', () => {
  it.each(seeds(8))('names every byte that differs once, seed %i', async (one) => {
    const folder = testFolder();
    const { path } = randomImage(one, { format: one % 3 === 0 ? 'qed' : 'qcow2', folder, convertible: one % 2 === 0 });
    const random = new Random(one);
    const deeds = fc.sample(fc.array(deed, { minLength: 3, maxLength: 7 }), { numRuns: 4, seed: one });
    for (const some of deeds) {
      const target: Deed = { kind: random.pick(['target', 'convert']), a: random.int(0, 99), b: 0 };
      await withSteps(path, random.chance(0.7) ? [target, ...some] : some, (session) =>
        expectDiffs(session, seen, 2 ** 22),
      );
    }
  });
});

describe('a diff', () => {
  it(`says of a field what print says before and after, seed ${seed}`, async () => {
    const sets = fc.array(
      deed.map((one): Deed => ({ ...one, kind: one.b % 5 === 0 ? 'copy' : 'set' })),
      { minLength: 1, maxLength: 5 },
    );
    await withSamples(async (folder) => {
      const each = fc.asyncProperty(fc.constantFrom(...NAMES), sets, (name, deeds) => {
        const path = join(folder, `copy-${name.replace('/', '-')}`);
        copyFileSync(join(folder, name), path);
        return withSteps(path, deeds, expectTruth);
      });
      await fc.assert(each, { numRuns: 100, seed });
    });
    expect(told).toBeGreaterThan(50);
  });

  it('is refused for steps that are not there', async () => {
    await withSamples((folder) => {
      const session = Session.open(join(folder, 'start.qcow2'));
      expect(() => session.momentAt(1)).toThrow('there are no steps');
      session.close();
    });
  });
});
