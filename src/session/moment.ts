/** What a session knows of the image at some step, for who looks at it without going there. */
import type { Device } from '../device/device.ts';
import type { OpenContext, TargetState } from '../drivers/driver.ts';

/** The image at some step of the current branch, to be looked at: good until the next step, undo, redo or switch. */
export interface Moment {
  readonly device: Device;
  readonly format: string;
  readonly context: OpenContext;
  readonly target: TargetState | undefined;
}
