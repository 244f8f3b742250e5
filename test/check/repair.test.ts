/**
 * Repair on images spoilt at random, in memory: safe repairs change nothing that the guest reads and free no data; with
 * all proposals the image checks clean, or what is left is said with its reason.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verdict } from '../../src/check/verdict.ts';
import { qcow2Driver } from '../../src/drivers/qcow2/driver.ts';
import type { Repairs } from '../../src/drivers/repair.ts';
import { ImageError } from '../../src/errors.ts';
import { corruptorsOf } from '../fuzz/fuzz.ts';
import { type Corruptor, recipe, spoilt } from '../support/corruptor.ts';
import { Random, seeds, withSeed } from '../support/random.ts';
import { SAMPLE_FOLDER, samples } from '../support/samples.ts';
import { freedData, guestChanges, mended, opened } from './repair-support.ts';

const CHOICES = ['safe', 'all'] as const;

describe('images spoilt at random', () => {
  const run = (format: string, count: number): void => {
    const bases = corruptorsOf(format);
    for (const seed of seeds(count)) withSeed(seed, () => one(bases, new Random(7_000_003 * seed)));
  };

  it('qcow2: keep what the guest reads and what is leaked', () => run('qcow2', 120), 120_000);
  it('qed: keep what the guest reads and what is leaked', () => run('qed', 80), 120_000);
});

function one(bases: readonly Corruptor[], random: Random): void {
  const { base, driver, name, changes } = spoil(bases, random);
  const bytes = spoilt(base, changes);
  if (!opens(driver, bytes)) return;
  const before = opened(driver, bytes);
  for (const what of CHOICES) {
    const { done, left, bytes: after } = mended(driver, bytes, { what, freeData: false });
    const image = opened(driver, after);
    const told = `${recipe(name, changes)}\n${what}: ${done.map(({ change }) => change).join('; ')}`;
    expect(guestChanges(before, image, what === 'safe' ? [] : done), told).toEqual([]);
    if (what === 'safe') expect(freedData(before, image), told).toBe(0);
    if (what === 'all') expect(whyNotClean(left), told).toEqual([]);
  }
}

function spoil(bases: readonly Corruptor[], random: Random) {
  const corruptor = random.pick(bases);
  const { base, driver, name } = corruptor;
  return { base, driver, name, changes: corruptor.changes(random) };
}

function opens(driver: Corruptor['driver'], bytes: Uint8Array): boolean {
  try {
    opened(driver, bytes);
    return true;
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}

/** Corruption that is left, though `all` was chosen, and that is neither left to a person nor said to be beyond repair. */
function whyNotClean({ report, proposals, unmended }: Repairs): string[] {
  if (['clean', 'leaks'].includes(verdict(report))) return [];
  const said = new Set([...unmended.map(({ finding }) => finding.code), ...proposals.map(({ code }) => code)]);
  const isTold = unmended.length > 0 || proposals.some(({ isPreferred }) => !isPreferred);
  const wrong = report.findings.filter(({ severity, code }) => severity === 'corruption' && !said.has(code));
  return isTold ? [] : wrong.map(({ what }) => what);
}

describe('the corrupt samples', () => {
  const CORRUPT = samples(true).filter(({ name }) => name.startsWith('corrupt/'));

  it.each(CORRUPT)('$name has a proposal or a reason, and is mended by what is proposed', ({ name, bytes, image }) => {
    const driver = corruptorDriver(image.format);
    const safe = mended(driver, bytes, { what: 'safe', freeData: false });
    expect(guestChanges(image, opened(driver, safe.bytes), [])).toEqual([]);
    const all = mended(driver, bytes, { what: 'all', freeData: true });
    const isBroken = name.includes('compressed-');
    if (isBroken) {
      const number = all.left.proposals.findIndex(({ code }) => code === 'compressed-cluster-broken') + 1;
      const chosen = mended(driver, all.bytes, { what: [number], freeData: false });
      expect(['clean', 'leaks']).toContain(verdict(chosen.left.report));
      return;
    }
    // QED marks nothing as free.
    expect(verdict(all.left.report)).toBe(name === 'corrupt/leaked-clusters.qed' ? 'leaks' : 'clean');
    expect(all.left.report.findings.filter(({ severity }) => severity !== 'leak')).toEqual([]);
  });
});

function corruptorDriver(format: string): Corruptor['driver'] {
  return (corruptorsOf(format)[0] as Corruptor).driver;
}

