/** explain, whois, print, set, x, copy: what they answer, refuse and stage. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Extent } from '../../src/bytes/extents.ts';
import { Random } from '../support/random.ts';
import { samples } from '../support/samples.ts';
import { SAMPLES, transcript, withSamples } from './transcript.ts';

const START = join(SAMPLES, 'start.qcow2');

async function json<T>(lines: readonly string[], image = START): Promise<T> {
  const { text } = await transcript(lines, { image, json: true });
  return JSON.parse(text) as T;
}

interface Explained {
  readonly answer: { readonly kind: string; readonly host?: number; readonly depth: number };
  readonly hops: readonly { readonly stop: string; readonly offset?: number; readonly field?: string }[];
}

interface Whois {
  readonly role: string;
  readonly owner: string;
  readonly field?: string;
  readonly guest: readonly number[];
  readonly 'referred-to-by': readonly string[];
}

describe('explain and whois', () => {
  it.each(samples().map(({ name, image }) => ({ name, image })))('$name: agree with getMapping', async (sample) => {
    const { name, image } = sample;
    const path = join(SAMPLES, name);
    const random = new Random(5);
    const places = Array.from({ length: 6 }, () => random.int(0, image.size - 1));
    for (const guest of [0, image.size - 1, ...places]) {
      const extent: Extent = image.getMapping(guest);
      const { answer, hops } = await json<Explained>([`explain ${guest}`], path);
      expect(answer).toMatchObject({ kind: extent.kind, depth: 0 });
      expect(answer.host).toBe(extent.host);
      expect(hops.length).toBeGreaterThan(0);
      if (extent.kind !== 'data' || image.dataDevice !== image.device) continue;
      const found = await json<Whois>([`whois ${extent.host}`], path);
      expect(found.guest).toContain(guest);
      if (image.format === 'raw') continue;
      const entry = hops.find(({ stop }) => stop === 'L2 entry')?.field as string;
      expect(found['referred-to-by']).toContain(entry);
    }
  });

  it('walk down a backing chain as far as it may be followed', async () => {
    const image = join(SAMPLES, 'zero.qcow2');
    const alone = await json<Explained>(['explain 70000'], image);
    expect(alone.answer).toMatchObject({ kind: 'unallocated', depth: 0 });
    const { text } = await transcript(['explain 70000'], { image, json: true, follow: 'same-dir' });
    const followed = JSON.parse(text) as Explained;
    expect(followed.answer).toMatchObject({ kind: 'data', depth: 1, host: 70000 });
    expect(followed.hops.at(-1)).toMatchObject({ file: 'zero-base.raw', stop: 'data', offset: 70000 });
  });

  it('say what leads to a table, and to data of snapshots', async () => {
    expect(await json<Whois>(['whois 0x4008'])).toMatchObject({
      owner: 'l2 table 0',
      field: 'l2[0][1]',
      'referred-to-by': ['l1[0]'],
    });
    expect(await json<Whois>(['whois 0x6000'], join(SAMPLES, 'snapshots.qcow2'))).toMatchObject({
      role: 'snapshot-data',
      'referred-to-by': ['snapshot[0].l2[0][1]'],
    });
  });

  it.each([
    ['explain 8M', 'behind the end of the disk'],
    ['whois 1G', 'behind the end of the file'],
    ['x 1G', 'behind the end of the file'],
    ['x 0 1M', 'more than x shows'],
  ])('%s is refused', async (line, says) => {
    const { text, status } = await transcript([line], { image: START });
    expect({ text, status }).toMatchObject({ text: expect.stringContaining(says), status: 1 });
  });
});

describe('print', () => {
  it('lists, says what is left out, and shows one field with its parts', async () => {
    const { text } = await transcript(['print l2[3] --limit 2', 'print l2[3]', 'print l2[0][0]'], { image: START });
    expect(text).toContain('more, from l2[3][2] on');
    expect(text).toContain('503 entries are 0 and left out');
    expect(text).toMatch(/l2\[0\]\[0\]\.copied +1 +refcount of the cluster is exactly 1/);
  });

  it('leaves nothing out without a word in JSON either', async () => {
    const field = { path: 'l2[3][0]', offset: 0x21000, value: '0x22000 copied' };
    expect(await json(['print l2[3] --limit 1'])).toMatchObject({ fields: [field], 'left-out': { next: 'l2[3][1]' } });
    expect(await json(['print l2[3]'])).toMatchObject({ 'left-out': { empty: 503 } });
    expect(await json(['print l1'])).toHaveLength(4);
  });

  it('says what there is when asked for what there is not', async () => {
    const { text, status } = await transcript(['print header.clustr_bits'], { image: START });
    expect(status).toBe(1);
    expect(text).toContain('cluster_bits');
  });
});

describe('set and copy', () => {
  it('stage a step, say old and new, and leave the file alone', async () => {
    await withSamples(async (folder) => {
      const image = join(folder, 'start.qcow2');
      const { text } = await transcript(
        ['set header.size 7M', 'length', 'undo', 'length', 'set l2[0][5] 0x50000 copied', 'print l2[0][5].copied'],
        { image },
      );
      expect(text).toContain('header.size: 8388608 (8 MiB) -> 7340032 (7 MiB)\n7 MiB\n');
      expect(text).toContain('\n8 MiB\n');
      expect(text).toContain('l2[0][5]: zero -> 0x50000 copied');
      expect(readFileSync(image).equals(readFileSync(START))).toBe(true);
    });
  });

  it('drop a step after which the image does not open, and say why', async () => {
    const { text, status } = await transcript(['set header.cluster_bits 3', 'steps', 'print header.cluster_bits'], {
      image: START,
    });
    expect(status).toBe(1);
    expect(text).toContain('cluster_bits is 3, at least 9 required');
    expect(text).toMatch(/header\.cluster_bits +0x14 +4 +12/);
  });

  it('stage nothing where nothing changes', async () => {
    const { text, status } = await transcript(['set l2[0][0].copied 1'], { image: START });
    expect({ text, status }).toEqual({ text: 'l2[0][0].copied is 1 already: nothing is staged\n', status: 0 });
  });

  it.each([
    ['set l2[0][0] copyed', 'does not fit'],
    ['set header.version 4294967296', 'does not fit'],
    ['set l2[9][0] 0', 'there is no l2[9]'],
    ['copy 0 0 4k', 'copied to itself'],
    ['copy 0 4k 0', 'copies nothing'],
    ['copy 0x29000 0 8k', 'past the end of the file'],
    ['open-target qed; set l2[0][0] 0', 'open qed target'],
    ['open-target qed; copy 0 0x30000 4k', 'open qed target'],
  ])('%s is refused', async (line, says) => {
    await withSamples(async (folder) => {
      const { text, status } = await transcript([line], { image: join(folder, 'start.qcow2') });
      expect({ text, status }).toMatchObject({ text: expect.stringContaining(says), status: 1 });
    });
  });

  it('copy says what was there, and x shows what is', async () => {
    await withSamples(async (folder) => {
      const image = join(folder, 'plain.qcow2');
      copyFileSync(START, image);
      const { text } = await transcript(
        ['copy 0x5000 0x4ff0 32', 'x 0x4ff0 32', 'copy 0x5000 0x2a000 16', 'undo', 'undo', 'x 0x4ff0 16'],
        { image },
      );
      expect(text).toContain('over l2 table 0 at 0x4ff0, data at 0x5000');
      expect(text).toContain(
        `0x00004ff0  ${'11 '.repeat(8)} ${'11 '.repeat(8)} |................|  l2 table 0: l2[0][510]`,
      );
      expect(text).toContain('the file grows by 16 bytes');
      expect(text).toMatch(/0x00004ff0 {2}00 00/);
    });
  });
});
