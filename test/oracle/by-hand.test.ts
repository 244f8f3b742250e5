/** Work by hand: a cluster moved, a leak mended, field by field; real QEMU finds the image whole and the same. */
import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SAMPLES, transcript } from '../commands/transcript.ts';
import { check, describeWithQemu, identical, judged, testFolder } from '../support/qemu.ts';

/** Lines at the prompt of an image; every one must go well. */
async function at(image: string, lines: readonly string[]): Promise<string> {
  const { text, status } = await transcript(lines, { image });
  expect({ text, status }).toMatchObject({ status: 0 });
  return text;
}

function sample(name: string): { image: string; original: string } {
  const folder = testFolder();
  const original = join(SAMPLES, name);
  const image = join(folder, name);
  copyFileSync(original, image);
  return { image, original };
}

function expectWhole(image: string, original: string, format: 'qcow2' | 'qed'): void {
  expect(check(image, format).verdict).toBe('clean');
  expect(identical(image, format, original, format)).toBe(true);
  judged();
}

describeWithQemu('by hand', () => {
  it('a cluster of qcow2 is moved to the end of the file', async () => {
    const { image, original } = sample('start.qcow2');
    const end = statSync(image).size;
    const moved = await at(image, [
      `copy 0x5000 ${end} 4k`,
      `set l2[0][0] ${end} copied`,
      `set refcount[@${end}] 1`,
      'set refcount[@0x5000] 0',
      'explain 0',
      'check',
      'commit',
    ]);
    expect(moved).toContain('the file grows by 4 KiB');
    expect(moved).toContain(`l2[0][0]: 0x5000 copied -> 0x${end.toString(16)} copied`);
    expect(moved).toContain('No errors were found on the image.');
    expectWhole(image, original, 'qcow2');
    expect(await at(image, ['whois 0x5000'])).toContain('owner: free');
  });

  it('a cluster of QED is moved', async () => {
    const { image, original } = sample('plain.qed');
    const end = statSync(image).size;
    const { text } = await transcript(['print l2[0][0].offset'], { image });
    const host = /0x[0-9a-f]+$/m.exec(text.split('\n')[1]?.split(/ {2,}/)[3] ?? '')?.[0];
    expect(host).toBeDefined();
    await at(image, [`copy ${host} ${end} 4k`, `set l2[0][0] ${end}`, 'commit']);
    // QED has no refcounts: the old place is a leak, and only that.
    expect(check(image, 'qed').verdict).toBe('leaks');
    expect(identical(image, 'qed', original, 'qed')).toBe(true);
    judged();
  });

  it('a leak is made, found, and mended', async () => {
    const { image, original } = sample('start.qcow2');
    const free = statSync(image).size;
    await at(image, [`copy 0x5000 ${free} 4k`, `set refcount[@${free}] 1`, 'commit']);
    expect(check(image, 'qcow2').verdict).toBe('leaks');
    const found = await transcript(['check'], { image });
    expect(found.status).toBe(3);
    const path = /leak (refcount\[\d+\])/.exec(found.text)?.[1] as string;
    expect(path).toBe(`refcount[${free / 4096}]`);
    await at(image, [`set ${path} 0`, 'check', 'commit']);
    expectWhole(image, original, 'qcow2');
  });

  it('a clear COPIED bit is found and set again', async () => {
    const { image, original } = sample('start.qcow2');
    const { text } = await transcript(['set l2[0][0].copied 0', 'check', 'commit'], { image });
    expect(text).toContain('l2[0][0].copied: 1 -> 0');
    expect(check(image, 'qcow2').verdict).not.toBe('clean');
    await at(image, ['set l2[0][0].copied 1', 'check', 'commit']);
    expectWhole(image, original, 'qcow2');
  });
});
