/**
 * The differential runner: seeded random sequences of commands on twin images, one with real qemu-io, one with
 * `platter --qemu-io`. What they say, how they end, what the guest reads and what qemu-img check finds must be equal.
 */
import { expect, it } from 'vitest';
import { describeWithQemu, quickFolder } from '../../support/qemu.ts';
import { pieces, seeds } from '../../support/random.ts';
import { playBatch } from './play.ts';

/** Sequences that one process of each kind plays. */
const BATCH = Number(process.env['PLATTER_BATCH'] ?? 8);
const SEQUENCES = 1000;
const PER_TEST = 40;

describeWithQemu('random sequences, as qemu-io plays them', () => {
  for (const some of pieces(seeds(SEQUENCES), PER_TEST)) {
    it(`seeds ${some[0]}..${some.at(-1)}`, { timeout: 120_000 }, () => {
      const folder = quickFolder();
      const batches = pieces(some, BATCH);
      const played = batches.filter((batch, i) => playBatch(folder, String(i), batch));
      expect(played.length).toBeGreaterThanOrEqual(batches.length - 1);
    });
  }
});
