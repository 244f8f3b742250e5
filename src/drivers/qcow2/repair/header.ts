/**
 * Mends of the header cluster: fields, the list of extensions behind them and the backing file's name, which move
 * together where one is in the way of another.
 */
import { hex, roundDown, roundUp } from '../../../bytes/size.ts';
import { patch } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import type { Finding } from '../../finding.ts';
import { readExtensions } from '../extensions.ts';
import type { Header } from '../header.ts';
import { EXTENSION, Extension, HeaderV2, HeaderV3 } from '../layout.ts';
import { type Mend, mend, type Patient } from './work.ts';

export function headerMends(finding: Finding, patient: Patient): readonly Mend[] {
  const { header } = patient.image;
  const about = { code: finding.code, places: [finding.where], stage: 'header', group: finding.code } as const;
  switch (finding.code) {
    case 'size-not-in-sectors':
      return [
        mend({
          ...about,
          change: `set size to ${roundDown(header.size, 512)}, which is what the guest sees`,
          make: ({ device }) => patchAt(device, HeaderV2, { size: roundDown(header.size, 512) }),
        }),
      ];
    case 'header-length-align': {
      const length = roundUp(header.header_length, 8);
      const area = laidOut(patient, length, () => true);
      return area
        ? [
            mend({
              ...about,
              change: `set header_length to ${length} and move what stands behind it`,
              make: write(area),
            }),
          ]
        : [];
    }
    case 'bitmaps-without-extension':
      return [
        mend({
          ...about,
          change: 'clear bit 0 of autoclear_features: there are no bitmaps',
          make: ({ device }) => clearBit(device, HeaderV3.at.autoclear_features, 0),
        }),
      ];
    case 'bitmaps-stale': {
      const area = laidOut(patient, header.header_length, (type) => type !== EXTENSION.bitmaps);
      return area
        ? [
            mend({
              ...about,
              isSafe: false,
              change: 'take the bitmaps extension out of the header',
              loses: 'the way to the bitmaps, which do not say any more what was written',
              make: write(area),
            }),
          ]
        : [];
    }
    case 'backing-name-overlap': {
      const area = nameMoved(patient);
      return area
        ? [mend({ ...about, change: 'move the name of the backing file behind the header', make: write(area) })]
        : [];
    }
    default:
      return [];
  }
}

/** Marks that say that something is amiss: taken off when nothing is. */
export function markMends(patient: Patient): readonly Mend[] {
  const { findings } = patient.report;
  return (['dirty', 'marked-corrupt'] as const).flatMap((code) => {
    const finding = findings.find((one) => one.code === code);
    if (!finding) return [];
    return [
      mend({
        ...{ code, places: [finding.where], stage: 'marks', group: code, isLast: true },
        change: `clear the ${code === 'dirty' ? 'dirty' : 'corrupt'} bit, once nothing else is wrong`,
        make: ({ device }) => clearBit(device, HeaderV3.at.incompatible_features, code === 'dirty' ? 0 : 1),
      }),
    ];
  });
}

/** Bytes to be written at the start of the file. */
type Area = readonly { readonly offset: number; readonly bytes: Uint8Array }[];

function write(area: Area): Mend['make'] {
  return ({ device }) => {
    for (const { offset, bytes } of area) device.write(offset, bytes, 'header');
  };
}

/**
 * The header with another length, the extensions that are `kept` behind it and then the name; undefined where the
 * cluster has no room for it.
 */
function laidOut({ device, image, g }: Patient, length: number, kept: (type: number) => boolean): Area | undefined {
  const { header } = image;
  const list = header.extensions.filter(({ type }) => kept(type));
  const extensions = Buffer.concat([
    ...list.map(({ offset, length: size }) => Buffer.from(readBytes(device, offset, 8 + roundUp(size, 8)))),
    Buffer.alloc(8),
  ]);
  const end = length + extensions.length;
  const oldEnd = header.extensionsEnd;
  const name = nameOf(device, header);
  const nameAt = header.backing_file_offset >= end || name.length === 0 ? header.backing_file_offset : end;
  if (Math.max(end, nameAt + name.length) > g.clusterSize) return undefined;
  const bytes = Buffer.alloc(Math.max(end, oldEnd, nameAt === end ? end + name.length : 0));
  bytes.set(readBytes(device, 0, Math.min(header.header_length, length)));
  patch(HeaderV2, bytes, { backing_file_offset: nameAt });
  if (header.version >= 3) patch(HeaderV3, bytes, { header_length: length });
  bytes.set(extensions, length);
  if (nameAt === end) bytes.set(name, nameAt);
  // What stands behind the list and is not the header's is left as it is.
  const isOwn = Math.max(end, nameAt === end ? end + name.length : 0, oldEnd);
  return [{ offset: 0, bytes: bytes.subarray(0, isOwn) }];
}

/** The name behind what stands behind the header: a list of extensions, or nothing that could be one. */
function nameMoved({ device, image, g }: Patient): Area | undefined {
  const { header } = image;
  const start = header.version >= 3 ? header.header_length : HeaderV2.size;
  const name = nameOf(device, header);
  const list = readExtensions(device, start, g.clusterSize);
  const harmless: readonly number[] = [EXTENSION.backing_format, EXTENSION.feature_name_table];
  const isList = !list.fault && list.extensions.every(({ type }) => harmless.includes(type));
  const at = isList ? list.end : start + Extension.size;
  if (at + name.length > g.clusterSize) return undefined;
  const head = readBytes(device, 0, HeaderV2.size);
  patch(HeaderV2, head, { backing_file_offset: at });
  const end = isList ? [] : [{ offset: start, bytes: new Uint8Array(Extension.size) }];
  return [...end, { offset: at, bytes: name }, { offset: 0, bytes: head }];
}

function nameOf(device: Device, header: Header): Uint8Array {
  if (header.backing_file_offset === 0) return new Uint8Array(0);
  return readBytes(device, header.backing_file_offset, header.backing_file_size);
}

function patchAt(device: Device, layout: typeof HeaderV2, values: { readonly size: number }): void {
  const bytes = readBytes(device, 0, layout.size);
  patch(layout, bytes, values);
  device.write(0, bytes, `header, size ${hex(values.size)}`);
}

/** Clears one of the low 8 bits of the 64-bit field at `offset`. */
function clearBit(device: Device, offset: number, bit: number): void {
  const last = readBytes(device, offset + 7, 1);
  last[0] = (last[0] as number) & ~(1 << bit);
  device.write(offset + 7, last, 'header');
}
