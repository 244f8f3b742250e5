/**
 * What a conversion from QED has to know: sizes, alignment, the backing file, and every feature that a target may be
 * unable to represent, each with what would remove it.
 */
import type { Range } from '../../bytes/ranges.ts';
import type { ConversionOptions, Feature } from '../driver.ts';
import { SECTOR } from '../two-level/first-sector.ts';
import type { QedImage } from './image.ts';
import { Header } from './layout.ts';
import type { Survey } from './survey.ts';

export function conversionOptions(image: QedImage, survey: Survey): ConversionOptions {
  const { header, geometry: g, backing } = image;
  return {
    format: image.format,
    imageSize: g.size,
    clusterSize: g.clusterSize,
    alignment: survey.alignment,
    encryption: 'none',
    ...(backing && { backing, backingNameOffset: header.backing_filename_offset }),
    headerSlack: headerSlack(image),
    features: [...features(image, survey)],
    settings: { cluster_size: g.clusterSize, table_size: g.tableClusters },
  };
}

/** What lies in the first cluster between the header (and the name, if it is there) and the cluster's end. */
function headerSlack(image: QedImage): Range {
  const { header, geometry: g } = image;
  const nameEnd = image.backing ? header.backing_filename_offset + header.backing_filename_size : Header.size;
  const offset = Math.min(Math.max(nameEnd, SECTOR), g.clusterSize);
  return { offset, length: g.clusterSize - offset };
}

function* features(image: QedImage, survey: Survey): Generator<Feature> {
  const { header, backing } = image;
  if (header.features.need_check) {
    yield {
      code: 'dirty',
      what: 'the image is marked as needing a check (header.features bit 1)',
      lift: 'qemu-img check -r all IMAGE, or open and close it for writing with QEMU',
    };
  }
  if (backing) {
    yield {
      code: 'backing-file',
      what: `the image has a backing file, '${backing.file}'`,
      lift: 'qemu-img rebase -b "" IMAGE, which copies what the image does not hold itself',
    };
    if (backing.format) {
      yield {
        code: 'backing-format',
        what: `the backing file's format is recorded as ${backing.format}`,
        lift: 'qemu-img rebase -u -b NAME IMAGE without -F',
      };
    }
    if (survey.zeros > 0) {
      yield {
        code: 'zero-over-backing',
        what: `${survey.zeros} zero clusters hide parts of the backing file`,
        lift: 'qemu-img rebase -b "" IMAGE',
      };
    }
  }
  for (const field of ['compat_features', 'autoclear_features'] as const) {
    const { unknown } = header[field];
    if (unknown.length === 0) continue;
    yield {
      code: 'unknown-features',
      what: `header.${field} has unknown bits (${unknown.join(', ')})`,
      lift: 'convert with the program that set them, or clear the bits',
    };
  }
  const mend = 'qemu-img check -r all IMAGE mends invalid entries only; else copy with qemu-img convert';
  if (survey.shared > 0) {
    yield {
      code: 'shared-clusters',
      what: `${survey.shared} table entries point to clusters that something else uses`,
      lift: mend,
    };
  }
  if (survey.invalid > 0) {
    yield { code: 'invalid-entries', what: `${survey.invalid} table entries are invalid; see check`, lift: mend };
  }
}
