/**
 * Guest requests on images that are broken in every way the samples know: done, or refused as what is wrong with the
 * image. Anything else would be a bug, and so would be memory or time that only a broken header asks for.
 */
import { describe, expect, it } from 'vitest';
import { runRequest } from '../../src/device/events.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { Disk, openForWriting } from '../../src/disk/disk.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { type Sample, samples } from '../support/samples.ts';

const LENGTH = 70_000;

/** Whether it went well; a refusal is the image's. */
function refusedOrDone(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    return false;
  }
}

function requests(disk: Disk): (() => void)[] {
  const places = [0, 4096, Math.floor(disk.size / 2 / 512) * 512, disk.size - LENGTH].filter((at) => at >= 0);
  return places.flatMap((at) => {
    const length = Math.min(LENGTH, disk.size - at);
    return [
      () => runRequest(disk.read(at, new Uint8Array(length))),
      () => void disk.allocationAt(at),
      () => runRequest(disk.write(at + 100, new Uint8Array(Math.max(length - 200, 0)).fill(1))),
      () => runRequest(disk.writeZeroes(at, length, { mayUnmap: true })),
      () => runRequest(disk.discard(at, length)),
      () => runRequest(disk.flush()),
    ];
  });
}

describe('guest requests on a broken image', () => {
  const all = samples(true);

  it.each(all.map((sample) => [sample.name, sample] as const))('%s', (_name, { image, bytes, name }: Sample) => {
    for (const work of requests(new Disk(image)).slice(0, 2)) refusedOrDone(work);
    const device = new MemoryDevice(bytes, name);
    let disk: Disk | undefined;
    refusedOrDone(() => {
      disk = runRequest(openForWriting(driverNamed(image.format), device, { name }));
    });
    if (!disk) return;
    for (const work of requests(disk)) refusedOrDone(work);
    refusedOrDone(() => runRequest((disk as Disk).truncate((disk as Disk).size + 65_536)));
    refusedOrDone(() => runRequest((disk as Disk).close()));
  });

  it('is tried on many', () => {
    expect(all.length).toBeGreaterThan(30);
  });
});
