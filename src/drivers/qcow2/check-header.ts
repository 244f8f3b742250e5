/**
 * Rules of the header that do not stop an image from being opened: QEMU does not look at any of them.
 */
import { hex } from '../../bytes/size.ts';
import type { Finding, FindingLog, Severity } from '../finding.ts';
import { extensionNotes, externalNotes, featureNotes } from './check-extensions.ts';
import { extensionOf } from './extensions.ts';
import { type Header, whereField } from './header.ts';
import { EXTENSION, HeaderV2 } from './layout.ts';

export function checkHeader(log: FindingLog, header: Header): void {
  for (const [severity, finding] of headerFindings(header)) log.add({ ...finding, severity, qemuCount: 0 });
}

type HeaderFinding = [severity: Severity, finding: Omit<Finding, 'severity' | 'qemuCount'>];

function* headerFindings(header: Header): Generator<HeaderFinding> {
  if (header.version >= 3 && header.header_length % 8 !== 0) {
    yield [
      'note',
      {
        code: 'header-length-align',
        class: 'align',
        where: whereField('header_length'),
        what: `header_length is ${header.header_length}, a multiple of 8 required`,
        means: 'QEMU takes it as it is; another program may look for the extensions elsewhere',
      },
    ];
  }
  if (header.size % 512 !== 0) {
    yield [
      'note',
      {
        code: 'size-not-in-sectors',
        class: 'size',
        where: whereField('size'),
        what: `size is ${header.size} bytes, expected a multiple of 512`,
        means: 'the bytes of the last, incomplete sector are not part of the disk',
      },
    ];
  }
  const end = header.version >= 3 ? header.header_length : HeaderV2.size;
  if (header.backing_file_offset > 0 && header.backing_file_size > 0 && header.backing_file_offset < end) {
    yield [
      'corruption',
      {
        code: 'backing-name-overlap',
        class: 'overlap',
        where: whereField('backing_file_offset'),
        what: `backing_file_offset is ${hex(header.backing_file_offset)}, inside the header, expected at least ${hex(end)}`,
        means: 'the name of the backing file and fields of the header are the same bytes',
      },
    ];
  }
  if (header.refcount_table_clusters === 0) {
    yield [
      'corruption',
      {
        code: 'refcount-table-clusters-range',
        class: 'range',
        where: whereField('refcount_table_clusters'),
        what: 'refcount_table_clusters is 0, at least 1 required',
        means: 'no cluster has a refcount: QEMU opens the image for a check only',
      },
    ];
  }
  yield* featureFindings(header);
  for (const notes of [featureNotes, externalNotes, extensionNotes]) {
    for (const note of notes(header)) yield ['note', note];
  }
}

function* featureFindings(header: Header): Generator<HeaderFinding> {
  if (header.incompatible_features.dirty) {
    yield [
      'note',
      {
        code: 'dirty',
        class: 'dirty',
        where: whereField('incompatible_features'),
        what: 'the dirty bit is set: the image was not closed, so refcounts may be wrong',
        means: 'the next program that opens it for writing repairs it',
      },
    ];
  }
  if (header.incompatible_features.corrupt) {
    yield [
      'note',
      {
        code: 'marked-corrupt',
        class: 'dirty',
        where: whereField('incompatible_features'),
        what: 'the corrupt bit is set: a program found the image corrupt and stopped writing to it',
        means: 'it can be opened read-only until it is repaired',
      },
    ];
  }
  const hasBitmaps = extensionOf(header.extensions, EXTENSION.bitmaps) !== undefined;
  if (header.autoclear_features.bitmaps === hasBitmaps) return;
  yield [
    'note',
    {
      code: hasBitmaps ? 'bitmaps-stale' : 'bitmaps-without-extension',
      class: 'consistency',
      where: whereField('autoclear_features'),
      what: hasBitmaps
        ? 'there is a bitmaps extension, but autoclear_features bit 0 is clear: the bitmaps are stale'
        : 'autoclear_features bit 0 says that bitmaps are consistent, but there is no bitmaps extension',
      means: hasBitmaps
        ? 'a program that does not know bitmaps has written the image: QEMU drops them when it opens it for writing'
        : 'nothing: there are no bitmaps to trust',
    },
  ];
}
