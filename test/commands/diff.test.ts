/** diff: its JSON is all of the difference, its text is bounded and says so, and `steps` counts what it lists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SAMPLES, transcript, withSamples } from './transcript.ts';

const START = join(SAMPLES, 'start.qcow2');

interface Told {
  readonly kind: string;
  readonly name?: string;
  readonly offset: number;
  readonly length: number;
  readonly old?: string;
  readonly new?: string;
  readonly 'old-bytes'?: string;
  readonly 'new-bytes'?: string;
}

interface Json {
  readonly from: number;
  readonly to: number;
  readonly 'old-size': number;
  readonly 'new-size': number;
  readonly changes: readonly Told[];
}

/** The diff among what was answered. */
async function json(lines: readonly string[], image: string): Promise<Json> {
  const { text } = await transcript(lines, { image, json: true });
  const start = text.lastIndexOf('{"from"');
  return JSON.parse(text.slice(start, text.indexOf(']}\n', start) + 2)) as Json;
}

const CONVERSION = 'open-target qed; setmap --all; copy-header';

describe('diff as JSON', () => {
  it.each(['', ' --all'])(
    'with the bytes it makes the old file the new one, which commit writes too%s',
    async (all) => {
      await withSamples(async (folder) => {
        const image = join(folder, 'start.qcow2');
        const before = readFileSync(image);
        const told = await json([CONVERSION, `diff --bytes${all}`], image);
        expect(told).toMatchObject({ from: 0, to: 3, 'old-size': before.length });
        const bytes = Buffer.alloc(told['new-size']);
        before.copy(bytes);
        for (const change of told.changes) {
          const old = Buffer.from(change['old-bytes'] ?? '', 'hex');
          expect(old).toHaveLength(change.length);
          expect(bytes.subarray(change.offset, change.offset + change.length).equals(old)).toBe(true);
          bytes.set(Buffer.from(change['new-bytes'] ?? '', 'hex'), change.offset);
        }
        await transcript([CONVERSION, 'commit'], { image });
        expect(bytes.equals(readFileSync(image))).toBe(true);
      });
    },
  );

  it('has old and new of each field, folded or not', async () => {
    const told = await json(['set l2[0][0].copied 0', 'diff', 'discard'], START);
    expect(told.changes).toEqual([
      { kind: 'field', name: 'l2[0][0]', offset: 0x4000, length: 8, old: '0x5000 copied', new: '0x5000' },
    ]);
    const folded = await json(['open-target qed; setmap 0 0x5000 4k; setmap --all; diff 3'], START);
    const first = { name: 'target l2[0][1]', offset: 0x2e008, length: 8, old: 'unallocated', new: '0x6000' };
    expect(folded.changes[0]).toMatchObject({ kind: 'entries', name: 'target l2[0][1..11]', count: 11, first });
    expect(await json(['diff'], START)).toMatchObject({ changes: [] });
  });
});

describe('diff as text', () => {
  it('ends after some changes and says how many there are more; --all shows them', async () => {
    const sets = Array.from({ length: 80 }, (_, i) => `set refcount[${i + 100}] 1; set l2[0][${i * 2 + 100}] zero`);
    const short = await transcript([...sets, 'diff'], { image: START });
    // A table with many changes apart is one line.
    expect(short.text).toMatch(/\nl2\[0\]\[100\.\.258\]: 80 of 159 entries\n/);
    const all = await transcript([...sets, 'diff --all'], { image: START });
    expect(all.text).toContain('\nl2[0][258]: unallocated -> zero\n');
    expect(all.text).toContain('\nrefcount[179]: 0 -> 1\n');
    const copies = Array.from({ length: 70 }, (_, i) => `copy 0 ${0x40000 + i * 0x4000} 16`);
    const { text } = await transcript([...copies, 'diff'], { image: START });
    expect(text).toMatch(/\n… and 7 more changes: --all lists them\n/);
    expect(text.match(/^free at/gm)).toHaveLength(63);
  });

  it('shows bytes old above new, lines that differ only, and no more than some of a change', async () => {
    const { text } = await transcript(['copy 0x9000 0x22000 4k', 'diff --bytes'], { image: START });
    expect(text).toMatch(/^data at 0x22000, guest 0x600000: 4096 bytes$/m);
    expect(text.match(/^ {4}0x[0-9a-f]{8} - (?:[0-9a-f]{2} ?){8} /gm)).toHaveLength(8);
    expect(text).toContain('… and 248 more lines that differ');
  });
});
