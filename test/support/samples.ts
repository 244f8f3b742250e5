/** The sample images, opened in memory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { probe } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';

export const SAMPLE_FOLDER = join(import.meta.dirname, '../../sample-images');

export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly image: Image;
  /** The image on other bytes. */
  open(bytes: Uint8Array): Image;
}

/** Every sample that opens; with the corrupt ones when asked. */
export function samples(corrupt = false): Sample[] {
  const names = readdirSync(SAMPLE_FOLDER).filter((name) => /\.(qcow2|qed|raw)$/.test(name));
  const broken = readdirSync(join(SAMPLE_FOLDER, 'corrupt')).map((name) => `corrupt/${name}`);
  return [...names, ...(corrupt ? broken : [])].flatMap((name) => {
    const bytes = new Uint8Array(readFileSync(join(SAMPLE_FOLDER, name)));
    const open = (b: Uint8Array): Image => {
      const device = new MemoryDevice(b, name);
      return probe(device).open(device, { name });
    };
    try {
      return [{ name, bytes, image: open(bytes), open }];
    } catch (error) {
      if (corrupt && error instanceof ImageError) return [];
      throw error;
    }
  });
}
