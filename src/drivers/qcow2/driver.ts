/** The qcow2 driver: what the registry knows of it. */
import { decode } from '../../bytes/struct.ts';
import type { Driver } from '../driver.ts';
import { Qcow2Image } from './image.ts';
import { ENTRIES, HeaderV2, LAYOUTS, MAGIC } from './layout.ts';
import { lookalikes } from './lookalikes.ts';
import { openRefused } from './refused.ts';
import { qcow2Repair } from './repair/driver.ts';
import { searchQcow2 } from './rescue/search.ts';
import { qcow2Conversion } from './target.ts';
import { qcow2Writing } from './write/writer.ts';

export const qcow2Driver: Driver = {
  name: 'qcow2',
  layouts: LAYOUTS,
  entries: ENTRIES,
  // Any version from 2 on: one that is not known is refused with its number when it is opened.
  probe: (head) => {
    const { magic, version } = decode(HeaderV2, head);
    return magic === MAGIC && version >= 2 ? 100 : 0;
  },
  open: (device, context) => Qcow2Image.open(device, context),
  lookalikes: (haystack) => lookalikes(haystack),
  openRefused: (device, refused) => openRefused(device, refused),
  rescue: { search: (device, context) => searchQcow2(device, context) },
  // A getter, so that who only looks at images need not load what builds them.
  get conversion() {
    return qcow2Conversion;
  },
  get writing() {
    return qcow2Writing;
  },
  get repair() {
    return qcow2Repair;
  },
};
