/** The panels in words: `status` and `map --summary` say what the table and the map hold. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { extentTotals } from '../../src/session/extent-totals.ts';
import { Picture } from '../../src/session/picture.ts';
import { Session } from '../../src/session/session.ts';
import { troublesIn } from '../../src/session/troubles.ts';
import { transcript, withSamples } from './transcript.ts';

const SAMPLES = [
  'start.qcow2',
  'zlib.qcow2',
  'subclusters.qcow2',
  'fragmented.qed',
  'zero-base.raw',
  'data-file.qcow2',
  'snapshots.qcow2',
  'corrupt/past-end-of-file.qcow2',
  'corrupt/leaked.qcow2',
];

async function ask(name: string, lines: readonly string[]): Promise<Record<string, never>[]> {
  return withSamples(async (folder) => {
    const { text } = await transcript([...lines, 'discard'], { image: join(folder, name), json: true });
    return text
      .split(/\n(?=\{|\[)/)
      .filter((part) => part.trim() !== '')
      .map((part) => JSON.parse(part) as Record<string, never>);
  });
}

describe('status', () => {
  it.each(SAMPLES)('of %s has the totals of the table and the map', async (name) => {
    const [status, summary] = await ask(name, ['status', 'map --summary']);
    await withSamples((folder) => {
      const session = Session.open(join(folder, name));
      const picture = new Picture();
      runToEnd(picture.refresh(session));
      const totals = picture.extents('source')?.totals() ?? [];
      expect(runToEnd(extentTotals(session.image))).toEqual(totals);
      const kinds = Object.fromEntries(totals.map(({ kind, extents, bytes }) => [kind, { extents, bytes }]));
      expect(status).toMatchObject({ source: { extents: kinds, owners: picture.clusters?.source.totals() } });
      expect(summary).toMatchObject({ kinds });
      const { leaked = 0, overlap = 0 } = picture.clusters?.shares() ?? {};
      for (const said of [status, summary])
        expect(said).toMatchObject({ leaked: { bytes: leaked }, overlap: { bytes: overlap } });
      session.close();
    });
  });

  it('follows a conversion: sides, shares, steps, and how old the last check is', async () => {
    const all = await ask('start.qcow2', [
      'check',
      'status',
      'open-target qed',
      'setmap --all',
      'status',
      'copy-header',
      'status',
      'undo',
      'status',
    ]);
    const [, first, , , half, , done, , undone] = all as unknown as Record<string, Record<string, unknown>>[];
    expect(first).toMatchObject({
      format: 'qcow2',
      steps: { staged: 0 },
      'last-check': { verdict: 'clean', stale: false },
    });
    expect(first).not.toHaveProperty('target');
    expect(half).toMatchObject({
      format: 'qcow2',
      target: { format: 'qed' },
      steps: { staged: 2 },
      'last-check': { stale: true },
    });
    expect(half?.['shares']).not.toHaveProperty('overlap');
    expect(done).toMatchObject({
      format: 'qed',
      source: { format: 'qcow2' },
      target: { format: 'qed' },
      steps: { staged: 3 },
    });
    expect(undone).toMatchObject({ format: 'qcow2', target: { format: 'qed' }, steps: { staged: 2, undone: 1 } });
    // Sums of owners are sizes of files.
    const sum = (owners: unknown): number => Object.values(owners as Record<string, number>).reduce((a, b) => a + b, 0);
    expect(sum((first as never as { source: { owners: unknown } }).source.owners)).toBe(first?.['file-size']);
    expect(sum(half?.['shares'])).toBe(half?.['staged-size']);
  });

  it('names the places of what is wrong', async () => {
    await withSamples(async (folder) => {
      const { text } = await transcript(['status', 'map --summary'], { image: join(folder, 'corrupt/leaked.qcow2') });
      expect(text.match(/^leaked: 1 at 0x8000, 4 KiB in all$/gm)).toHaveLength(2);
    });
  });
});

describe('troubles', () => {
  it('are counted in ranges that do not touch, and listed as far as asked', () => {
    const found = troublesIn(
      [
        { offset: 0, length: 10, share: 'leaked' },
        { offset: 10, length: 5, share: 'leaked' },
        { offset: 15, length: 5, share: 'shared' },
        { offset: 20, length: 1, share: 'leaked' },
        { offset: 21, length: 1, share: 'overlap' },
        { offset: 22, length: 2, share: 'leaked' },
        { offset: 24, length: 2, share: 'leaked' },
      ],
      2,
    );
    expect(found.leaked).toEqual({
      bytes: 20,
      count: 3,
      ranges: [
        { offset: 0, length: 15 },
        { offset: 20, length: 1 },
      ],
    });
    expect(found.overlap).toEqual({ bytes: 1, count: 1, ranges: [{ offset: 21, length: 1 }] });
  });
});