describe('leaked clusters', () => {
  const plain = new Uint8Array(readFileSync(join(SAMPLE_FOLDER, 'plain.qcow2')));

  it('are all kept when the L1 table was lost, and its L2 table is pointed out', () => {
    const bytes = plain.slice();
    bytes.fill(0, 0x3000, 0x3008);
    const { proposals } = mended(qcow2Driver, bytes, { what: [], freeData: false }).left;
    expect(proposals.some(({ isSafe }) => isSafe)).toBe(false);
    expect(proposals.map(({ hint }) => hint).join()).toContain('looks like a lost L2 table: try rescue');
    const all = mended(qcow2Driver, bytes, { what: 'all', freeData: false });
    expect(freedData(opened(qcow2Driver, bytes), opened(qcow2Driver, all.bytes))).toBe(0);
    const freed = mended(qcow2Driver, bytes, { what: 'safe', freeData: true });
    expect(freedData(opened(qcow2Driver, bytes), opened(qcow2Driver, freed.bytes))).toBeGreaterThan(4096);
    expect(verdict(freed.left.report)).toBe('clean');
  });

  it('are freed one by one by number, and those of zeros safely', () => {
    const bytes = plain.slice();
    // Two clusters behind the end, marked used: one of zeros, one not.
    const grown = new Uint8Array(0xb000);
    grown.set(bytes);
    grown.set([1, 2, 3], 0xa000);
    grown[0x2013] = 1;
    grown[0x2015] = 1;
    const safe = mended(qcow2Driver, grown, { what: 'safe', freeData: false });
    expect(safe.left.report.leaks).toBe(1);
    expect(safe.left.proposals[0]?.freesData).toBe(3);
    const chosen = mended(qcow2Driver, safe.bytes, { what: [1], freeData: false });
    expect(verdict(chosen.left.report)).toBe('clean');
  });
});

describe('choosing', () => {
  const sample = (name: string): Uint8Array => new Uint8Array(readFileSync(join(SAMPLE_FOLDER, 'corrupt', name)));

  it('refuses what is not there, what excludes each other, and a clean mark on what is not clean', () => {
    const conflict = sample('subcluster-conflict.qcow2');
    const choose = (bytes: Uint8Array, what: number[]): unknown =>
      mended(qcow2Driver, bytes, { what, freeData: false });
    expect(() => choose(conflict, [9])).toThrow(/no proposal 9/);
    expect(() => choose(conflict, [1, 2])).toThrow(/exclude each other/);
    const dirty = sample('referenced-but-free.qcow2');
    dirty[0x4f] = 1;
    const { proposals } = mended(qcow2Driver, dirty, { what: [], freeData: false }).left;
    const last = proposals.findIndex(({ isLast }) => isLast) + 1;
    expect(() => choose(dirty, [last])).toThrow(/nothing else is wrong/);
    expect(verdict(mended(qcow2Driver, dirty, { what: [1, last], freeData: false }).left.report)).toBe('clean');
  });

  it('clears the dirty mark last of all', () => {
    const dirty = sample('referenced-but-free.qcow2');
    dirty[0x4f] = 1;
    const { done, bytes } = mended(qcow2Driver, dirty, { what: 'safe', freeData: false });
    expect(done.at(-1)?.code).toBe('dirty');
    expect(bytes[0x4f]).toBe(0);
  });
});

describe('what is put at the end of the file', () => {
  it('lies where no entry leads', () => {
    const bytes = new Uint8Array(readFileSync(join(SAMPLE_FOLDER, 'plain.qcow2')));
    // An entry to the cluster behind the one at the end, and a refcount table entry behind the end.
    new DataView(bytes.buffer).setUint32(0x4018 + 4, bytes.length + 0x1000);
    new DataView(bytes.buffer).setUint32(0x1004, 0x100_0000);
    const before = opened(qcow2Driver, bytes);
    const { bytes: after, done } = mended(qcow2Driver, bytes, { what: 'safe', freeData: false });
    expect(done[0]?.change).toContain('anew at the end of the file');
    expect(guestChanges(before, opened(qcow2Driver, after), [])).toEqual([]);
    const gap = after.subarray(bytes.length + 0x1000, bytes.length + 0x2000);
    expect(Buffer.from(gap).every((byte) => byte === 0)).toBe(true);
  });
});

describe('an image that does not open', () => {
  const sample = (name: string): Uint8Array => new Uint8Array(readFileSync(join(SAMPLE_FOLDER, name)));

  it.each([
    ['a broken bitmap directory', 'bitmaps.qcow2', 0x12010, [9], /mark the bitmaps as stale/],
    ['an extension that is too long', 'bitmaps.qcow2', 0x74, [0xff], /end the list of header extensions/],
    ['an L1 table said to be too short', 'plain.qcow2', 0x24, [0, 0, 0, 0], /set l1_size to 1/],
    ['a compression bit without a type', 'plain.qcow2', 0x4f, [8], /clear the compression type bit/],
    ['a raw data file that is none', 'plain.qcow2', 0x5f, [2], /the data file is raw/],
  ])('%s is mended', (_what, name, at, change, says) => {
    const bytes = sample(name);
    const good = opened(qcow2Driver, bytes.slice());
    bytes.set(change, at);
    expect(opens(qcow2Driver, bytes)).toBe(false);
    const { done, left, bytes: after } = mended(qcow2Driver, bytes, { what: 'all', freeData: false });
    expect(done[0]?.change).toMatch(says);
    expect(['clean', 'leaks']).toContain(verdict(left.report));
    expect(guestChanges(good, opened(qcow2Driver, after), [])).toEqual([]);
  });

  it('is left to rescue where what stands in the way cannot be told', () => {
    const bytes = sample('plain.qcow2');
    bytes[0x17] = 1;
    expect(() => mended(qcow2Driver, bytes, { what: 'all', freeData: false })).toThrow(/cluster_bits/);
  });
});
