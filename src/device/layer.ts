/** A device over another one that passes everything on: layers that change one thing of it extend this. */
import type { Device } from './device.ts';
import type { DeviceEvent, Suspension } from './events.ts';

export class DeviceLayer implements Device {
  protected readonly base: Device;

  constructor(base: Device) {
    this.base = base;
  }

  get name(): string {
    return this.base.name;
  }

  get size(): number {
    return this.base.size;
  }

  read(offset: number, target: Uint8Array): void {
    this.base.read(offset, target);
  }

  write(offset: number, bytes: Uint8Array, what?: string): void {
    this.base.write(offset, bytes, what);
  }

  resize(size: number): void {
    this.base.resize(size);
  }

  flush(): void {
    this.base.flush();
  }

  event(event: DeviceEvent): Suspension | undefined {
    return this.base.event?.(event);
  }
}
