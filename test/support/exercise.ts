/**
 * Everything that reads an image, done once to one image in memory: open, info, map, check, ownership, fields, traces,
 * guest bytes, reasons against a conversion. Only ImageErrors may come out of it.
 *
 *  1. Nothing may be written: the device throws when it is.
 *  2. Work is counted, not timed: reads, bytes read, rows and steps, each held to a bound that follows the file's size.
 *     Clocks would make a test that fails on a busy machine.
 *  3. Memory is counted where it is asked for: bytes of typed arrays and buffers.
 */

import { reasonsAgainst } from '../../src/convert/refuse.ts';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Driver, Image, Region } from '../../src/drivers/driver.ts';
import type { CheckReport } from '../../src/drivers/finding.ts';
import { readGuest } from '../../src/drivers/guest-io.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError, sentence } from '../../src/errors.ts';
import { allocated } from './allocated.ts';
import type { Random } from './random.ts';
import { ReadOnlyWitness } from './read-only.ts';

/** What one image cost. */
export interface Work {
  opened: boolean;
  reads: number;
  /** Bytes. */
  bytesRead: number;
  /** Bytes of arrays asked for in all, and the largest one. */
  allocated: number;
  largest: number;
  /** Rows of the mapping, regions, and steps of long work that were seen. */
  steps: number;
}

/** What the work on a file of `size` bytes may come to. */
export function boundOf(size: number): Omit<Work, 'opened'> {
  return {
    reads: 40_000,
    bytesRead: 4 * MIB + 64 * size,
    allocated: 16 * MIB + 64 * size,
    largest: 8 * MIB + 4 * size,
    steps: STEPS,
  };
}

const MIB = 1024 * 1024;
/** Rows of one walk over the mapping, and regions, at most: an honest map of an exabyte has no end either. */
const ROWS = 20_000;
const STEPS = 1000;

/** A device that counts up to its bound, and that nobody may write. */
class WatchedDevice extends ReadOnlyWitness {
  readonly #work: Work;
  readonly #bound: Omit<Work, 'opened'>;

  constructor(bytes: Uint8Array, name: string, work: Work) {
    super(new MemoryDevice(bytes, name));
    this.#work = work;
    this.#bound = boundOf(bytes.length);
  }

  override read(offset: number, target: Uint8Array): void {
    const work = this.#work;
    work.reads++;
    work.bytesRead += target.length;
    if (work.reads > this.#bound.reads) throw new Error(`more than ${this.#bound.reads} reads`);
    if (work.bytesRead > this.#bound.bytesRead) throw new Error(`more than ${this.#bound.bytesRead} bytes read`);
    super.read(offset, target);
  }
}

/** Does it all. Anything thrown is a bug, but for the bounds of `Work`, which say so. */
export function exercise(driver: Driver, bytes: Uint8Array, random: Random): Work {
  const work: Work = { opened: false, reads: 0, bytesRead: 0, allocated: 0, largest: 0, steps: 0 };
  const device = new WatchedDevice(bytes, 'image', work);
  const before = allocated();
  const image = may(() => driver.open(device, { name: 'image' }));
  if (image) {
    work.opened = true;
    if (image.device.size !== bytes.length) throw new Error('the file changed its length');
    look(image, random, work);
  }
  const after = allocated();
  work.allocated = after.bytes - before.bytes;
  work.largest = after.largest;
  const bound = boundOf(bytes.length);
  for (const name of ['largest', 'allocated', 'steps'] as const) {
    if (work[name] > bound[name]) throw new Error(`${name}: ${work[name]}, at most ${bound[name]}`);
  }
  return work;
}

/** What `body` answers, or nothing where it complains as it should. */
function may<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    if (!error.code || !sentence(error)) throw new Error('a complaint that says nothing');
    return undefined;
  }
}

function look(image: Image, random: Random, work: Work): void {
  const info = image.info();
  if (info.virtualSize !== image.size) throw new Error('info and image differ in size');
  walkMapping(image, work);
  const report = may(() => counted(image.check?.(), work));
  if (report) lookAtReport(image, report);
  const regions = counted(image.ownership(), work) ?? [];
  lookAtRegions(image, regions, random, work);
  may(() => image.freeRanges(512));
  for (let i = 0; i < 3; i++) lookAtGuest(image, random);
  lookAtPaths(image, random);
  const other = driverNamed(image.format === 'qed' ? 'qcow2' : 'qed');
  for (const depth of ['header', 'all'] as const)
    may(() => reasonsAgainst(image.getConversionOptions(depth), other, {}));
}

function counted<T>(steps: Generator<unknown, T> | undefined, work: Work): T | undefined {
  if (!steps) return undefined;
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (++work.steps > STEPS) throw new Error('does not come to an end');
  }
}

function walkMapping(image: Image, work: Work): void {
  let at = 0;
  let rows = 0;
  for (const batch of image.mappings()) {
    for (let i = 0; i < batch.count; i++) {
      const guest = (batch.guest[i] as number) * batch.unit;
      if (guest !== at) throw new Error(`the mapping is at ${guest}, expected ${at}`);
      at = guest + (batch.length[i] as number) * batch.unit;
      if (!(at > guest)) throw new Error(`an empty run at ${guest}`);
    }
    rows += batch.count;
    work.steps += 1;
    if (rows > ROWS) return;
  }
  if (at < image.size) throw new Error(`the mapping ends at ${at} of ${image.size}`);
}

