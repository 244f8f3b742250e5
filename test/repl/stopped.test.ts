/** A change that stops at a breakpoint, on the screen: where it stands, and what it has written so far. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { running } from './running.ts';

const SAMPLES = join(import.meta.dirname, '../../sample-images');

it('says where a change has stopped, shows the writes so far, and goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'platter-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const image = join(folder, 'plain.qed');
  copyFileSync(join(SAMPLES, 'plain.qed'), image);
  const run = await running({ image, columns: 140, rows: 40 });
  for (const line of ['break l2_update A', 'write 256k 64k']) await run.enter(line);
  const stopped = await run.settled();
  expect(stopped.split('\n')[0]).toContain('stopped at l2_update (A)');
  expect(stopped).toMatch(/write 256k 64k .*stopped/);
  expect(stopped).toContain('step 1 writes');
  expect(stopped).toMatch(/guest data/);
  await run.enter('resume');
  const done = await run.settled();
  expect(done.split('\n')[0]).not.toContain('stopped');
  expect(done).toContain('wrote 65536/65536 bytes at offset 262144');
  expect(done).toMatch(/write 256k 64k .*staged/);
});
