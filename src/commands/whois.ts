/** `whois`: what one byte of the file belongs to, which guest byte it holds, and what leads to it. */
import { COMPRESSED, type Extent, hasHost } from '../bytes/extents.ts';
import type { Field } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Image, Region } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { hostIndexOf } from '../session/host-index.ts';
import { imageCommand } from './command.ts';
import { ROLE_LOOKS } from './palette.ts';
import { offset } from './params.ts';
import { fieldsPointing } from './references.ts';
import type { Fact } from './view.ts';

/** Guest bytes and references that are listed. */
const LISTED = 16;

export const whois = imageCommand({
  name: 'whois',
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Tell what a byte of the file belongs to, and what leads to it',
  details:
    'HOST is a byte of the file, as against `explain`, which takes a guest byte. Shown are the structure or the data ' +
    'there, the field of a structure, the guest bytes that are stored there, and the fields that lead to it.',
  params: { host: offset('HOST', 'a byte of the file') },
  flags: {},
  examples: [
    { line: 'whois 0x5010', image: 'start.qcow2' },
    { line: 'whois 0x3008', image: 'start.qcow2' },
    { line: 'whois 0x5000', image: 'zlib.qcow2' },
  ],
  *run({ image }, { host }) {
    const { size } = image.device;
    if (host >= size) {
      throw new ImageError({
        code: 'past-end',
        class: 'range',
        what: `byte ${hex(host)} lies behind the end of the file, ${hex(size)}`,
      });
    }
    const region = yield* regionAt(image, host);
    const field = smallest(image.fields(region, host, host + 1));
    const guests = holdsGuestData(region) ? yield* guestsAt(image, host) : [];
    const references = yield* referencesTo(image, host, guests);
    return {
      kind: 'facts',
      facts: factsOf(host, region, field, guests, references),
      place: { host, ...(guests[0] !== undefined && { guest: guests[0] }) },
    };
  },
});

function factsOf(
  host: number,
  region: Region,
  field: Field | undefined,
  guests: readonly number[],
  references: readonly string[],
): Fact[] {
  const { role, label, offset: start, length } = region;
  const { name } = ROLE_LOOKS[role];
  return [
    { key: 'host', value: host, unit: 'offset' },
    { key: 'role', value: role, only: 'json' },
    { key: 'owner', value: label ?? name },
    { key: 'region', value: `${hex(start)}..${hex(start + length)}, ${sizeText(length)}`, only: 'text' },
    { key: 'region-offset', value: start, only: 'json' },
    { key: 'region-length', value: length, only: 'json' },
    ...(field
      ? [
          { key: 'field', value: `${field.path} = ${field.text}`, only: 'text' as const },
          { key: 'field', value: field.path, only: 'json' as const },
          { key: 'value', value: field.text, only: 'json' as const },
        ]
      : []),
    ...(field?.guest
      ? [
          {
            key: 'decides-about',
            value: `guest ${hex(field.guest.offset)}..${hex(field.guest.offset + field.guest.length)}`,
          },
        ]
      : []),
    { key: 'guest', value: guests, only: 'json' },
    ...(guests.length > 0 ? [{ key: 'guest', value: guests.map(hex).join(', '), only: 'text' as const }] : []),
    { key: 'referred-to-by', value: references, only: 'json' },
    ...(references.length > 0 ? [{ key: 'referred-to-by', value: references.join(', '), only: 'text' as const }] : []),
  ];
}

export function* regionAt(image: Image, host: number): Generator<Progress, Region> {
  const index = yield* hostIndexOf(image);
  const known = index?.regionAt(host);
  if (known) return known;
  for (const region of yield* image.ownership()) if (host < region.offset + region.length) return region;
  throw new Error(`no region has byte ${host} of the file`);
}

function smallest(fields: readonly Field[]): Field | undefined {
  return fields.reduce<Field | undefined>((best, field) => (best && best.size <= field.size ? best : field), undefined);
}

/** Whether the active mapping can lead there: tables and free space hold no guest bytes. */
function holdsGuestData({ role }: Region): boolean {
  return role === 'data' || role === 'compressed' || role === 'zero-allocated' || role === 'overlap';
}

/** Guest bytes stored at the byte of the file: more than one where that is an error, or compressed. At most LISTED. */
function* guestsAt(image: Image, host: number): Generator<Progress, number[]> {
  const found: number[] = [];
  if (image.dataDevice !== image.device) return found;
  const index = yield* hostIndexOf(image);
  if (index && (yield* index.readyForGuests())) return index.guestsAt(host, LISTED);
  for (const batch of image.mappings(0, image.size, 'mapped')) {
    const { kind, host: hosts, length, unit } = batch;
    const at = host / unit;
    for (let i = 0; i < batch.count && found.length < LISTED; i++) {
      const code = kind[i] as number;
      const start = hosts[i] as number;
      if (code === COMPRESSED) found.push(...compressedAt(image, batch.at(i), host));
      else if (at >= start && at < start + (length[i] as number) && hasHost(code)) {
        found.push(batch.at(i).guest + host - start * unit);
      }
    }
    const last = batch.count > 0 ? batch.at(batch.count - 1) : undefined;
    yield { what: 'guest bytes', done: last ? last.guest + last.length : 0, total: image.size, unit: 'bytes' };
    if (found.length >= LISTED) break;
  }
  return found.slice(0, LISTED);
}

/** First guest bytes of the clusters whose stream may have the byte: a run's columns do not say where streams lie. */
function compressedAt(image: Image, run: Extent, host: number): number[] {
  const found: number[] = [];
  for (let guest = run.guest; guest < run.guest + run.length; ) {
    const cluster = image.getMapping(guest);
    const start = cluster.host ?? 0;
    if (start <= host && host < start + (cluster.hostLength ?? 0)) found.push(guest);
    guest += cluster.length;
  }
  return found;
}

/** Paths of the fields that lead to the byte's cluster: entries for guest bytes, and what points at a table. */
function* referencesTo(image: Image, host: number, guests: readonly number[]): Generator<Progress, string[]> {
  const paths = new Set<string>();
  for (const guest of guests) {
    const entry = image.trace(guest).findLast(({ field }) => field?.points !== undefined)?.field;
    if (entry) paths.add(entry.path);
  }
  const unit = Math.max(image.clusterSize, 1);
  const start = host - (host % unit);
  if (start > 0) {
    const which = guests.length === 0 ? 'all' : 'inner';
    for (const field of yield* fieldsPointing(image, start, start + unit, which)) paths.add(field.path);
  }
  return [...paths].slice(0, LISTED);
}
