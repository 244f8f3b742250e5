/**
 * One image of one moment as a diff reads it: its structures and their fields, and the same fields as other bytes would
 * make them. So what was there before is shown in the terms of what is there now.
 */
import type { Field } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Ranges } from '../bytes/ranges.ts';
import { type Device, readBytes } from '../device/device.ts';
import type { Image, Region } from '../drivers/driver.ts';

export class DiffSide {
  /** Before the names of its fields. */
  readonly prefix: '' | 'target ';
  readonly image: Image;
  readonly #device: Device;
  readonly #isTarget: boolean;
  /** Bytes that stand over the device's for a moment. */
  #over: { readonly offset: number; readonly bytes: Uint8Array } | undefined;

  /** `open` opens the image on the device it is given. `target`: one being built, whose header is not on the device. */
  constructor(device: Device, kind: 'image' | 'target', open: (device: Device) => Image) {
    this.#device = device;
    this.#isTarget = kind === 'target';
    this.prefix = this.#isTarget ? 'target ' : '';
    this.image = open(this.#shown());
  }

  get format(): string {
    return this.image.format;
  }

  /** In host order and disjoint; those that share a byte with `among`. */
  *structures(among: Ranges): Generator<Progress, readonly Region[]> {
    const all = yield* this.image.structures(among);
    return this.#isTarget ? all.filter(({ role }) => role !== 'header') : all;
  }

  fields(region: Region, from: number, to: number): readonly Field[] {
    return this.image.fields(region, from, to);
  }

  /** The fields of the structure as they would be if `bytes` stood at `from` (bytes of the file). */
  fieldsOver(region: Region, from: number, bytes: Uint8Array): readonly Field[] {
    this.#over = { offset: from, bytes };
    try {
      return this.image.fields(region, from, from + bytes.length);
    } finally {
      this.#over = undefined;
    }
  }

  read(offset: number, length: number): Uint8Array {
    return readBytes(this.#device, offset, length);
  }

  #shown(): Device {
    const device = this.#device;
    return {
      name: device.name,
      size: device.size,
      read: (at, target) => {
        device.read(at, target);
        if (!this.#over) return;
        const { offset, bytes } = this.#over;
        const from = Math.max(at, offset);
        const to = Math.min(at + target.length, offset + bytes.length);
        if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - at);
      },
      write: (at, bytes, what) => device.write(at, bytes, what),
      resize: (size) => device.resize(size),
      flush: () => device.flush(),
    };
  }
}
