/**
 * Bytes that no structure names: guest data with the guest byte it is, and what else only a walk over the image tells.
 *
 * Invariant: the answer covers the ranges exactly, each byte once.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Range, Ranges } from '../bytes/ranges.ts';
import type { Image, Role } from '../drivers/driver.ts';
import { clip } from './diff-pieces.ts';

export interface Named extends Range {
  readonly role?: Role;
  readonly guest?: number;
}

/** Parts with a guest byte, at most; the rest is told by its owner. */
const GUEST_PARTS = 65_536;

/** `images`: the first that knows a byte says what it is. In host order. */
export function* named(rest: Ranges, images: readonly Image[]): Generator<Progress, readonly Named[]> {
  const found: Named[] = [];
  const left = rest.clone();
  for (const image of images) if (left.count > 0) yield* guestData(image, left, found);
  for (const image of images) if (left.count > 0) yield* owners(image, left, found, image === images.at(-1));
  for (const range of left) found.push({ ...range, role: 'free' });
  return merged(found.sort((a, b) => a.offset - b.offset));
}

function* guestData(image: Image, left: Ranges, found: Named[]): Generator<Progress, void> {
  if (image.dataDevice !== image.device || image.size === 0) return;
  const [low, high] = edges(left);
  for (const batch of image.mappings(0, image.size, 'mapped')) {
    const { host, length, unit } = batch;
    for (let i = 0; i < batch.count && found.length < GUEST_PARTS; i++) {
      const start = (host[i] as number) * unit;
      if (start >= high || start + (length[i] as number) * unit <= low) continue;
      const extent = batch.at(i);
      if (extent.kind !== 'data' && extent.kind !== 'zero-allocated' && extent.kind !== 'encrypted') continue;
      const from = extent.host ?? 0;
      for (const part of [...clip(left, from, from + extent.length)]) {
        const role = extent.kind === 'zero-allocated' ? 'zero-allocated' : 'data';
        found.push({ ...part, role, guest: extent.guest + part.offset - from });
        left.remove(part.offset, part.length);
      }
      if (left.count === 0) return;
    }
    const end = batch.count > 0 ? batch.at(batch.count - 1) : undefined;
    yield { what: 'guest data', done: end ? end.guest + end.length : 0, total: image.size, unit: 'bytes' };
  }
}

/** Whose the bytes are; what is nobody's may be somebody's in the next image. */
function* owners(image: Image, left: Ranges, found: Named[], isLast: boolean): Generator<Progress, void> {
  for (const { offset, length, role } of yield* image.ownership()) {
    if (role === 'free' && !isLast) continue;
    for (const part of [...clip(left, offset, offset + length)]) {
      found.push({ ...part, role });
      left.remove(part.offset, part.length);
    }
    if (left.count === 0) return;
  }
}

/** Bytes: where the first range begins and the last one ends. */
function edges(ranges: Ranges): [number, number] {
  let low = 0;
  let high = 0;
  let isFirst = true;
  for (const { offset, length } of ranges) {
    if (isFirst) low = offset;
    isFirst = false;
    high = offset + length;
  }
  return [low, high];
}

/** Neighbours that go on in the guest too are one. */
function merged(all: readonly Named[]): readonly Named[] {
  const joined: Named[] = [];
  for (const one of all) {
    const last = joined.at(-1);
    const goesOn =
      last &&
      last.offset + last.length === one.offset &&
      last.role === one.role &&
      (last.guest === undefined ? one.guest === undefined : one.guest === last.guest + last.length);
    if (last && goesOn) joined[joined.length - 1] = { ...last, length: last.length + one.length };
    else joined.push(one);
  }
  return joined;
}
