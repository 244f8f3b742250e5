/**
 * Every field of every declared structure, as it stands in a sample: set to random values, printed, undone. What is
 * printed sets the same bytes again, no other byte changes, and undo gives back what was there.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Field } from '../../src/bytes/field.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { set } from '../../src/commands/set.ts';
import { readBytes } from '../../src/device/device.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { Debugger } from '../../src/session/debugger.ts';
import type { Session } from '../../src/session/session.ts';
import { quickFolder } from '../support/qemu.ts';
import { Random, SEED } from '../support/random.ts';
import { SAMPLE_FOLDER } from '../support/samples.ts';

/** Together they have every structure but a LUKS header. */
const SAMPLES = ['bitmaps.qcow2', 'snapshots.qcow2', 'subclusters.qcow2', 'zero.qcow2', 'refcount1.qcow2', 'plain.qed'];
/** Fields of one list: the first few that are in use and a few others. */
const OF_A_LIST = 3;
const VALUES = 4;

/** The names of the fields that were set, without indices. */
const reached = new Set<string>();

describe('every field', () => {
  it.each(SAMPLES)('of %s is set, printed and undone', (name) => {
    const path = join(quickFolder(), name);
    copyFileSync(join(SAMPLE_FOLDER, name), path);
    const host = new Debugger();
    try {
      const session = host.open({ path, broken: true });
      const original = allBytes(session);
      const random = new Random(SEED);
      for (const field of fieldsOf(session.image)) {
        for (let i = 0; i < VALUES; i++)
          setAndUndo(host, field, i === 0 ? nextTo(field) : valueFor(field, random), original);
      }
      expect(Buffer.compare(allBytes(session), original)).toBe(0);
      expect(session.steps.filter(({ applied }) => applied)).toEqual([]);
    } finally {
      host.end();
    }
  });

  afterAll(() => {
    const declared = ['qcow2', 'qed'].flatMap((format) =>
      driverNamed(format).layouts.flatMap(({ name, fields }) =>
        name === 'qcow2.crypto_extension' ? [] : Object.keys(fields),
      ),
    );
    expect(declared.filter((field) => !reached.has(field))).toEqual([]);
    expect([...reached]).toEqual(
      expect.arrayContaining([
        'l1[]',
        'l2[][]',
        'refcount_table[]',
        'refcount[]',
        'bitmap[].table[]',
        'snapshot[].l2[][]',
      ]),
    );
  });
});

function setAndUndo(host: Debugger, field: Field, value: string, original: Buffer): void {
  const session = host.current();
  const say = `set ${field.path} ${value}`;
  const before = session.steps.length;
  try {
    runToEnd(set.run(host, { path: field.path, value } as never, say) as never);
  } catch (error) {
    // What does not fit is refused, and leaves no step.
    if (!(error instanceof ImageError) || error.code !== 'value-does-not-fit') throw new Error(say, { cause: error });
    expect(session.steps.length).toBe(before);
    return;
  }
  const changed = allBytes(session);
  const same = Buffer.from(changed);
  original.copy(same, field.offset, field.offset, field.offset + field.size);
  expect(Buffer.compare(same, original), `${say}: other bytes`).toBe(0);
  const shown = printed(session.image, field.path);
  // Lengths may take away what the field stands in; then there is nothing to print.
  if (shown && !shown.text.includes('…')) {
    const again = session.image.encodeField(field.path, shown.text);
    expect(Buffer.compare(again.bytes, changed.subarray(field.offset, field.offset + field.size)), say).toBe(0);
    reached.add(nameOf(field.path));
    reached.add(nameOf(field.path).split('.').at(-1) as string);
  }
  if (session.steps.some(({ applied }) => applied)) session.undo();
  expect(Buffer.compare(allBytes(session), original), `${say}; undo`).toBe(0);
  expect(session.image.field(field.path).text).toBe(field.text);
}

const nameOf = (path: string): string => path.replaceAll(/\[[^\]]*\]/g, '[]');

function printed(image: Image, path: string): Field | undefined {
  try {
    return image.field(path);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** The fields of every structure; of tables a few. */
function fieldsOf(image: Image): Field[] {
  const roots = image.fieldNames('').map((name) => name.replace(/[.[]$/, ''));
  const inSnapshots = [...image.info().snapshots.keys()].flatMap((i) => [`snapshot[${i}].l1`, `snapshot[${i}].l2`]);
  const inBitmaps = image.fieldNames('bitmap[').map((name) => `${name}table`);
  return [...roots, ...inSnapshots, ...inBitmaps].flatMap((name) => {
    const { fields } = image.fieldList(name, 400);
    return /(l1|l2|table|refcount)$/.test(name) ? fields.slice(0, OF_A_LIST) : fields;
  });
}

/** A value that most images can do with: the number with its lowest bit turned. */
function nextTo({ text }: Field): string {
  const number = /^(0x[0-9a-f]+|\d+)/.exec(text)?.[0];
  return number === undefined ? '0' : `0x${(BigInt(number) ^ 1n).toString(16)}`;
}

function valueFor({ size, text, parts }: Field, random: Random): string {
  // Bytes as such.
  if (/^[0-9a-f]+$/.test(text) && text.length === 2 * size)
    return random.int(0, 255).toString(16).padStart(2, '0').repeat(size);
  const flag = parts?.find((part) => /^[a-z_]+$/.test(part.name) && /^[01]$/.test(part.text));
  if (flag && random.chance(0.3)) return flag.name;
  if (/^(0x)?[0-9a-f]+( |$)/.test(text) || parts) {
    const bits = BigInt(8 * Math.min(size, 8));
    const wide = (BigInt(random.int(0, 2 ** 32 - 1)) << 32n) | BigInt(random.int(0, 2 ** 32 - 1));
    const value = (wide & ((1n << bits) - 1n)) >> BigInt(random.int(0, Number(bits) - 1));
    // Half of the offsets are those of a cluster: others make some images be refused.
    return `0x${(size === 8 && random.chance(0.5) ? (value >> 16n) << 16n : value).toString(16)}`;
  }
  return 'x'.repeat(size);
}

function allBytes(session: Session): Buffer {
  const { device } = session.image;
  return Buffer.from(readBytes(device, 0, device.size));
}
