/**
 * qcow2's header extensions: the list between the header and the backing file name (or the end of the header
 * cluster). Unknown types are kept as they are.
 *
 *  1. The area ends at 2 MiB at most, so one read and one pass are bounded whatever the header says.
 *  2. A broken list gives the extensions before the break and the fault: reading never throws, so that a header
 *     that does not open can still be printed.
 */
import { hex } from '../../bytes/size.ts';
import { decode } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { Complaint } from '../../errors.ts';
import { EXTENSION, Extension } from './layout.ts';

export interface HeaderExtension {
  readonly type: number;
  /** Byte offset in the file of the extension's type field; its data follow 8 bytes later. */
  readonly offset: number;
  /** Bytes of data as the extension states them. */
  readonly length: number;
  /** The data: shorter than `length` only where the file ends earlier. */
  readonly data: Uint8Array;
}

export interface ExtensionList {
  readonly extensions: readonly HeaderExtension[];
  /** Byte offset behind the list, its end marker included. */
  readonly end: number;
  /** Why the list could not be read to its end. */
  readonly fault?: Complaint;
}

/** Most lists end within this; a longer one costs a second read. Bytes. */
const FIRST_READ = 4096;

/** Extensions from `start` up to `end` (byte offsets in the file). Never throws for what it finds. */
export function readExtensions(device: Device, start: number, end: number): ExtensionList {
  const inFile = Math.max(0, Math.min(end, device.size) - start);
  if (start >= end) return { extensions: [], end: start };
  const first = Math.min(inFile, FIRST_READ);
  return (
    parse(readBytes(device, start, first), start, end, first < inFile) ??
    (parse(readBytes(device, start, inFile), start, end, false) as ExtensionList)
  );
}

/** `area` holds the file's bytes from `start`. Answers undefined when it is `partial` and the list goes on behind it. */
function parse(area: Uint8Array, start: number, end: number, partial: boolean): ExtensionList | undefined {
  const extensions: HeaderExtension[] = [];
  let offset = start;
  while (offset < end) {
    const at = offset - start;
    if (partial && at + Extension.size > area.length) return undefined;
    const { type, length } = decode(Extension, area, at);
    const room = end - offset - Extension.size;
    if (length > room) return { extensions, end: offset, fault: tooLong(offset, type, length, Math.max(0, room)) };
    if (type === EXTENSION.end) return { extensions, end: offset + Extension.size };
    const data = at + Extension.size;
    if (partial && data + length > area.length) return undefined;
    // Behind the file's end everything reads as zeros: that is an end marker, and nothing to keep.
    if (at >= area.length) return { extensions, end: offset };
    extensions.push({ type, offset, length, data: area.slice(data, data + length) });
    offset += Extension.size + Math.ceil(length / 8) * 8;
  }
  return { extensions, end: Math.min(offset, end) };
}

function tooLong(offset: number, type: number, length: number, room: number): Complaint {
  return {
    code: 'extension-range',
    class: 'range',
    what: `qcow2 header extension ${hex(type)}: length is ${length}, at most ${room} allowed before the end of the area`,
    where: { offset: offset + Extension.at.length, length: 4, path: 'extension.length', spec: Extension.spec },
    tryThis: `write 8 zero bytes at ${hex(offset)} to end the list there`,
  };
}

/** The first extension of the type, if any. */
export function extensionOf(list: readonly HeaderExtension[], type: number): HeaderExtension | undefined {
  return list.find((extension) => extension.type === type);
}

/** An extension's data as text: names in a header are UTF-8 without terminator; trailing zero bytes are dropped. */
export function extensionText(extension: HeaderExtension | undefined): string | undefined {
  return extension && Buffer.from(extension.data).toString('utf8').replace(/\0+$/, '');
}
