/**
 * Faults on purpose, for tests: the Nth operation fails, is torn at a sector border, or is the last thing that
 * happens before the machine stops. One Fuse can be shared by several devices and by the folder they lie in, so
 * that "the Nth operation" counts over all of them.
 */
import { roundDown } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import type { Device } from './device.ts';

export type Operation = 'read' | 'write' | 'resize' | 'flush' | 'create' | 'remove' | 'sync-folder' | 'link';

export interface Fault {
  /** The operation that fails, counted from 0 among those of `of`. */
  readonly at: number;
  /** What is counted. Absent: everything but reads. */
  readonly of?: readonly Operation[];
  /**
   * `fail`: it throws and has done nothing, once. `fail-on`: so do all after it. `tear`: as `fail`, but a write has
   * been done up to a sector border in its middle. `crash`: nothing is done, and nothing ever after.
   */
  readonly kind: 'fail' | 'fail-on' | 'tear' | 'crash';
  /** The ImageError's code; `io-error` when absent. */
  readonly code?: string;
}

/** The machine stopped. Not an ImageError: nothing may catch it and tidy up. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** Bytes: what a disk writes wholly or not at all. */
const SECTOR = 512;

export class Fuse {
  readonly #fault: Fault;
  #count = 0;
  #blown = false;

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  /** Operations counted so far. */
  get count(): number {
    return this.#count;
  }

  get blown(): boolean {
    return this.#blown;
  }

  /** Counts one operation, and throws when it is the one. `torn` does the half of it that still happens. */
  spend(operation: Operation, torn?: () => void): void {
    const { at, of, kind, code } = this.#fault;
    if (this.#blown && kind === 'crash') throw new Crash('the machine has stopped');
    if (of ? !of.includes(operation) : operation === 'read') return;
    const index = this.#count++;
    if (index < at || (index > at && kind !== 'fail-on')) return;
    this.#blown = true;
    if (kind === 'crash') throw new Crash('the machine has stopped');
    if (kind === 'tear') torn?.();
    throw new ImageError({
      code: code ?? 'io-error',
      what: `a fault on purpose: ${operation} number ${index} failed`,
    });
  }
}

export class FaultyDevice implements Device {
  readonly #base: Device;
  readonly #fuse: Fuse;

  constructor(base: Device, fault: Fault | Fuse) {
    this.#base = base;
    this.#fuse = fault instanceof Fuse ? fault : new Fuse(fault);
  }

  get name(): string {
    return this.#base.name;
  }

  get size(): number {
    return this.#base.size;
  }

  read(offset: number, target: Uint8Array): void {
    this.#fuse.spend('read');
    this.#base.read(offset, target);
  }

  write(offset: number, bytes: Uint8Array, what?: string): void {
    this.#fuse.spend('write', () => {
      const border = roundDown(offset + Math.floor(bytes.length / 2), SECTOR);
      if (border > offset) this.#base.write(offset, bytes.subarray(0, border - offset), what);
    });
    this.#base.write(offset, bytes, what);
  }

  resize(size: number): void {
    this.#fuse.spend('resize');
    this.#base.resize(size);
  }

  flush(): void {
    this.#fuse.spend('flush');
    this.#base.flush();
  }
}
