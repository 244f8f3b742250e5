/** The index from host bytes to owners and guest bytes says what a walk says, on samples and on spoilt images. */
import { describe, expect, it } from 'vitest';
import { hasHost } from '../../src/bytes/extents.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { ImageError } from '../../src/errors.ts';
import { HostIndex, hostIndexOf } from '../../src/session/host-index.ts';
import { corruptorsOf } from '../fuzz/fuzz.ts';
import { recipe, spoilt } from '../support/corruptor.ts';
import { Random, seeds } from '../support/random.ts';
import { samples } from '../support/samples.ts';

function guestsByWalk(image: Image, host: number): number[] {
  const found: number[] = [];
  for (const batch of image.mappings()) {
    for (let i = 0; i < batch.count; i++) {
      const at = host / batch.unit - (batch.host[i] as number);
      if (!hasHost(batch.kind[i] as number) || at < 0 || at >= (batch.length[i] as number)) continue;
      const guest = batch.at(i).guest + host - (batch.host[i] as number) * batch.unit;
      if (guest < image.size) found.push(guest);
    }
  }
  return found;
}

/** `kept` regions as such: the others are told from the roles of clusters. */
function expectAgreement(image: Image, random: Random, kept?: number): void {
  const index = runToEnd(HostIndex.of(image, kept));
  if (!index) {
    expect(image.clusterSize).toBe(0);
    return;
  }
  const regions = [...image.regions()];
  expect(runToEnd(index.readyForGuests())).toBe(false);
  const ready = runToEnd(index.readyForGuests());
  const picked = Array.from({ length: 60 }, () => random.int(0, Math.max(0, image.device.size - 1)));
  for (const host of [0, image.device.size - 1, ...picked]) {
    if (host < 0 || host >= image.device.size) continue;
    const region = regions.find(({ offset, length }) => host < offset + length);
    const found = index.regionAt(host);
    if (found) expect(found).toEqual(region);
    if (ready) expect(index.guestsAt(host, 1000).sort((a, b) => a - b)).toEqual(guestsByWalk(image, host));
  }
}

describe('the index of host bytes', () => {
  it.each(samples(true))('$name', ({ image }) => {
    expectAgreement(image, new Random(1));
    expectAgreement(image, new Random(2), 1);
  });

  it('spoilt images', () => {
    const bases = [...corruptorsOf('qcow2'), ...corruptorsOf('qed')];
    for (const seed of seeds(300)) {
      const random = new Random(seed);
      const corruptor = random.pick(bases);
      const changes = corruptor.changes(random);
      try {
        const device = new MemoryDevice(spoilt(corruptor.base, changes), 'image');
        const image = corruptor.driver.open(device, { name: 'image' });
        if (image.size < 2 ** 40) expectAgreement(image, random, random.pick([1, undefined]));
      } catch (error) {
        if (error instanceof ImageError) continue;
        throw new Error(`seed ${seed}: ${recipe(corruptor.name, changes)}`, { cause: error });
      }
    }
  });

  it('is made once for an image', () => {
    const [sample] = samples();
    const image = sample?.image as Image;
    expect(runToEnd(hostIndexOf(image))).toBe(runToEnd(hostIndexOf(image)));
  });
});
