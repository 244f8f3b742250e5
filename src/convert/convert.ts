/**
 * In-place conversion, format-blind: plan, map, verify, and one header write. The steps of the 2011 series, each a
 * function of its own so that a session can take them one by one; `convertInPlace` takes them all and commits.
 *
 * Invariants:
 *  1. Guest data is never written: the target's metadata is built around it.
 *  2. Nothing is staged or written unless every precondition holds (refuse.ts).
 *  3. The header is written only after the target, read back through its own driver, maps what the source mapped.
 */
import type { ExtentColumns } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Ranges } from '../bytes/ranges.ts';
import { hex } from '../bytes/size.ts';
import { type CommitOptions, type CommitResult, type CommitSource, commit } from '../device/commit.ts';
import type { Device } from '../device/device.ts';
import type { FileDevice } from '../device/file.ts';
import { MemoryDevice } from '../device/memory.ts';
import type {
  ConversionOptions,
  ConversionTarget,
  Driver,
  Image,
  TargetReport,
  TargetRequest,
} from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { firstDifference, type MappingDifference } from './compare.ts';
import { MappingDigest } from './digest.ts';
import { conversionOf, preflight } from './refuse.ts';

/** Room in the source smaller than this is not worth a table: no format's table is smaller. */
const SMALLEST_ROOM = 512;

/** bdrv_open_conversion_target: checks the source, then opens the target on `device`. Throws Refusal. */
export function* openTarget(
  device: Device,
  source: Image,
  driver: Driver,
  request: TargetRequest,
): Generator<Progress, ConversionTarget> {
  const options = yield* preflight(source, driver, request);
  return conversionOf(driver).open(device, options, request, spareRoom(source));
}

/** What the source marks free: where a target may put tables. */
function spareRoom(source: Image): Ranges {
  return source.freeRanges(SMALLEST_ROOM);
}

/** What the source does not read, in bytes below the file's end: what a commit may overwrite without a journal. */
export function unclaimed(source: Image): Ranges {
  return withSlack(spareRoom(source), source.getConversionOptions('header'));
}

/** The room, and what of the source's header area it does not read. */
function withSlack(room: Ranges, { headerSlack }: ConversionOptions): Ranges {
  const ranges = room.clone();
  if (headerSlack) ranges.add(headerSlack.offset, headerSlack.length);
  return ranges;
}

/** The get_mapping / map loop: everything the source maps, onto the target. `digest` takes in what the source maps. */
export function* mapAll(source: Image, target: ConversionTarget, digest?: MappingDigest): Generator<Progress, void> {
  for (const batch of source.mappings(0, source.size, 'mapped')) {
    target.map(batch);
    digest?.add(batch);
    yield { what: 'mapping', done: coveredBytes(batch), total: source.size, unit: 'bytes' };
  }
  target.sync();
}

/** How far into the disk a batch reaches, in bytes. */
function coveredBytes({ count, guest, length, unit, end }: ExtentColumns): number {
  const last = count - 1;
  return last < 0 ? 0 : Math.min(((guest[last] as number) + (length[last] as number)) * unit, end);
}

/** What the source maps and the target does not, or maps elsewhere. Undefined when the target is complete. */
export function* whatIsMissing(
  source: Image,
  target: ConversionTarget,
): Generator<Progress, MappingDifference | undefined> {
  target.sync();
  return yield* firstDifference(source, target.view());
}

/** Throws ImageError `not-all-mapped`, naming the first guest range that is missing. */
export function* checkComplete(source: Image, target: ConversionTarget): Generator<Progress, void> {
  const missing = yield* whatIsMissing(source, target);
  if (missing) throw notAllMapped(missing, 'setmap --all, or --force to leave it out');
}

export function notAllMapped(missing: MappingDifference, tryThis: string): ImageError {
  const range = `guest ${hex(missing.guest)}..${hex(missing.guest + missing.length)}`;
  return new ImageError({
    code: 'not-all-mapped',
    class: 'consistency',
    what: `${range}: the source has ${missing.source}, the target ${missing.target}`,
    tryThis,
  });
}

export interface ConversionResult extends CommitResult {
  readonly target: TargetReport;
}

export interface ConversionRequest extends CommitOptions {
  readonly options?: TargetRequest;
}

/**
 * Converts `source`, which is open on `file`, to the target driver's format, and commits. Metadata streams into the
 * file behind what the source claims (memory stays flat); the header sector is the last write.
 * Throws Refusal or ImageError, and then the file is what it was.
 */
export function* convertInPlace(
  file: FileDevice,
  source: Image,
  driver: Driver,
  request: ConversionRequest = {},
): Generator<Progress, ConversionResult> {
  const wanted = request.options ?? {};
  const options = yield* preflight(source, driver, wanted);
  const conversion = new Conversion(file.size, source, driver, options, wanted);
  const result = yield* commit(file, conversion, request);
  return { ...result, target: conversion.report };
}

/** A target that waits for its header, and the digest of what the source mapped. */
interface Built {
  readonly target: ConversionTarget;
  readonly report: TargetReport;
  readonly digest: string;
}

/** A whole conversion as something to commit. */
class Conversion implements CommitSource {
  readonly oldSize: number;
  readonly free: Ranges;
  readonly #room: Ranges;
  readonly #source: Image;
  readonly #driver: Driver;
  readonly #options: ConversionOptions;
  readonly #request: TargetRequest;
  #built: Built | undefined;

  constructor(oldSize: number, source: Image, driver: Driver, options: ConversionOptions, request: TargetRequest) {
    this.oldSize = oldSize;
    this.#room = spareRoom(source);
    this.free = withSlack(this.#room, options);
    this.#source = source;
    this.#driver = driver;
    this.#options = options;
    this.#request = request;
  }

  *fresh(out: Device): Generator<Progress, void> {
    const target = conversionOf(this.#driver).open(out, this.#options, this.#request, this.#room);
    const digest = this.#newDigest(target);
    yield* mapAll(this.#source, target, digest);
    this.#built = { target, report: yield* target.finish(), digest: digest.text() };
  }

  /** Reads the target back through its own driver; only where the digests differ are the two compared row by row. */
  *verify(): Generator<Progress, void> {
    const { target, digest } = this.#finished;
    const found = this.#newDigest(target);
    const { size } = this.#source;
    for (const batch of target.view().mappings(0, size, 'mapped')) {
      found.add(batch);
      yield { what: 'verifying', done: coveredBytes(batch), total: size, unit: 'bytes' };
    }
    if (found.text() !== digest) yield* checkComplete(this.#source, target);
  }

  final(): ReturnType<CommitSource['final']> {
    const header = { offset: 0, bytes: this.#finished.target.headerSector(), what: 'header' };
    return { overwrites: [], header, newSize: this.report.fileSize };
  }

  get report(): TargetReport {
    return this.#finished.report;
  }

  get #finished(): Built {
    if (!this.#built) throw new Error('a conversion has nothing to show before it is built');
    return this.#built;
  }

  #newDigest(target: ConversionTarget): MappingDigest {
    return new MappingDigest(this.#options.backing === undefined, Math.min(this.#source.unit, target.clusterSize));
  }
}

/** The one step that changes the format, on a staged device: finish what can only be built now, then the header. */
export function* copyHeader(target: ConversionTarget): Generator<Progress, TargetReport> {
  const report = yield* target.finish();
  target.copyHeader(new MemoryDevice());
  return report;
}
