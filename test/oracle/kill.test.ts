/**
 * The real program, killed by the kernel at every system call that changes the image: what lies on the disk then is
 * the old image, the new one, or what the next open recovers. strace injects the kill; without it this is skipped.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { PROGRAM, platter } from '../support/platter.ts';
import { create, describeWithQemu, io, testFolder } from '../support/qemu.ts';
import type { Format } from './conversion.ts';
import { survivalOf, whyLost } from './survival.ts';

const CALLS = ['pwrite64', 'ftruncate', 'fsync', 'fdatasync'] as const;
const TIMEOUT_MS = 60_000;

function traced(path: string, to: Format, log: string, inject: readonly string[]): number | null {
  const env: NodeJS.ProcessEnv = { ...process.env, UV_USE_IO_URING: '0' };
  delete env['NODE_EXTRA_CA_CERTS'];
  const words = ['-f', '-qq', '-o', log, '-P', path, '-e', `trace=${CALLS.join(',')}`, ...inject];
  const program = [process.execPath, PROGRAM, 'convert-inplace', path, to];
  return spawnSync('strace', [...words, ...program], { env, timeout: TIMEOUT_MS }).status;
}

const hasStrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;

describeWithQemu('the program killed at every write', () => {
  it.skipIf(!hasStrace).each([
    ['qcow2', 'qed'],
    ['qed', 'qcow2'],
  ] as const)('%s to %s', (from, to) => {
    const folder = testFolder();
    const original = resolve(folder, 'original');
    create(original, from, '4M', { options: { cluster_size: 4096 } });
    io(original, from, ['write -q -P 1 3M 16k', 'write -q -P 2 0 16k', 'write -q -z 1M 4k', 'write -q -P 3 8k 4k']);
    const whole = join(folder, 'whole');
    copyFileSync(original, whole);
    const log = join(folder, 'log');
    expect(traced(whole, to, log, [])).toBe(0);
    const calls = readFileSync(log, 'utf8').split('\n');
    expect(survivalOf(whole, from, to, original)).toBe('new');
    let killed = 0;
    for (const call of CALLS) {
      const count = calls.filter((line) => line.includes(` ${call}(`) || line.startsWith(`${call}(`)).length;
      for (let n = 1; n <= count; n++) {
        const path = join(folder, `${call}-${n}`);
        copyFileSync(original, path);
        traced(path, to, join(folder, 'killed-log'), ['-e', `inject=${call}:signal=KILL:when=${n}`]);
        const survival = survivalOf(path, from, to, original);
        if (survival === 'lost' || existsSync(`${path}.platter-journal`)) platter(['info', path]);
        expect(survivalOf(path, from, to, original), `${call} ${n}\n${whyLost(path, from, to)}`).not.toBe('lost');
        killed++;
      }
    }
    // At the least: new tables, a flush, the header sector, a flush.
    expect(killed, 'kills').toBeGreaterThan(3);
  });
});
