/** What people type, on spoilt images: every command that looks answers or complains, in words that fit a terminal. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { transcript } from '../commands/transcript.ts';
import { recipe, spoilt } from '../support/corruptor.ts';
import { quickFolder } from '../support/qemu.ts';
import { pieces, Random, seeds } from '../support/random.ts';
import { corruptorsOf } from './fuzz.ts';

const IMAGES = 240;

it.each(pieces(seeds(IMAGES), 60).map((piece) => [piece[0], piece] as const))(
  'from seed %i',
  async (_, piece) => {
    const bases = [...corruptorsOf('qcow2'), ...corruptorsOf('qed')];
    const folder = quickFolder();
    for (const seed of piece) {
      const random = new Random(seed * 31 + 7);
      const corruptor = random.pick(bases);
      const changes = corruptor.changes(random);
      const path = join(folder, `image.${corruptor.format}`);
      writeFileSync(path, spoilt(corruptor.base, changes));
      const at = random.int(0, corruptor.base.length);
      const lines = [
        `open -f ${corruptor.format} ${random.chance(0.5) ? '--broken ' : ''}'${path}'`,
        'info',
        'check',
        'map --summary',
        `explain ${random.int(0, 2 ** 20)}`,
        `whois ${at}`,
        'print header',
        'print l2[0]',
        `x ${at} 64`,
        'status',
        'plan',
      ];
      const why = `seed ${seed}: ${recipe(corruptor.name, changes)}`;
      const { text } = await transcript(lines, {}).catch((error: unknown) => {
        throw new Error(why, { cause: error });
      });
      expect(text, why).not.toMatch(/undefined|NaN|\[object|TypeError|RangeError|a bug/);
      // Lines and tabs, and nothing else that a terminal would obey.
      expect(text, why).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    }
  },
  120_000,
);
