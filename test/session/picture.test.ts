/** What the panels show, at every step of a conversion there and back, on every sample image, and when work is dropped. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Extent } from '../../src/bytes/extents.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { swapHeader } from '../../src/commands/copy-header.ts';
import { mapOne } from '../../src/commands/setmap.ts';
import { mapAll, openTarget } from '../../src/convert/convert.ts';
import type { ConversionTarget, Image, Region, Role } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { commitSteps } from '../../src/session/commit.ts';
import type { ShareName, Side } from '../../src/session/panels.ts';
import { Picture } from '../../src/session/picture.ts';
import { sceneOf } from '../../src/session/scene.ts';
import { Session } from '../../src/session/session.ts';
import { shareOf } from '../../src/session/share.ts';
import { withSamples } from '../commands/transcript.ts';

function open(session: Session, format: string): void {
  runToEnd(
    session.step(`open-target ${format}`, function* (draft) {
      draft.target = yield* openTarget(draft.device, draft.image, driverNamed(format), {});
      draft.target.sync();
    }),
  );
}

function firstData(image: Image): Extent | undefined {
  for (const batch of image.mappings()) for (const extent of batch) if (extent.kind === 'data') return extent;
  return undefined;
}

function mapFirst(session: Session): void {
  const first = firstData(session.image);
  if (!first) throw new Error('the sample has no data');
  const length = Math.min(first.length, session.target?.clusterSize ?? 0);
  runToEnd(
    session.step('setmap', ({ image, target }) =>
      mapOne({ ...first, length }, image, target as ConversionTarget, false),
    ),
  );
}

function mapRest(session: Session): void {
  runToEnd(session.step('setmap --all', ({ image, target }) => mapAll(image, target as ConversionTarget)));
}

function swap(session: Session): void {
  runToEnd(session.step('copy-header', (draft) => swapHeader(draft, false)));
}

function commit(session: Session): void {
  runToEnd(commitSteps(session, { label: 'test' }));
}

interface Row {
  kind: string;
  guest: number;
  length: number;
  host?: number;
}

/** What the table should list. */
function rowsOf(image: Image): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at < image.size; ) {
    const { kind, guest, length, host } = image.getMapping(at);
    const last = rows.at(-1);
    const goesOn = last?.kind === kind && kind !== 'compressed' && kind !== 'invalid';
    const isNext =
      host === undefined ? last?.host === undefined : last?.host !== undefined && last.host + last.length === host;
    if (last && goesOn && isNext) last.length += length;
    else rows.push(host === undefined ? { kind, guest, length } : { kind, guest, length, host });
    at = guest + length;
  }
  return rows;
}

function roleIn(regions: readonly Region[], at: number): Role {
  return regions.find(({ offset, length }) => at >= offset && at < offset + length)?.role ?? 'free';
}

/** The picture shows what the drivers say, byte for byte at a distance of a sector. */
function expectTrue(picture: Picture, session: Session): void {
  const { source, target } = sceneOf(session);
  expect(picture.complete).toBe(true);
  for (const [side, image] of [
    ['source', source],
    ['target', target],
  ] as const) {
    const rows = picture.extents(side)?.rows({ sort: 'guest' });
    expect(rows === undefined).toBe(image === undefined);
    if (!rows || !image) continue;
    const shown = Array.from({ length: rows.count }, (_, i) => rows.at(i));
    expect(
      shown.map(({ kind, guest, length, host }) =>
        host === undefined ? { kind, guest, length } : { kind, guest, length, host },
      ),
    ).toEqual(rowsOf(image));
  }
  const { clusters } = picture;
  if (!clusters) throw new Error('no map');
  expect(clusters.target === undefined).toBe(target === undefined);
  const ours = [...source.regions()];
  const theirs = [...(target?.regions() ?? [])];
  const step = Math.max(clusters.unit, Math.ceil(clusters.size / 200 / clusters.unit) * clusters.unit);
  for (let at = 0; at < clusters.size; at += step) {
    const to = Math.min(at + clusters.unit, clusters.size);
    expect(clusters.source.cell(at, to).role).toBe(roleIn(ours, at));
    if (!target) continue;
    expect(clusters.target?.cell(at, to).role).toBe(roleIn(theirs, at));
    expect(clusters.share(at, to)).toBe(shareOf(roleIn(ours, at), roleIn(theirs, at)));
  }
}

function refreshed(picture: Picture, session: Session): Picture {
  runToEnd(picture.refresh(session));
  expectTrue(picture, session);
  return picture;
}

