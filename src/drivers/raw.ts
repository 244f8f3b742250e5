/** The raw driver: what the registry knows of it. */
import type { Driver } from './driver.ts';
import { RawImage } from './raw/image.ts';
import { rawWriting } from './raw/write.ts';

export const rawDriver: Driver = {
  name: 'raw',
  layouts: [],
  entries: [],
  probe: () => 1,
  open: (device) => new RawImage(device),
  // A getter, so that who only looks at images need not load what changes them.
  get writing() {
    return rawWriting;
  },
};
