/** A file in a state that a crash would leave: what is read is that state; nothing can be written. */
import { ImageError } from '../errors.ts';
import type { Device } from './device.ts';
import { FileDevice } from './file.ts';
import { sameFile } from './identity.ts';

export class CrashFile extends FileDevice {
  readonly #state: Device;

  /** `state` is of `file`, which must stay open. Throws ImageError `file-changed` when its path leads elsewhere by now. */
  constructor(file: FileDevice, state: Device) {
    super(file.path);
    this.#state = state;
    if (sameFile(this.identity, file.identity)) return;
    this.close();
    throw new ImageError({
      code: 'file-changed',
      what: `another file stands at ${file.path}`,
      tryThis: 'open it again',
    });
  }

  override get size(): number {
    return this.#state.size;
  }

  override read(offset: number, target: Uint8Array): void {
    this.#state.read(offset, target);
  }

  override allowWrites(): never {
    throw new ImageError({
      code: 'crash-state',
      what: `this is ${this.name} as a crash would leave it: it is not a file`,
    });
  }
}