/** Guest starts of the rows that are marked. */
function marked(picture: Picture, side: Side): number[] {
  const rows = picture.extents(side)?.rows({ sort: 'guest' });
  return Array.from({ length: rows?.count ?? 0 }, (_, i) => rows?.at(i))
    .filter((row) => row?.changed)
    .map((row) => row?.guest as number);
}

function markedUnits(picture: Picture, side: Side): number[] {
  const { clusters } = picture;
  if (!clusters) return [];
  const { unit, size } = clusters;
  const count = Math.ceil(size / unit);
  return Array.from({ length: count }, (_, i) => i * unit).filter((at) => clusters[side]?.cell(at, at + unit).changed);
}

function shares(picture: Picture): ShareName[] {
  return Object.keys(picture.clusters?.shares() ?? {}).sort() as ShareName[];
}

async function withSession(name: string, work: (session: Session, picture: Picture) => void): Promise<void> {
  await withSamples((folder) => {
    const session = Session.open(join(folder, name));
    try {
      work(session, new Picture());
    } finally {
      session.close();
    }
  });
}

const FOLDER = join(import.meta.dirname, '../../sample-images');
const SAMPLES = ['', 'corrupt'].flatMap((folder) =>
  readdirSync(join(FOLDER, folder))
    .filter((name) => /\.(qcow2|qed|raw)$/.test(name))
    .map((name) => join(folder, name)),
);

