/**
 * Opening a QED image for writing, as QEMU does: bits that a program which does not know them has to clear are
 * cleared, and an image that is marked as needing a check gets it: entries that lead nowhere are taken out, and the
 * mark goes, unless two things claim one cluster.
 */

import { runToEnd } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';
import { fire, type Request } from '../../../device/events.ts';
import type { ImageWriter, WriteContext, WritingDriver } from '../../writing.ts';
import { clusterFault, type Geometry, tableFault } from '../geometry.ts';
import { QedImage } from '../image.ts';
import { Header, ZERO_CLUSTER } from '../layout.ts';
import { tableLabel } from '../regions.ts';
import { entryValue, PIECE_ENTRIES, TableReader } from '../tables.ts';
import { entryBytes } from './lookup.ts';
import { QedWriter } from './writer.ts';

export const qedWriting: WritingDriver = {
  *open(device: Device, context: WriteContext): Request<ImageWriter> {
    const image = QedImage.open(device);
    const { autoclear_features } = image.header;
    const hasUnknown = (autoclear_features.hi | autoclear_features.lo) !== 0;
    if (hasUnknown) device.write(Header.at.autoclear_features, new Uint8Array(8), 'header.autoclear_features');
    if (hasUnknown) device.flush();
    const writer = new QedWriter(hasUnknown ? QedImage.open(device) : image, context);
    if (!image.header.features.need_check || !(yield* mend(image))) return writer;
    // Closing takes the mark off; the writer goes on with a clean image.
    yield* writer.close();
    return new QedWriter(QedImage.open(device), context);
  },
};

/** Takes out entries that lead nowhere. Answers whether nothing is wrong any more. */
function* mend(image: QedImage): Request<boolean> {
  const { device, geometry: g } = image;
  const survey = runToEnd(image.surveyed());
  for (const { offset, index } of survey.tables) {
    const isRight = index < 0 ? isTable : isCluster;
    for (const { words, first, count } of new TableReader(device, PIECE_ENTRIES).pieces(offset, 0, g.tableEntries)) {
      for (let i = 0; i < count; i++) {
        if (isRight(g, entryValue(words, i))) continue;
        yield* fire(device, index < 0 ? 'l1_update' : 'l2_update');
        device.write(offset + (first + i) * 8, entryBytes(0, 1, 0), index < 0 ? 'l1 table' : tableLabel(index));
      }
    }
  }
  return survey.shared === 0;
}

function isTable(g: Geometry, value: number): boolean {
  return value === 0 || tableFault(g, value) === undefined;
}

function isCluster(g: Geometry, value: number): boolean {
  return value === 0 || value === ZERO_CLUSTER || clusterFault(g, value) === undefined;
}
