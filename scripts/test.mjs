/**
 * The one gate: build, types, lint, then every test, and how many of them asked real QEMU.
 * `npm test`, or `npm test -- ARGUMENTS FOR VITEST` for a part. With CI set, or PLATTER_REQUIRE_QEMU=1, it fails when
 * any test against QEMU was skipped.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { newTally, readTally, tallySentence } from '../test/support/print-tally.mjs';

const tally = newTally();
const env = { ...process.env };
// A certificate file in the environment makes every node start three times as dear, and nothing here needs one.
delete env.NODE_EXTRA_CA_CERTS;

const bin = (name) => join(import.meta.dirname, '../node_modules/.bin', name);
const steps = [
  [process.execPath, ['scripts/build.mjs', '--if-stale']],
  [bin('tsc'), ['-p', '.']],
  [bin('biome'), ['check', '.']],
  [bin('vitest'), ['run', ...process.argv.slice(2)]],
];
const failed = steps.find(([command, args]) => spawnSync(command, args, { stdio: 'inherit', env }).status !== 0);
const sums = readTally(tally);
process.stdout.write(`${tallySentence(sums)}\n`);
if (failed) process.stdout.write(`failed: ${failed.flat().join(' ')}\n`);
const mustHaveQemu = Boolean(process.env.CI || process.env.PLATTER_REQUIRE_QEMU);
process.exitCode = failed || (mustHaveQemu && sums.skipped > 0) ? 1 : 0;
