/** The QED driver: what the registry knows of it. */
import type { Driver } from '../driver.ts';
import { QedImage } from './image.ts';
import { ENTRIES, LAYOUTS, MAGIC } from './layout.ts';
import { lookalikes } from './lookalikes.ts';
import { openRefused } from './refused.ts';
import { qedRepair } from './repair.ts';
import { qedConversion } from './target.ts';
import { qedWriting } from './write/open.ts';

export const qedDriver: Driver = {
  name: 'qed',
  layouts: LAYOUTS,
  entries: ENTRIES,
  probe: (head) => (new DataView(head.buffer, head.byteOffset).getUint32(0, true) === MAGIC ? 100 : 0),
  open: (device) => QedImage.open(device),
  lookalikes: (haystack) => lookalikes(haystack),
  openRefused: (device, refused) => openRefused(device, refused),
  // A getter, so that who only looks at images need not load what builds them.
  get writing() {
    return qedWriting;
  },
  get conversion() {
    return qedConversion;
  },
  get repair() {
    return qedRepair;
  },
};
