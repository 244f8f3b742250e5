/** What is at the place that the cursor came to: its owner, its field, and the first bytes. */
import type { Field } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import { Ranges } from '../bytes/ranges.ts';
import { hex } from '../bytes/size.ts';
import type { Image, Region } from '../drivers/driver.ts';
import { bytesAt } from '../session/bytes-at.ts';
import type { Session } from '../session/session.ts';
import type { Spot } from '../session/trail.ts';
import { dumpLines } from './dump.ts';
import { ROLE_LOOKS } from './palette.ts';
import type { Fact, PartsView } from './view.ts';
import { regionAt } from './whois.ts';

/** Bytes shown of it. */
const SHOWN = 64;

/** `lead`: facts before those of the place. */
export function* arrival(session: Session, place: Spot, lead: readonly Fact[] = []): Generator<Progress, PartsView> {
  const { image } = session;
  const host = place.host ?? hostOf(image, place.guest);
  const facts: Fact[] = [...lead];
  if (place.guest !== undefined) facts.push({ key: 'guest', value: place.guest, unit: 'offset' });
  if (host === undefined || host >= image.device.size) {
    if (host === undefined) facts.push({ key: 'host', value: 'none: no byte of the file' });
    return { kind: 'parts', parts: [{ key: 'place', view: { kind: 'facts', facts } }], place };
  }
  const region = yield* ownerOf(image, host);
  const field = fieldThere(image, region, host);
  facts.push({ key: 'host', value: host, unit: 'offset' });
  facts.push({ key: 'owner', value: region.label ?? ROLE_LOOKS[region.role].name });
  if (field) {
    facts.push({ key: 'field', value: `${field.path} = ${field.text}`, only: 'text' });
    facts.push({ key: 'field', value: field.path, only: 'json' }, { key: 'value', value: field.text, only: 'json' });
    if (field.points !== undefined) facts.push({ key: 'leads-to', value: field.points, unit: 'offset' });
  }
  const end = Math.min(host + SHOWN, region.offset + region.length, image.device.size);
  const lines = dumpLines(image, [region], host, bytesAt(image, host, end - host));
  return {
    kind: 'parts',
    parts: [
      { key: 'place', view: { kind: 'facts', facts } },
      { key: 'bytes', view: { kind: 'hexdump', lines } },
    ],
    place: { ...place, host },
  };
}

/** A table, told without a walk over the image; or else what the walk says. */
function* ownerOf(image: Image, host: number): Generator<Progress, Region> {
  const [table] = yield* image.structures(Ranges.of([{ offset: host, length: 1 }]));
  return table ?? (yield* regionAt(image, host));
}

/** The smallest that holds the byte. */
export function fieldThere(image: Image, region: Region, host: number): Field | undefined {
  return [...image.fields(region, host, host + 1)].sort((a, b) => a.size - b.size)[0];
}

/** The field of a table that holds the byte; undefined where no table is. */
export function* fieldOfTable(image: Image, host: number): Generator<Progress, Field | undefined> {
  const [table] = yield* image.structures(Ranges.of([{ offset: host, length: 1 }]));
  return table && fieldThere(image, table, host);
}

function hostOf(image: Image, guest: number | undefined): number | undefined {
  if (guest === undefined || guest >= image.size || image.dataDevice !== image.device) return undefined;
  return image.getMapping(guest).host;
}

/** `0x3000`, or the guest's byte where that is all that is known. */
export function placeText({ host, guest }: Spot): string {
  if (host !== undefined) return hex(host);
  return guest === undefined ? 'nowhere' : `guest ${hex(guest)}`;
}
