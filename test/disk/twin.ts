/**
 * The same random requests on two copies of an image: one by a Disk of ours, one by real qemu-io. Afterwards both hold
 * the same guest bytes, both check clean, and `qemu-img map` says the same of both.
 */
import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runRequest } from '../../src/device/events.ts';
import { FileDevice } from '../../src/device/file.ts';
import { type Disk, openForWriting } from '../../src/disk/disk.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { check, create, io, judged, map, run } from '../support/qemu.ts';
import type { Random } from '../support/random.ts';

export interface Shape {
  readonly format: string;
  readonly size: number;
  readonly options?: Readonly<Record<string, string | number>>;
  readonly backing?: { readonly file: string; readonly format: string };
}

export type DiskRequest =
  | { readonly what: 'write'; readonly offset: number; readonly length: number; readonly fill: number }
  | {
      readonly what: 'zero';
      readonly offset: number;
      readonly length: number;
      readonly mayUnmap: boolean;
      readonly noFallback: boolean;
    }
  | { readonly what: 'discard'; readonly offset: number; readonly length: number }
  | { readonly what: 'compressed'; readonly offset: number; readonly length: number; readonly fill: number }
  | { readonly what: 'truncate'; readonly size: number }
  | { readonly what: 'flush' }
  | { readonly what: 'reopen' };

/** As qemu-io spells it. */
export function spelled(request: DiskRequest, format: string): string {
  switch (request.what) {
    case 'write':
      return `write -P ${request.fill} ${request.offset} ${request.length}`;
    case 'compressed':
      return `write -c -P ${request.fill} ${request.offset} ${request.length}`;
    case 'zero':
      return `write -z${request.mayUnmap ? ' -u' : ''}${request.noFallback ? ' -n' : ''} ${request.offset} ${request.length}`;
    case 'discard':
      return `discard ${request.offset} ${request.length}`;
    case 'truncate':
      return `truncate ${request.size}`;
    case 'flush':
      return 'flush';
    case 'reopen':
      return `reopen -o driver=${format}`;
  }
}

/** Runs a request on a disk; a refusal is an answer, as it is for qemu-io. */
export function apply(disk: Disk, request: DiskRequest): ImageError | undefined {
  try {
    if (request.what === 'write') runRequest(disk.write(request.offset, filled(request)));
    if (request.what === 'compressed') runRequest(disk.writeCompressed(request.offset, filled(request)));
    if (request.what === 'zero') runRequest(disk.writeZeroes(request.offset, request.length, request));
    if (request.what === 'discard') runRequest(disk.discard(request.offset, request.length));
    if (request.what === 'truncate') runRequest(disk.truncate(request.size));
    if (request.what === 'flush') runRequest(disk.flush());
    return undefined;
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
}

function filled({ length, fill }: { readonly length: number; readonly fill: number }): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

/** Mostly near borders of clusters, mostly short. */
export function randomRequests(random: Random, shape: Shape, unit: number, count: number): DiskRequest[] {
  let { size } = shape;
  return Array.from({ length: count }, (): DiskRequest => {
    const near = random.int(0, Math.floor(size / unit)) * unit + random.pick([0, 0, 1, -1, 512, 1000, unit >> 1]);
    const offset = Math.min(Math.max(near, 0), size);
    const wanted = random.pick([1, 512, 700, unit, unit + 3, 2 * unit, random.int(0, 5 * unit)]);
    const length = Math.min(wanted, size - offset);
    const what = random.int(0, 19);
    if (what < 9) return { what: 'write', offset, length, fill: random.int(1, 255) };
    if (what < 13) {
      return { what: 'zero', offset, length, mayUnmap: random.chance(0.5), noFallback: random.chance(0.2) };
    }
    if (what < 15) return { what: 'discard', offset, length };
    if (what < 16) return { what: 'compressed', offset: offset - (offset % unit), length: unit, fill: 7 };
    if (what < 17) {
      const to = size + random.int(-2, 6) * random.pick([512, 1, unit]);
      if (to >= size && to % 512 === 0) size = to;
      return { what: 'truncate', size: Math.max(to, 0) };
    }
    return { what: what < 18 ? 'flush' : 'reopen' };
  });
}

/** Plays the requests on both and compares. `before`: qemu-io commands that make the image's contents. */
export function playOnTwins(
  folder: string,
  shape: Shape,
  before: readonly string[],
  requests: readonly DiskRequest[],
): void {
  const { format } = shape;
  const ours = join(folder, `ours.${format}`);
  const theirs = join(folder, `theirs.${format}`);
  create(ours, format, shape.size, { options: shape.options, ...(shape.backing && { backing: shape.backing }) });
  if (before.length > 0) io(ours, format, before);
  copyFileSync(ours, theirs);
  const commands = requests.map((request) => spelled(request, format));
  try {
    const refused = playOurs(ours, shape, requests);
    const ran = io(theirs, format, commands, { mayFail: true });
    expect(ran.signal, ran.stderr).toBeUndefined();
    expect(ran.status, `${ran.stdout}${ran.stderr}\nours: ${refused.join('; ')}`).toBe(refused.length > 0 ? 1 : 0);
    // Holes of the file are its file system's business, and not compared.
    const compared = run('qemu-img', ['compare', '-f', format, '-F', format, ours, theirs]);
    expect(compared.status, compared.stdout + compared.stderr).toBe(0);
    if (format !== 'raw') {
      const checked = check(ours, format);
      expect(checked.verdict, checked.ran.stdout).toBe(check(theirs, format).verdict);
    }
    if (format !== 'raw') expect(states(ours, format)).toEqual(states(theirs, format));
    if (format !== 'qcow2') expect(statSync(ours).size, 'bytes of the file').toBe(statSync(theirs).size);
    judged();
  } catch (error) {
    (error as Error).message += `\n${JSON.stringify(shape)}\n${[...before, '--', ...commands].join('\n')}`;
    throw error;
  }
}

/** Answers why requests were refused. */
function playOurs(path: string, shape: Shape, requests: readonly DiskRequest[]): string[] {
  const device = new FileDevice(path, 'read-write');
  const below = shape.backing && new FileDevice(shape.backing.file);
  const chain: Image[] = below ? [driverNamed(shape.backing?.format as string).open(below, { name: below.name })] : [];
  const open = () =>
    runRequest(
      openForWriting(driverNamed(shape.format), device, { name: path, options: { 'zero-cow': 'below' } }, chain),
    );
  const refused: string[] = [];
  try {
    let disk = open();
    for (const request of requests) {
      const error = apply(disk, request);
      if (error) refused.push(`${spelled(request, shape.format)}: ${error.what}`);
      if (request.what !== 'reopen') continue;
      runRequest(disk.close());
      disk = open();
    }
    runRequest(disk.close());
  } finally {
    device.close();
    below?.close();
  }
  return refused;
}

/** What is allocated, zero or data, without where: rows that say the same are one. */
function states(path: string, format: string): string[] {
  const merged: { length: number; state: string }[] = [];
  for (const { length, depth, present, zero, data, offset } of map(path, format)) {
    const state = JSON.stringify({ depth, present, zero: zero && !data, data, offset: offset !== undefined });
    const last = merged.at(-1);
    if (last?.state === state) last.length += length;
    else merged.push({ length, state });
  }
  return merged.map(({ length, state }) => `${length} ${state}`);
}
