/** Rescue against real QEMU: images it made, spoilt, and found again; beside what its own repair leaves of them. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { create, describeWithQemu, io, snapshot, suiteFolder } from '../support/qemu.ts';
import { type Outcome, SPOILS, tried } from './rescue-support.ts';

interface Made {
  readonly name: string;
  readonly options: Readonly<Record<string, string | number>>;
  readonly size: string;
  readonly writes: readonly string[];
  readonly snapshot?: boolean;
}

const IMAGES: readonly Made[] = [
  ...[512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152].map(
    (cluster): Made => ({
      name: `clusters of ${cluster}`,
      options: { cluster_size: cluster },
      size: cluster <= 1024 ? '8M' : '256M',
      // Without a file system nothing tells how large a gap is that a whole table would map: so there is none.
      writes:
        cluster <= 4096 ? ['write -P 17 0 100k', 'write -P 34 100k 500k'] : ['write -P 17 0 1M', 'write -P 34 3M 5M'],
    }),
  ),
  ...[1, 2, 4, 8, 32, 64].map(
    (bits): Made => ({
      name: `refcounts of ${bits} bits`,
      options: { refcount_bits: bits },
      size: '64M',
      writes: ['write -P 0x55 0 700k', 'write -P 0xaa 10M 1M'],
    }),
  ),
  { name: 'version 2', options: { compat: '0.10' }, size: '1G', writes: ['write -P 1 0 64k', 'write -P 2 600M 128k'] },
  {
    name: 'version 2, small clusters',
    options: { compat: '0.10', cluster_size: 4096 },
    size: '16M',
    writes: ['write -P 1 0 3M'],
  },
  {
    name: 'extended L2',
    options: { extended_l2: 'on' },
    size: '64M',
    writes: ['write -P 3 0 5k', 'write -P 4 1M 200k'],
  },
  {
    name: 'extended L2, 128k',
    options: { extended_l2: 'on', cluster_size: '128k' },
    size: '64M',
    writes: ['write -P 3 4k 512k'],
  },
  {
    name: 'zero clusters',
    options: {},
    size: '64M',
    writes: ['write -P 9 0 1M', 'write -z 128k 256k', 'write -z 8M 1M'],
  },
  {
    name: 'preallocated',
    options: { preallocation: 'metadata' },
    size: '32M',
    writes: ['write -P 9 0 1M', 'write -P 8 30M 1M'],
  },
  { name: 'a snapshot', options: {}, size: '64M', writes: ['write -P 5 0 1M', 'write -P 6 32M 1M'], snapshot: true },
  { name: 'a snapshot, 4k', options: { cluster_size: 4096 }, size: '16M', writes: ['write -P 5 0 3M'], snapshot: true },
  {
    name: 'scattered',
    options: { cluster_size: 4096 },
    size: '32M',
    writes: Array.from({ length: 12 }, (_, i) => `write -P ${i + 1} ${((i * 7) % 12) * 512}k 64k`),
  },
];

describeWithQemu('rescue', () => {
  const folder = suiteFolder();

  const paths = new Map<string, string>();

  function made(image: Made): string {
    const path = paths.get(image.name) ?? make(image);
    paths.set(image.name, path);
    return path;
  }

  function make({ name, options, size, writes, snapshot: takes }: Made): string {
    const path = join(folder, `${name.replaceAll(/[ ,]+/g, '-')}.qcow2`);
    create(path, 'qcow2', size, { options });
    io(path, 'qcow2', writes);
    if (takes) {
      snapshot(path, 'before');
      io(path, 'qcow2', ['write -P 77 256k 64k']);
    }
    return path;
  }

  function all(spoil: string): string[] {
    const wrong: string[] = [];
    const tally = { ours: 0, clean: 0, qemu: 0 };
    for (const image of IMAGES) {
      const outcome: Outcome = tried(made(image), 'qcow2', SPOILS[spoil] as (typeof SPOILS)[string]);
      if (outcome.platter === 'fine') tally.ours++;
      if (outcome.isClean) tally.clean++;
      if (outcome.qemu === 'fine') tally.qemu++;
      if (outcome.platter !== 'fine') {
        wrong.push(
          `${image.name}: ${outcome.platter}: ${outcome.findings.proposals
            .map(({ what }) => what)
            .join('; ')
            .slice(0, 300)}`,
        );
      }
    }
    console.log(
      `${spoil}: ${tally.ours} of ${IMAGES.length} restored (${tally.clean} clean for qemu-img check); qemu-img check -r all: ${tally.qemu}`,
    );
    return wrong;
  }

  for (const spoil of Object.keys(SPOILS)) {
    it(`${spoil}: every image is what it was`, () => {
      expect(all(spoil)).toEqual([]);
    });
  }
});
