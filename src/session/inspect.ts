/** What lies at one byte of the file: the bytes around it, who owns it, its fields, and the guest byte it holds. */
import type { Field } from '../bytes/field.ts';
import { type Device, readBytes } from '../device/device.ts';
import type { Image } from '../drivers/driver.ts';
import type { ExtentTable } from './extent-table.ts';
import type { Inspection, Side } from './panels.ts';
import type { Scene } from './scene.ts';
import type { Session } from './session.ts';
import type { SideMap } from './side-map.ts';

export interface InspectedSide {
  readonly session: Session;
  readonly scene: Scene;
  readonly side: Side;
  /** The side's map and table, where they are made. */
  readonly map: SideMap | undefined;
  readonly table: ExtentTable | undefined;
}

/** Bytes of a line. */
const LINE = 16;

/** `rows` lines, the one with `host` in the first third. Past the file's end: its last byte. */
export function inspect(at: InspectedSide, host: number, rows: number): Inspection {
  const { session, scene, side, map, table } = at;
  const image = (side === 'target' ? scene.target : undefined) ?? scene.source;
  const { size } = image.device;
  const byte = Math.max(Math.min(host, size - 1), 0);
  const line = byte - (byte % LINE);
  const offset = Math.max(line - Math.floor(rows / 3) * LINE, 0);
  const bytes = readBytes(image.device, offset, Math.max(Math.min(rows * LINE, size - offset), 0));
  const region = map?.complete && byte < map.size ? map.regionAt(byte) : undefined;
  // Without a step the bytes are those on the disk: the file is not read twice for every place the cursor comes to.
  const isOnDisk = scene.applied.length === 0 || (side === 'source' && scene.sourceIsOnDisk);
  const before = isOnDisk ? undefined : bytesBefore(session.file, offset, bytes);
  const guest = guestAt(table, byte);
  const fields = map?.complete ? fieldsIn(image, map, offset, offset + bytes.length) : [];
  const current = fieldAt(fields, byte);
  return {
    side,
    offset,
    bytes,
    ...(region && { region }),
    fields,
    ...(current && { current }),
    ...(guest === undefined ? {} : { guest }),
    ...(before === undefined ? {} : { before }),
  };
}

/** Of every structure that shows in the bytes `from` .. `to` - 1, as far as the map goes: a step may have grown the file. */
function fieldsIn(image: Image, map: SideMap, from: number, to: number): Field[] {
  const fields: Field[] = [];
  const last = Math.min(to, map.size);
  for (let at = from; at < last; ) {
    const region = map.regionAt(at);
    const end = Math.min(region.offset + region.length, last);
    fields.push(...image.fields(region, at, end));
    at = end;
  }
  return fields;
}

/** The one that says most of the byte: the smallest that holds it. */
function fieldAt(fields: readonly Field[], byte: number): Field | undefined {
  const holding = fields.filter(({ offset, size }) => offset <= byte && byte < offset + size);
  return holding.sort((a, b) => a.size - b.size)[0];
}

/** The bytes on the disk, as far as the file goes, when they are others. */
function bytesBefore(file: Device, offset: number, bytes: Uint8Array): Uint8Array | undefined {
  const before = readBytes(file, offset, Math.max(Math.min(bytes.length, file.size - offset), 0));
  return before.every((byte, i) => byte === bytes[i]) ? undefined : before;
}

function guestAt(table: ExtentTable | undefined, host: number): number | undefined {
  if (!table || table.hostIsElsewhere) return undefined;
  const rows = table.rows({ sort: 'host' });
  const index = rows.indexOfHost(host);
  if (index < 0) return undefined;
  const row = rows.at(index);
  // A compressed cluster's bytes are no guest bytes one by one.
  return row.kind === 'compressed' || row.host === undefined ? row.guest : row.guest + host - row.host;
}
