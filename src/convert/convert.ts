/**
 * In-place conversion, format-blind: plan, map, verify, and one header write. The steps of the 2011 series, each a
 * function of its own so that a session can take them one by one; `convertInPlace` takes them all and commits.
 *
 * Invariants:
 *  1. Guest data is never written: the target's metadata is built around it.
 *  2. Nothing is staged or written unless every precondition holds (refuse.ts).
 *  3. The header is written only after the target, read back through its own driver, maps what the source mapped.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Ranges } from '../bytes/ranges.ts';
import { hex } from '../bytes/size.ts';
import { type CommitOptions, type CommitResult, type CommitSource, commit } from '../device/commit.ts';
import type { Device } from '../device/device.ts';
import type { FileDevice } from '../device/file.ts';
import { MemoryDevice } from '../device/memory.ts';
import type { ConversionTarget, Driver, Image, TargetReport, TargetRequest } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { firstDifference, type MappingDifference } from './compare.ts';
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
  const options = source.getConversionOptions();
  yield* preflight(source, options, driver, request);
  return conversionOf(driver).open(device, options, request, spareRoom(source));
}

/** What the source marks free: where a target may put tables, and what a commit need not journal. */
export function spareRoom(source: Image): Ranges {
  return source.freeRanges(SMALLEST_ROOM);
}

/** The get_mapping / map loop: everything the source maps, onto the target. */
export function* mapAll(source: Image, target: ConversionTarget): Generator<Progress, void> {
  for (const batch of source.mappings()) {
    target.map(batch);
    const last = batch.count - 1;
    const done = last < 0 ? 0 : ((batch.guest[last] as number) + (batch.length[last] as number)) * batch.unit;
    yield { what: 'mapping', done: Math.min(done, source.size), total: source.size };
  }
  target.sync();
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
  if (!missing) return;
  const range = `guest ${hex(missing.guest)}..${hex(missing.guest + missing.length)}`;
  throw new ImageError({
    code: 'not-all-mapped',
    class: 'consistency',
    what: `${range}: the source has ${missing.source}, the target ${missing.target}`,
    tryThis: 'setmap --all, or --force to leave it out',
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
  const options = source.getConversionOptions();
  yield* preflight(source, options, driver, wanted);
  const conversion = new Conversion(file, source, driver, wanted);
  const result = yield* commit(file, conversion, request);
  return { ...result, target: conversion.report };
}

/** A whole conversion as something to commit. */
class Conversion implements CommitSource {
  readonly oldSize: number;
  readonly free: Ranges;
  readonly #source: Image;
  readonly #driver: Driver;
  readonly #request: TargetRequest;
  #built: { readonly target: ConversionTarget; readonly report: TargetReport } | undefined;

  constructor(file: Device, source: Image, driver: Driver, request: TargetRequest) {
    this.oldSize = file.size;
    this.free = spareRoom(source);
    this.#source = source;
    this.#driver = driver;
    this.#request = request;
  }

  *fresh(out: Device): Generator<Progress, void> {
    const options = this.#source.getConversionOptions();
    const target = conversionOf(this.#driver).open(out, options, this.#request, this.free);
    yield* mapAll(this.#source, target);
    this.#built = { target, report: yield* target.finish() };
  }

  *verify(): Generator<Progress, void> {
    yield* checkComplete(this.#source, this.#target);
  }

  final(): ReturnType<CommitSource['final']> {
    const header = { offset: 0, bytes: this.#target.headerSector(), what: 'header' };
    return { overwrites: [], header, newSize: this.report.fileSize };
  }

  get report(): TargetReport {
    if (!this.#built) throw new Error('a conversion has no report before it is built');
    return this.#built.report;
  }

  get #target(): ConversionTarget {
    if (!this.#built) throw new Error('a conversion has no target before it is built');
    return this.#built.target;
  }
}

/** The one step that changes the format, on a staged device: finish what can only be built now, then the header. */
export function* copyHeader(target: ConversionTarget): Generator<Progress, TargetReport> {
  const report = yield* target.finish();
  target.copyHeader(new MemoryDevice());
  return report;
}
