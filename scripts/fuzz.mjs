/**
 * A long run of spoilt images: `npm run fuzz -- --images 100000 --seed 7 --format qcow2`. Prints a failure with the
 * fewest changes that show it, and goes on; exits with 1 when there was one.
 */
import { parseArgs } from 'node:util';
import { loadTs } from './load-ts.mjs';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    format: { type: 'string' },
    failures: { type: 'string', default: '5' },
  },
});
const { fuzz, FuzzFailure } = await loadTs('test/fuzz/fuzz.ts');
const PIECE = 500;
let failures = 0;
for (const format of values.format ? [values.format] : ['qcow2', 'qed']) {
  const begun = Date.now();
  const images = Number(values.images);
  const worst = {};
  let slowest = { ms: 0, recipe: '' };
  let done = 0;
  let opened = 0;
  for (let piece = 0; done < images && failures < Number(values.failures); piece++) {
    try {
      const count = Math.min(PIECE, images - done);
      const tally = fuzz({ format, images: count, seed: Number(values.seed) + piece });
      opened += tally.opened;
      for (const [key, value] of Object.entries(tally.worst)) worst[key] = Math.max(worst[key] ?? 0, Number(value));
      if (tally.slowest.ms > slowest.ms) slowest = tally.slowest;
    } catch (error) {
      if (!(error instanceof FuzzFailure)) throw error;
      failures++;
      process.stdout.write(`${error.message}\n\n`);
    }
    done += PIECE;
  }
  const seconds = (Date.now() - begun) / 1000;
  process.stdout.write(
    `${format}: ${Math.min(done, images)} images in ${seconds.toFixed(1)} s, ${opened} opened; ` +
      `the dearest: ${JSON.stringify(worst)}; the slowest, ${slowest.ms.toFixed(0)} ms: ${slowest.recipe}\n`,
  );
}
process.exitCode = failures > 0 ? 1 : 0;
