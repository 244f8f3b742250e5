/**
 * Three ways to ask where a guest byte is, and one to ask it the other way round: `explain`, `map`, `whois` and
 * `qemu-img map` say the same on a thousand random bytes of every sample; for a few of them as the commands print it.
 */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import type { Extent } from '../../src/bytes/extents.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { FileDevice } from '../../src/device/file.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { HostIndex } from '../../src/session/host-index.ts';
import { transcript } from '../commands/transcript.ts';
import { describeWithQemu, judged, type MapRow, run } from '../support/qemu.ts';
import { Random, SEED } from '../support/random.ts';
import { SAMPLE_FOLDER } from '../support/samples.ts';
import { ourRuns, qemuRuns, type Run } from './mapping.ts';

const OFFSETS = 1000;
/** Of them, asked by the commands themselves. */
const TYPED = 10;
/** QEMU maps it with its secret only. */
const NO_ORACLE = new Set(['aes.qcow2']);

const names = readdirSync(SAMPLE_FOLDER).filter((name) => /\.(qcow2|qed)$/.test(name));

describeWithQemu('explain, whois, map and qemu-img map', () => {
  it.each(names)('%s', async (name) => {
    const path = join(SAMPLE_FOLDER, name);
    const format = basename(name).split('.')[1] as string;
    const device = new FileDevice(path);
    try {
      const image = driverNamed(format).open(device, {
        name: path,
        openExternal: (file) => new FileDevice(join(SAMPLE_FOLDER, file)),
      });
      const hasBacking = image.info().backing !== undefined;
      const ours = ourRuns(image, hasBacking);
      const theirs = NO_ORACLE.has(name) ? ours : qemuRuns(rowsOf(path, format), hasBacking);
      const regions = [...image.regions()];
      const index = runToEnd(HostIndex.of(image)) as HostIndex;
      runToEnd(index.readyForGuests());
      const ready = runToEnd(index.readyForGuests());
      const random = new Random(SEED);
      for (let i = 0; i < OFFSETS; i++) {
        const guest = random.int(0, image.size - 1);
        const extent = image.getMapping(guest);
        const stored = placeOf(image, guest);
        expect({ guest, stored }).toEqual({ guest, stored: isStored(extent) ? extent.host : undefined });
        expect(atGuest(theirs, guest), `qemu-img map of guest ${guest}`).toEqual(atGuest(ours, guest));
        const { host } = extent;
        if (host === undefined || image.dataDevice !== device) continue;
        const region = regions.find(({ offset, length }) => host < offset + length);
        expect(region?.role).toMatch(
          extent.kind === 'compressed' ? /compressed/ : /^(data|zero-allocated|snapshot-data)$/,
        );
        if (ready && extent.kind !== 'compressed') expect(index.guestsAt(host, 100)).toContain(guest);
      }
      for (let i = 0; i < TYPED; i++) await expectTyped(path, image, random.int(0, image.size - 1));
      judged();
    } finally {
      device.close();
    }
  });
});

const isStored = ({ kind }: Extent): boolean => kind === 'data' || kind === 'encrypted' || kind === 'compressed';

/** Where the way of the guest byte ends, for data: in this file or in the data file. */
function placeOf(image: Image, guest: number): number | undefined {
  const last = image.trace(guest).find(({ title }) => /^(data|compressed data|data file)$/.test(title));
  if (last?.title !== 'data file') return last?.host;
  return Number(/0x[0-9a-f]+/.exec(last.says)?.[0]);
}

/** In which run a guest byte is, and the host byte. */
function atGuest(runs: readonly Run[], guest: number): Omit<Run, 'start' | 'length'> {
  const found = runs.find(({ start, length }) => guest < start + length) as Run;
  const { kind, offset, start } = found;
  return offset === undefined ? { kind } : { kind, offset: offset + guest - start };
}

function rowsOf(path: string, format: string): MapRow[] {
  // From the samples' folder: names of data files are looked for there.
  const ran = run('qemu-img', ['map', '-f', format, '--output=json', path], 60_000, SAMPLE_FOLDER);
  return JSON.parse(ran.stdout);
}

/** The commands, as they answer in JSON. */
async function expectTyped(path: string, image: Image, guest: number): Promise<void> {
  const { kind, host } = image.getMapping(guest);
  const explained = JSON.parse((await transcript([`explain ${guest}`], { image: path, json: true })).text);
  expect(explained.answer).toMatchObject({ guest, kind, ...(host !== undefined && { host }) });
  if (host === undefined || image.dataDevice !== image.device) return;
  const owner = JSON.parse((await transcript([`whois ${host}`], { image: path, json: true })).text);
  expect(owner.host).toBe(host);
  // A compressed cluster is told by its first byte.
  expect(owner.guest).toContain(kind === 'compressed' ? guest - (guest % image.clusterSize) : guest);
}