describe('a picture', () => {
  it.each(SAMPLES)('of %s shows what the driver says, and marks nothing', async (name) => {
    await withSamples((folder) => {
      let session: Session;
      try {
        session = Session.open(join(folder, name));
      } catch (error) {
        // Some of the corrupt ones cannot be opened, by anybody.
        expect(error).toBeInstanceOf(ImageError);
        return;
      }
      const picture = refreshed(new Picture(), session);
      expect(marked(picture, 'source')).toEqual([]);
      expect(markedUnits(picture, 'source')).toEqual([]);
      for (const { offset, role } of session.image.regions()) {
        const seen = picture.inspect(session, 'source', offset, 8);
        const end = (seen?.offset ?? 0) + (seen?.bytes.length ?? 0);
        expect(seen?.region?.role).toBe(role);
        expect(seen?.fields.every((f) => f.offset + f.size > (seen?.offset ?? 0) && f.offset < end)).toBe(true);
        if (['l1', 'l2'].includes(role)) expect(seen?.current?.path).toMatch(/^l[12]\[/);
      }
      session.close();
    });
  });

  it.each([
    ['start.qcow2', 'qed'],
    ['plain.qcow2', 'qed'],
    ['plain.qed', 'qcow2'],
    ['fragmented.qed', 'qcow2'],
    ['plain.qcow2', 'qcow2'],
  ])('of %s on its way to %s is true at every step, there and back', async (name, format) => {
    await withSession(name, (session, picture) => {
      refreshed(picture, session);
      const first = session.image.format;
      open(session, format);
      refreshed(picture, session);
      expect(marked(picture, 'source')).toEqual([]);
      expect(markedUnits(picture, 'target').length).toBeGreaterThan(0);
      expect(shares(picture)).toContain('target-only');
      expect(shares(picture)).toContain('source-only');
      expect(shares(picture)).not.toContain('overlap');

      mapFirst(session);
      refreshed(picture, session);
      const rows = marked(picture, 'target');
      expect(rows.length).toBeGreaterThan(0);
      expect(marked(picture, 'source')).toEqual([]);
      expect(shares(picture)).toContain('shared');

      session.undo();
      mapRest(session);
      refreshed(picture, session);
      expect(shares(picture)).not.toContain('overlap');

      swap(session);
      refreshed(picture, session);
      expect(picture.clusters?.source.format).toBe(first);
      expect(picture.clusters?.target?.format).toBe(format);
      expect(markedUnits(picture, 'source')).toEqual([]);
      expect(markedUnits(picture, 'target')).toContain(0);
      expect(marked(picture, 'target')).toEqual([]);
      expect(shares(picture)).not.toContain('overlap');

      session.undo();
      refreshed(picture, session);
      session.redo();
      refreshed(picture, session);
      commit(session);
      refreshed(picture, session);
      expect(picture.clusters?.target).toBeUndefined();
      expect(marked(picture, 'source')).toEqual([]);
      expect(markedUnits(picture, 'source')).toEqual([]);

      if (format === first) return;
      open(session, first);
      refreshed(picture, session);
      mapRest(session);
      refreshed(picture, session);
      swap(session);
      refreshed(picture, session);
      session.discard();
      refreshed(picture, session);
      expect(picture.extents('target')).toBeUndefined();
    });
  });

  it('marks the one row and the cells that setmap changed, and after undo the same', async () => {
    await withSession('plain.qcow2', (session, picture) => {
      open(session, 'qed');
      refreshed(picture, session);
      expect(marked(picture, 'target')).toEqual([]);
      mapFirst(session);
      refreshed(picture, session);
      const row = picture
        .extents('target')
        ?.rows({ sort: 'guest', kinds: ['data'] })
        .at(0);
      expect(row?.changed).toBe(true);
      const cells = markedUnits(picture, 'target');
      expect(cells).toContain(row?.host);
      session.undo();
      refreshed(picture, session);
      expect(marked(picture, 'target')).toEqual([0]);
      expect(markedUnits(picture, 'target')).toContain(row?.host);
    });
  });

  it('does nothing when there is nothing to do, and keeps the marks', async () => {
    await withSession('plain.qcow2', (session, picture) => {
      open(session, 'qed');
      refreshed(picture, session);
      mapFirst(session);
      refreshed(picture, session);
      const before = marked(picture, 'target');
      expect(picture.isStale(session)).toBe(false);
      expect([...picture.refresh(session)]).toEqual([]);
      expect(marked(picture, 'target')).toEqual(before);
      expect(() => runToEnd(session.step('fails', failing))).toThrow('no');
      expect(picture.isStale(session)).toBe(false);
    });
  });

  it('can be dropped at any yield and started again', async () => {
    await withSession('fragmented.qcow2', (session, picture) => {
      for (let at = 0; at < 40; at++) {
        if (at === 10) open(session, 'qed');
        if (at === 20) mapRest(session);
        if (at === 30) swap(session);
        const work = picture.refresh(session);
        for (let i = 0; i < at % 10; i++) work.next();
        work.return();
        expect(picture.progress).toBeUndefined();
        const rows = picture.extents('source')?.rows({ sort: 'guest' });
        if (rows && rows.count > 0) expect(rows.at(0).guest).toBe(0);
        picture.clusters?.share(0, 4096);
      }
      refreshed(picture, session);
    });
  });

  it('inspects bytes: whose they are, what they were, which guest byte they hold', async () => {
    await withSession('plain.qcow2', (session, picture) => {
      refreshed(picture, session);
      const header = picture.inspect(session, 'source', 4, 4);
      expect(header).toMatchObject({ side: 'source', offset: 0, region: { role: 'header', offset: 0 } });
      expect(Buffer.from(header.bytes.subarray(0, 3)).toString()).toBe('QFI');
      expect(header.bytes.length).toBe(64);
      expect(header.before).toBeUndefined();
      const row = picture
        .extents('source')
        ?.rows({ sort: 'host', kinds: ['data'] })
        .at(0);
      const host = (row?.host as number) + 100;
      expect(picture.inspect(session, 'source', host, 8)).toMatchObject({
        guest: (row?.guest as number) + 100,
        region: { role: 'data' },
      });
      const past = picture.inspect(session, 'source', 2 ** 50, 8);
      expect(past.offset + past.bytes.length).toBeGreaterThanOrEqual(session.file.size - 16);
      open(session, 'qed');
      mapRest(session);
      swap(session);
      refreshed(picture, session);
      const now = picture.inspect(session, 'target', 0, 4);
      expect(Buffer.from(now.bytes.subarray(0, 3)).toString()).toBe('QED');
      expect(Buffer.from(now.before?.subarray(0, 3) ?? []).toString()).toBe('QFI');
      expect(picture.inspect(session, 'source', 0, 4).before).toBeUndefined();
    });
  });

  it('inspects bytes that a step has just put behind the end, before the map knows of them', async () => {
    await withSession('plain.qcow2', (session, picture) => {
      refreshed(picture, session);
      const { size } = session.file;
      runToEnd(
        session.step('grow', function* ({ device }) {
          device.write(size, new Uint8Array(8192).fill(7));
          yield { what: 'growing', done: 1, total: 1 };
        }),
      );
      const reading = picture.refresh(session);
      reading.next();
      const seen = picture.inspect(session, 'source', size + 4096, 8);
      expect(seen.bytes.every((byte) => byte === 7)).toBe(true);
      expect(seen.region).toBeUndefined();
      runToEnd(reading);
      expect(picture.inspect(session, 'source', size + 4096, 8).region).toBeDefined();
    });
  });
});

// biome-ignore lint/correctness/useYield: it fails before it has anything to tell
function* failing(): Generator<never, void> {
  throw new ImageError({ code: 'no', what: 'no' });
}
