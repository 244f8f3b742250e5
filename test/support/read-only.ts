/** A device that fails the test when it is written, and counts what is read. */
import type { Device } from '../../src/device/device.ts';

export class ReadOnlyWitness implements Device {
  readonly name: string;
  readonly #device: Device;
  /** Bytes read so far. */
  bytesRead = 0;

  constructor(device: Device) {
    this.#device = device;
    this.name = device.name;
  }

  get size(): number {
    return this.#device.size;
  }

  read(offset: number, target: Uint8Array): void {
    if (!(offset >= 0 && Number.isInteger(offset))) throw new Error(`read at ${offset}`);
    this.bytesRead += target.length;
    this.#device.read(offset, target);
  }

  write(offset: number): never {
    throw new Error(`reading wrote at ${offset}`);
  }

  resize(size: number): never {
    throw new Error(`reading resized to ${size}`);
  }

  flush(): never {
    throw new Error('reading flushed');
  }
}
