/**
 * Raw: no structure. Guest bytes are file bytes; a length that is no multiple of 512 reads as if zeros followed, as
 * in QEMU.
 */
import { DATA, type Extent, ExtentColumns, ZERO } from '../../bytes/extents.ts';
import type { Field, FieldList, FieldWrite, Hop } from '../../bytes/field.ts';
import type { Progress } from '../../bytes/progress.ts';
import { Ranges } from '../../bytes/ranges.ts';
import { roundUp } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import { ImageError } from '../../errors.ts';
import type { ConversionOptions, Image, ImageInfo, Region } from '../driver.ts';

const SECTOR = 512;

export class RawImage implements Image {
  readonly format = 'raw';
  readonly device: Device;
  readonly clusterSize = 0;
  readonly unit = 1;
  readonly lengthIsContents = true;

  constructor(device: Device) {
    this.device = device;
  }

  /** Guest bytes: the file's length, rounded up to a sector. */
  get size(): number {
    return roundUp(this.device.size, SECTOR);
  }

  get dataDevice(): Device {
    return this.device;
  }

  getConversionOptions(): ConversionOptions {
    return {
      format: this.format,
      imageSize: this.size,
      clusterSize: SECTOR,
      // One run, at 0 in the guest and 0 in the file: nothing constrains a target's clusters.
      alignment: 2 ** 62,
      encryption: 'none',
      features: [],
      settings: {},
    };
  }

  getMapping(guest: number): Extent {
    const stored = this.device.size;
    if (guest < stored) return { kind: 'data', guest, length: stored - guest, host: guest };
    if (guest < this.size) return { kind: 'zero', guest, length: this.size - guest };
    throw new ImageError({
      code: 'past-end',
      class: 'range',
      what: `guest offset ${guest} lies behind the end of the disk, which has ${this.size} bytes`,
    });
  }

  *mappings(from = 0, to = this.size): Generator<ExtentColumns> {
    const end = Math.min(to, this.size);
    if (from >= end) return;
    const stored = Math.min(this.device.size, end);
    const columns = new ExtentColumns(1, end, end, 2);
    if (from < stored) columns.push(DATA, from, stored - from, from);
    const tail = Math.max(from, stored);
    if (tail < end) columns.push(ZERO, tail, end - tail, 0);
    yield columns;
  }

  regions(): readonly Region[] {
    return this.device.size > 0 ? [{ offset: 0, length: this.device.size, role: 'data' }] : [];
  }

  *ownership(): Generator<Progress, readonly Region[]> {
    yield { what: 'file', done: this.device.size, total: this.device.size, unit: 'bytes' };
    return this.regions();
  }

  // biome-ignore lint/correctness/useYield: a raw image has nothing to look through
  *structures(): Generator<Progress, readonly Region[]> {
    return [];
  }

  freeRanges(): Ranges {
    return new Ranges();
  }

  info(): ImageInfo {
    return { format: this.format, virtualSize: this.size, encrypted: false, snapshots: [], specific: {} };
  }

  fields(): readonly Field[] {
    return [];
  }

  field(path: string): never {
    throw new ImageError({ code: 'no-such-field', what: `a raw image has no fields, and so no ${path}` });
  }

  fieldList(path: string): FieldList {
    return path === '' ? { fields: [], empty: 0 } : this.field(path);
  }

  fieldNames(): readonly string[] {
    return [];
  }

  encodeField(path: string): FieldWrite {
    return this.field(path);
  }

  trace(guest: number): readonly Hop[] {
    const { host, length } = this.getMapping(guest);
    if (host !== undefined) return [{ title: 'data', host, length, says: 'guest bytes are file bytes' }];
    return [{ title: 'zeros', says: 'behind the end of the file, up to a whole sector: reads as zeros' }];
  }
}
