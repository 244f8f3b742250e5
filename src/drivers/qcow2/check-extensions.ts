/**
 * Oddities of feature bits and header extensions: unknown ones, ones that have no use, ones that stand there twice. QEMU
 * says nothing of them, and none is a danger: they are notes, for who wonders what will be kept and what dropped.
 */
import { hex } from '../../bytes/size.ts';
import type { Where } from '../../errors.ts';
import type { Finding } from '../finding.ts';
import type { HeaderExtension } from './extensions.ts';
import { type Header, whereField } from './header.ts';
import { EXTENSION, Extension, FeatureName, HeaderCompression } from './layout.ts';

type Note = Omit<Finding, 'severity' | 'qemuCount'>;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(EXTENSION).map(([name, type]) => [type, name.replaceAll('_', ' ')]),
);

export function* featureNotes(header: Header): Generator<Note> {
  if (header.version < 3) return;
  const { compatible_features: compatible, autoclear_features: autoclear } = header;
  if (compatible.unknown.length > 0) {
    yield {
      code: 'unknown-compatible-features',
      class: 'reserved',
      where: whereField('compatible_features'),
      what: `compatible_features has unknown bits (${compatible.unknown.join(', ')})`,
      means: 'a newer program knows more of this image; it reads the same without that',
    };
  }
  if (autoclear.unknown.length > 0) {
    yield {
      code: 'unknown-autoclear-features',
      class: 'reserved',
      where: whereField('autoclear_features'),
      what: `autoclear_features has unknown bits (${autoclear.unknown.join(', ')})`,
      means: 'a newer program keeps more in this image; whoever writes it next must clear them',
    };
  }
  const padding = header.bytes.subarray(
    HeaderCompression.at.padding,
    Math.min(header.header_length, HeaderCompression.size),
  );
  if (padding.some((byte) => byte !== 0)) {
    yield {
      code: 'header-padding',
      class: 'reserved',
      where: {
        offset: HeaderCompression.at.padding,
        length: padding.length,
        path: 'header.padding',
        spec: HeaderCompression.spec,
      },
      what: `the padding behind compression_type is ${Buffer.from(padding).toString('hex')}, expected zeros`,
      means: 'QEMU does not look at it; a later version may give it a meaning',
    };
  }
}

export function* externalNotes(header: Header): Generator<Note> {
  if (!header.autoclear_features.data_file_raw || !header.backingName) return;
  yield {
    code: 'raw-data-file-with-backing',
    class: 'consistency',
    where: whereField('autoclear_features'),
    what: 'autoclear_features bit 1 says that the data file alone is the whole disk, but there is a backing file, expected none',
    means: 'who reads the data file by itself misses what only the backing file has',
  };
}

export function* extensionNotes(header: Header): Generator<Note> {
  const seen = new Set<number>();
  for (const [index, extension] of header.extensions.entries()) {
    const { type, length } = extension;
    if (seen.has(type) && NAMES.has(type)) {
      yield {
        code: 'extension-dup',
        class: 'dup',
        where: whereOf(extension, index),
        what: `header extension ${hex(type)} (${NAMES.get(type)}) is there more than once`,
        means: 'programs differ in which of them they take',
      };
    }
    seen.add(type);
    if (type === EXTENSION.feature_name_table && length % FeatureName.size !== 0) {
      yield {
        code: 'feature-name-table-size',
        class: 'size',
        where: whereOf(extension, index),
        what: `the feature name table has ${length} bytes, expected a multiple of ${FeatureName.size}`,
        means: 'names of features are for messages only',
      };
    }
    const unused = unusedBecause(header, type);
    if (unused) {
      yield {
        code: 'extension-unused',
        class: 'consistency',
        where: whereOf(extension, index),
        what: `header extension ${hex(type)} (${NAMES.get(type)}) has no use: ${unused}`,
        means: 'nothing reads it',
      };
    }
  }
}

function unusedBecause(header: Header, type: number): string | undefined {
  if (type === EXTENSION.backing_format && !header.backingName) return 'the image has no backing file';
  if (type === EXTENSION.data_file && !header.incompatible_features.data_file) {
    return 'incompatible_features bit 2 says that there is no external data file';
  }
  return undefined;
}

function whereOf({ offset, length }: HeaderExtension, index: number): Where {
  return { offset, length: Extension.size + length, path: `extension[${index}]`, spec: Extension.spec };
}
