/**
 * A file that its driver refuses to open, as far as it can be shown all the same: the named fields of its header, and
 * bytes. There is no guest in it. A format says what has a name; the rest is the same for all.
 *
 *  1. Whatever the header says, nothing here throws for it but what would need the guest's disk: that throws `refused`.
 *  2. Every byte but the header's is `unknown`: nothing is free, so a commit overwrites nothing without a journal.
 */
import type { Extent, ExtentColumns } from '../bytes/extents.ts';
import type { Field, Hop } from '../bytes/field.ts';
import { fieldsUnder } from '../bytes/fields/tree.ts';
import { type FieldTree, Named } from '../bytes/named.ts';
import type { Progress } from '../bytes/progress.ts';
import { Ranges } from '../bytes/ranges.ts';
import type { Device } from '../device/device.ts';
import type { ImageError } from '../errors.ts';
import type { ConversionOptions, Image, ImageInfo, Region } from './driver.ts';

export interface RefusedFile {
  readonly format: string;
  readonly device: Device;
  readonly refused: ImageError;
  readonly tree: FieldTree;
  /** Names of the tree whose fields lie in the header area. */
  readonly inHeader: readonly string[];
  /** Bytes of the header area, as far as it can be told. */
  readonly headerBytes: number;
}

export class RefusedImage extends Named implements Image {
  readonly format: string;
  readonly device: Device;
  readonly dataDevice: Device;
  readonly refused: ImageError;
  readonly size = 0;
  readonly clusterSize = 0;
  readonly unit = 1;
  protected readonly tree: FieldTree;
  readonly #inHeader: readonly string[];
  readonly #headerBytes: number;

  constructor({ format, device, refused, tree, inHeader, headerBytes }: RefusedFile) {
    super();
    this.format = format;
    this.device = device;
    this.dataDevice = device;
    this.refused = refused;
    this.tree = tree;
    this.#inHeader = inHeader;
    this.#headerBytes = headerBytes;
  }

  getConversionOptions(): ConversionOptions {
    throw this.refused;
  }

  getMapping(): Extent {
    throw this.refused;
  }

  mappings(): Iterable<ExtentColumns> {
    return [];
  }

  regions(): readonly Region[] {
    const { size } = this.device;
    const header = Math.min(this.#headerBytes, size);
    const regions: Region[] = [
      { offset: 0, length: header, role: 'header' },
      { offset: header, length: size - header, role: 'unknown' },
    ];
    return regions.filter(({ length }) => length > 0);
  }

  *ownership(): Generator<Progress, readonly Region[]> {
    yield { what: 'file', done: this.device.size, total: this.device.size, unit: 'bytes' };
    return this.regions();
  }

  *structures(among: Ranges): Generator<Progress, readonly Region[]> {
    return this.regions().filter(
      ({ role, offset, length }) => role === 'header' && among.overlapping(offset, length) !== undefined,
    );
  }

  freeRanges(): Ranges {
    return new Ranges();
  }

  info(): ImageInfo {
    return { format: this.format, virtualSize: 0, encrypted: false, snapshots: [], specific: {} };
  }

  fields({ role }: Region, from: number, to: number): readonly Field[] {
    if (role !== 'header') return [];
    const { root, read } = this.tree;
    const fields = this.#inHeader.flatMap((name) => {
      const node = root.member(name);
      return node ? fieldsUnder(node, name, from, to, read) : [];
    });
    return fields.sort((a, b) => a.offset - b.offset);
  }

  trace(): readonly Hop[] {
    throw this.refused;
  }
}
