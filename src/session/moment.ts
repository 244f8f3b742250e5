/** What a session knows of the image at some step, for who looks at it without going there. */
import type { Device } from '../device/device.ts';
import type { Image, TargetState } from '../drivers/driver.ts';

/** The image at some step of the current branch, to be looked at: good until the next step, undo, redo or switch. */
export interface Moment {
  readonly device: Device;
  readonly format: string;
  /** Opens other bytes as the image of this moment was opened. */
  open(device: Device): Image;
  readonly target: TargetState | undefined;
}
