/**
 * The one gate: build, types, lint, then every test, and how many of them asked real QEMU.
 * `npm test`, or `npm test -- ARGUMENTS FOR VITEST` for a part. With CI set, or PLATTER_REQUIRE_QEMU=1, it fails when
 * any test against QEMU was skipped.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'platter-test-'));
const tally = join(folder, 'tally');
const env = { ...process.env, PLATTER_TALLY: tally };
// A certificate file in the environment makes every node start three times as dear, and nothing here needs one.
delete env.NODE_EXTRA_CA_CERTS;

function step(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env });
  return status ?? 1;
}

const bin = (name) => join(import.meta.dirname, '../node_modules/.bin', name);
const steps = [
  [process.execPath, ['scripts/build.mjs', '--if-stale']],
  [bin('tsc'), ['-p', '.']],
  [bin('biome'), ['check', '.']],
  [bin('vitest'), ['run', ...process.argv.slice(2)]],
];
let status = 0;
for (const [command, args] of steps) {
  status ||= step(command, args);
}
status = step(process.execPath, ['test/support/print-tally.mjs', tally]) || status;
rmSync(folder, { recursive: true, force: true });
process.exitCode = status;