/** Places that are no field: a cluster of the file as such, and structures that have fields of other names. */
const NO_FIELD = /^(cluster\[\d+\]|bitmap_directory|crypto_extension)$/;

function lookAtReport(image: Image, report: CheckReport): void {
  for (const { where, references = [] } of report.findings.slice(0, 8)) {
    for (const { path, offset } of [where, ...references]) {
      if (path === undefined || NO_FIELD.test(path)) continue;
      // Entries of a table that its L1 entry does not rightly lead to have no names.
      const list = /l2\[\d+\]/.test(path) ? may(() => image.fieldList(path, 1)) : image.fieldList(path, 1);
      if (list && list.fields[0]?.offset !== offset) throw new Error(`a finding at ${offset} is called ${path}`);
    }
  }
  for (const finding of report.findings) {
    const { code, what, means, where, severity } = finding;
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code)) throw new Error(`a code of no form: ${code}`);
    if (what === '' || /undefined|NaN|\[object/.test(what)) throw new Error(`${code} says '${what}'`);
    if (!(where.offset >= 0 && where.length >= 0)) throw new Error(`${code} is at ${where.offset}, ${where.length}`);
    if (severity === undefined || !means) throw new Error(`${code} has no severity, or does not say what it means`);
  }
  for (const [name, value] of Object.entries(report)) {
    if (typeof value === 'number' && !(value >= 0)) throw new Error(`${name} is ${value}`);
  }
}

function lookAtRegions(image: Image, regions: Iterable<Region>, random: Random, work: Work): void {
  const some: Region[] = [];
  let at = 0;
  let count = 0;
  for (const region of regions) {
    if (region.offset !== at || !(region.length > 0)) {
      throw new Error(`${region.role} at ${region.offset}, ${region.length} bytes: expected ${at}`);
    }
    at += region.length;
    if (region.role !== 'data' && region.role !== 'free' && (some.length < 12 || random.chance(0.1))) some.push(region);
    if (++count > 10 * ROWS) throw new Error('regions without end');
  }
  work.steps += Math.ceil(count / 100);
  if (at !== image.device.size) throw new Error(`regions end at ${at} of ${image.device.size}`);
  for (let i = 0; i < 4 && some.length > 0; i++) lookAtFields(image, random.pick(some), random);
}

function lookAtFields(image: Image, region: Region, random: Random): void {
  const from = region.offset + (random.chance(0.5) ? 0 : random.int(0, region.length - 1));
  const to = Math.min(from + 64, region.offset + region.length);
  for (const { path, offset, size, text } of image.fields(region, from, to).slice(0, 6)) {
    if (offset >= to || offset + size <= from) throw new Error(`${path} does not lie in ${from}..${to}`);
    const again = image.field(path);
    if (again.text !== text || again.offset !== offset) throw new Error(`${path} is found at ${again.offset}`);
    if (text.includes('…')) continue;
    const write = may(() => image.encodeField(path, text));
    const own = readBytes(image.device, offset, size);
    if (!write || Buffer.compare(write.bytes, own) !== 0 || write.offset !== offset) {
      throw new Error(`${path} set to what it shows, '${text}', changes bytes`);
    }
  }
}

/** The same guest byte by `getMapping`, `trace` and a read. */
function lookAtGuest(image: Image, random: Random): void {
  if (image.size === 0) return;
  const guest = Math.min(
    image.size - 1,
    random.pick([0, image.size - 1, random.int(0, 2 ** 20), random.int(0, image.size - 1)]),
  );
  const { kind, host, length, guest: start } = image.getMapping(guest);
  if (start !== guest || !(length > 0) || guest + length > image.size)
    throw new Error(`a run of ${length} at ${start}`);
  const hops = image.trace(guest);
  const at = hops.find(({ title }) => title === 'data' || title === 'compressed data')?.host;
  const stored = kind === 'data' || kind === 'encrypted' || kind === 'compressed';
  if (at !== (stored && image.dataDevice === image.device ? host : undefined)) {
    throw new Error(`guest ${guest}: trace ends at ${at}, the mapping says ${kind} ${host}`);
  }
  const target = new Uint8Array(Math.min(1024, image.size - guest));
  may(() => readGuest(image, guest, target));
}

function lookAtPaths(image: Image, random: Random): void {
  const roots = image.fieldNames('');
  const root = random.pick(roots).replace(/[.[]$/, '');
  const list = may(() => image.fieldList(root, 20));
  for (const field of list?.fields.slice(0, 4) ?? []) image.field(field.path);
  may(() => image.fieldNames(`${root}[`));
  may(() => image.field(`l2[${random.int(0, 5)}][${random.int(0, 5)}]`));
  may(() => image.field(`refcount[@${random.int(0, image.device.size + 65_536)}]`));
}
