/** An image that does not open is mended by what is there for it: one field by repair, the whole header by rescue. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { platter } from '../support/platter.ts';
import { check, describeWithQemu, identical, judged, testFolder } from '../support/qemu.ts';
import { SAMPLE_FOLDER } from '../support/samples.ts';

/** A copy of a sample with some bytes overwritten. */
function spoilt(name: string, offset: number, bytes: readonly number[]): { image: string; original: string } {
  const original = join(SAMPLE_FOLDER, name);
  const image = join(testFolder(), 'spoilt.qcow2');
  copyFileSync(original, image);
  const whole = readFileSync(image);
  whole.set(bytes, offset);
  writeFileSync(image, whole);
  return { image, original };
}

describeWithQemu('an image that does not open', () => {
  it('repair tells what stands in the way as a subcommand, and mends it at the prompt', () => {
    const { image, original } = spoilt('bitmaps.qcow2', 0x12010, [9]);
    expect(check(image, 'qcow2').verdict).toBe('failed');
    expect(platter(['repair', image]).stdout).toContain('mark the bitmaps as stale');
    const ran = platter(['--broken', '-c', 'repair all', '-c', 'commit', image]);
    // What the bitmaps held is left where it is, and named: leaks, as `check` calls them.
    expect(ran).toMatchObject({ status: 3, stderr: '' });
    expect(check(image, 'qcow2').verdict).toBe('leaks');
    expect(identical(image, 'qcow2', original, 'qcow2')).toBe(true);
    judged();
  });

  it('rescue finds the header again, as a subcommand and at the prompt', () => {
    const { image, original } = spoilt('start.qcow2', 0x14, [0, 0, 0, 32]);
    expect(check(image, 'qcow2').verdict).toBe('failed');
    expect(platter(['rescue', image]).stdout).toContain('clusters of 4 KiB, a disk of 8 MiB');
    const ran = platter(['--broken', '-c', 'rescue --all', '-c', 'commit', image]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(check(image, 'qcow2').verdict).toBe('clean');
    expect(identical(image, 'qcow2', original, 'qcow2')).toBe(true);
    judged();
  });
});
