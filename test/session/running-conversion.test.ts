/** A conversion in pieces: whatever the way, the same bytes; undone to the start, the image that was; each piece true. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { mapOne } from '../../src/commands/setmap.ts';
import type { ConversionTarget, TargetRequest } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { advance, begin, conversionStatus, conversionWords } from '../../src/session/running-conversion.ts';
import { Session } from '../../src/session/session.ts';
import { SAMPLES, withSamples } from '../commands/transcript.ts';
import { bytesOf, type Deed, drive, inOneGo, PHASE_GOALS } from '../support/stepping.ts';

const CASES: readonly (readonly [sample: string, to: string, request: TargetRequest])[] = [
  ['start.qcow2', 'qed', {}],
  ['start.qcow2', 'qcow2', { cluster_size: '512', refcount_bits: '64' }],
  ['fragmented.qcow2', 'qed', { table_size: '2' }],
  ['fragmented.qcow2', 'qcow2', { cluster_size: '512', refcount_bits: '1' }],
  ['fragmented.qed', 'qcow2', { cluster_size: '1k', compat: '0.10' }],
  ['zero.qcow2', 'qed', {}],
  ['zero.qed', 'qcow2', { refcount_bits: '8' }],
  ['plain.qed', 'qed', { table_size: '16' }],
  ['preallocated.qcow2', 'qcow2', { refcount_bits: '32' }],
];

const deed = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }).map((pieces): Deed => ({ go: { pieces } })) },
  { weight: 1, arbitrary: fc.constant<Deed>({ go: 'phase' }) },
  { weight: 2, arbitrary: fc.constantFrom(...PHASE_GOALS).map((go): Deed => ({ go })) },
  {
    weight: 2,
    arbitrary: fc
      .record({ kind: fc.constantFrom('guest' as const, 'host' as const), at: fc.integer({ min: 0, max: 2 ** 14 }) })
      .map(({ kind, at }): Deed => ({ go: { kind, offset: at * 512 } })),
  },
  { weight: 5, arbitrary: fc.constantFrom<Deed>('undo', 'undo', 'redo', 'redo', 'look', 'cancel', 'begin again') },
);

function opened<T>(sample: string, use: (session: Session) => T): T {
  const session = Session.open(join(SAMPLES, sample));
  try {
    return use(session);
  } finally {
    session.close();
  }
}

describe('a conversion in pieces', () => {
  it.each(CASES)('%s to %s %j: any way to the end gives the bytes of one go', (sample, to, request) => {
    const original = opened(sample, bytesOf);
    const wanted = opened(sample, (session) => {
      inOneGo(session, to, request);
      return bytesOf(session);
    });
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 14 }), (deeds) =>
        opened(sample, (session) => {
          drive(session, to, request, deeds);
          expect(bytesOf(session).equals(wanted)).toBe(true);
          const count = session.steps.filter(({ applied }) => applied).length;
          for (let i = 0; i < count; i++) session.undo();
          expect(bytesOf(session).equals(original)).toBe(true);
          expect([session.conversion, session.target, session.converted]).toEqual([undefined, undefined, false]);
          for (let i = 0; i < count; i++) session.redo();
          expect(bytesOf(session).equals(wanted)).toBe(true);
        }),
      ),
      { numRuns: 25 },
    );
  });

  it.each(CASES)('%s to %s %j: each piece writes where it says, and no more', (sample, to, request) => {
    opened(sample, (session) => {
      runToEnd(begin(session, 'convert', driverNamed(to), request));
      const seen: string[] = [];
      while (session.conversion?.phase !== 'done') {
        const before = session.conversion?.phase as string;
        const { shown } = runToEnd(advance(session, 'step', { pieces: 1 }));
        // What goes on is what the marks and the device say.
        session.undo();
        session.redo();
        expect(shown).toHaveLength(1);
        seen.push(before);
        for (const event of session.steps.at(-1)?.changes.events ?? []) {
          if (event.kind !== 'write') continue;
          const place = shown[0]?.writes.find(({ offset, length }) => {
            return event.offset >= offset && event.offset + event.length <= offset + length;
          });
          expect(place?.what, `${before} wrote ${event.what} at ${event.offset}`).toBe(event.what);
        }
      }
      const phases = session.conversion.phases.filter((phase) => seen.includes(phase));
      expect([...new Set(seen)]).toEqual(phases);
      expect(phases).toContain('verify');
      expect(conversionWords(session)).toBeUndefined();
      const inPieces = bytesOf(session);
      session.discard();
      inOneGo(session, to, request);
      expect(inPieces.equals(bytesOf(session))).toBe(true);
    });
  });

  it('names a table in the L1 table that is built already', () => {
    opened('start.qcow2', (session) => {
      runToEnd(begin(session, 'convert', driverNamed('qcow2'), { cluster_size: '512' }));
      const span = session.target?.tableSpan ?? 0;
      runToEnd(advance(session, 'step', { pieces: 2 }));
      runToEnd(advance(session, 'step', { pieces: 1 }));
      session.undo();
      runToEnd(advance(session, 'until l1', { kind: 'phase', phase: 'l1' }));
      session.undo();
      session.redo();
      let guest = 0;
      while (session.target?.tableOf(guest)) guest += span;
      expect(guest).toBeLessThan(session.image.size);
      runToEnd(
        session.step('setmap zero', ({ target, image }) =>
          mapOne({ kind: 'zero', guest, length: 512 }, image, target as ConversionTarget, false),
        ),
      );
      runToEnd(advance(session, 'finish', 'end'));
      expect(session.image.getMapping(guest)).toEqual({ kind: 'zero', guest, length: 512 });
    });
  });

  it('counts what is done, and undo counts back', () => {
    opened('start.qcow2', (session) => {
      runToEnd(begin(session, 'convert', driverNamed('qcow2'), { cluster_size: '512' }));
      const words: (string | undefined)[] = [conversionWords(session)];
      const total = Number(words[0]?.split('/')[1]);
      expect(total).toBeGreaterThan(2);
      for (let i = 1; i <= total; i++) {
        runToEnd(advance(session, 'until l2', { kind: 'phase', phase: 'l2' }));
        words.push(conversionWords(session));
      }
      expect(words).toEqual([...Array.from({ length: total }, (_, i) => `L2 tables ${i}/${total}`), 'L1 table 0/1']);
      for (let i = total - 1; i >= 0; i--) {
        session.undo();
        expect(conversionWords(session)).toBe(words[i]);
      }
    });
  });

  it('reads back what another step changed before the header, and does not pass what is wrong', async () => {
    await withSamples((folder) => {
      const session = Session.open(join(folder, 'start.qcow2'));
      try {
        runToEnd(begin(session, 'convert', driverNamed('qed'), {}));
        runToEnd(advance(session, 'until verify', { kind: 'phase', phase: 'verify' }));
        expect(session.conversion?.phase).toBe('header');
        // Another host cluster than the source has.
        runToEnd(
          session.step('damage', function* ({ target, device }) {
            const table = target?.tableOf(0);
            device.write((table?.offset ?? 0) + 8, new Uint8Array(8));
            yield { what: 'damaging', done: 1, total: 1 };
          }),
        );
        expect(session.conversion?.phase).toBe('verify');
        const status = runToEnd(conversionStatus(session));
        expect(status?.phases.find(({ phase }) => phase === 'verify')?.state).toBe('now');
        // The target in memory is the one of before: undo and redo have it read back from the device.
        session.undo();
        session.redo();
        const steps = session.steps.length;
        expect(() => runToEnd(advance(session, 'finish', 'end'))).toThrow(/0x1000.*the source has data/);
        expect([session.steps.length, session.conversion?.phase]).toEqual([steps, 'verify']);
      } finally {
        session.close();
      }
    });
  });
});
