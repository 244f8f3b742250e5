/** The program as qemu-io: how it is called, what it loads, and files that others hold. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ours, real } from '../oracle/qemu-io/twins.ts';
import { PROGRAM } from '../support/platter.ts';
import { create, describeWithQemu, testFolder } from '../support/qemu.ts';

const START = resolve(import.meta.dirname, '../../sample-images/start.qcow2');

it('is qemu-io through a link of that name', () => {
  const folder = testFolder();
  const link = join(folder, 'qemu-io');
  symlinkSync(PROGRAM, link);
  const done = spawnSync(process.execPath, [link, '-r', '-c', 'length', START], { encoding: 'utf8' });
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toMatch(/^[\d.]+ [KMG]iB\n$/);
});

it('loads its own part and what writes, and neither the screen nor yargs', () => {
  const folder = testFolder();
  const image = join(folder, 'a.qcow2');
  copyFileSync(START, image);
  const parts = join(folder, 'parts');
  mkdirSync(parts);
  const env = { ...process.env, PLATTER_KEEP_COMPILED: parts };
  const args = [PROGRAM, '--qemu-io', '-c', 'write 0 64k', image];
  const done = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  expect(done.stdout).toContain('wrote 65536/65536 bytes at offset 0');
  const loaded = readdirSync(parts).filter((name) => name.startsWith('lazy-'));
  expect(loaded.sort()).toEqual(['lazy-commit.cjs.compiled', 'lazy-qemu-io.cjs.compiled', 'lazy-write.cjs.compiled']);
});

describeWithQemu('a file that real qemu-io holds', () => {
  const HOLD = [
    ['for writing', ['-f', 'qcow2']],
    ['for reading', ['-r', '-f', 'qcow2']],
    ['as raw', ['-f', 'raw']],
  ] as const;

  it.each(HOLD)('%s', async (_, how) => {
    const cwd = testFolder();
    create(join(cwd, 'a.qcow2'), 'qcow2', '1M');
    create(join(cwd, 'b.qcow2'), 'qcow2', '1M', { backing: { file: 'a.qcow2', format: 'qcow2' } });
    const holder = spawn('qemu-io', [...how, 'a.qcow2'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => {
      holder.kill();
    });
    // The prompt comes when the image is open.
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const tries = [
      ['a.qcow2'],
      ['-r', 'a.qcow2'],
      ['-r', '-U', 'a.qcow2'],
      ['-f', 'raw', 'a.qcow2'],
      ['-f', 'raw', '-r', 'a.qcow2'],
    ];
    tries.push(['-s', 'a.qcow2'], ['b.qcow2'], ['--image-opts', 'driver=qcow2,file.locking=off,file.filename=b.qcow2']);
    for (const words of tries) {
      const wish = { args: ['-c', 'length', ...words], cwd };
      expect(ours(wish), words.join(' ')).toEqual(real(wish));
    }
  });
});
