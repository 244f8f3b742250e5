/** What a session hands to a step, and what it keeps of each beside the bytes. */
import type { ConversionPosition } from '../convert/position.ts';
import type { Device } from '../device/device.ts';
import type { ConversionTarget, Image, TargetState } from '../drivers/driver.ts';

/** What a step works on; it may give the image another format, or a target. */
export interface Draft {
  readonly device: Device;
  readonly image: Image;
  target: ConversionTarget | undefined;
  format: string;
  /** Set when the step changes what the file is: the image on disk is then the source, this one the target. */
  converted: boolean;
  /** How far a conversion in pieces has come; replaced, never changed. */
  conversion: ConversionPosition | undefined;
}

/** What the session has to know beside the bytes: as it is after a step. */
export interface Mark {
  readonly format: string;
  readonly target: TargetState | undefined;
  readonly converted: boolean;
  readonly conversion?: ConversionPosition | undefined;
}

/** What the last `check` said, and of what. */
export interface LastCheck {
  /** `clean`, `2 errors, 1 leak`, `nothing to check`. */
  readonly words: string;
  readonly isClean: boolean;
  /** The number of steps that were applied. */
  readonly step: number;
  /** True when steps were taken, undone or committed since. */
  readonly isStale: boolean;
}
