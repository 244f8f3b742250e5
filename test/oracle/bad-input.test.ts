/**
 * Every bad input gets the class of complaint that the corpus names, with the place; nothing is converted, nothing is
 * written, nothing hangs, and memory stays within what the file's size justifies.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { convertInPlace } from '../../src/convert/convert.ts';
import { FileDevice } from '../../src/device/file.ts';
import type { CheckReport } from '../../src/drivers/finding.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import {
  addBitmap,
  check,
  create,
  describeRun,
  describeWithQemu,
  io,
  judged,
  snapshot,
  suiteFolder,
} from '../support/qemu.ts';
import { type Answer, answerOf, complaints } from './answer.ts';
import {
  BAD_INPUT,
  type BadInput,
  type Base,
  beyondDoubles,
  exabyte,
  OFFSET_FIELDS,
  type Patch,
  TRUNCATIONS,
} from './bad-input.ts';
import { expectSame } from './differential.ts';
import { platterSees, seenBy } from './verdicts.ts';

/** Each within this, or it hangs; QEMU alone takes its time over some. Milliseconds. */
const HANG = 60_000;
/** What one bad image may add to the peak memory of the process. KiB. */
const MEMORY_KIB = 96 * 1024;

const BASES: readonly Base[] = ['Q', 'Q2', 'QS', 'QB', 'QX', 'QD', 'E'];

describeWithQemu('bad input', () => {
  const folder = suiteFolder();
  const good = new Map<Base, Buffer>();

  beforeAll(() => {
    for (const base of BASES) good.set(base, makeGood(base, join(folder, base)));
  });

  function bad(base: Base, patches: readonly Patch[], truncate?: number): { path: string; format: 'qcow2' | 'qed' } {
    const bytes = Buffer.from(good.get(base) as Buffer).subarray(0, truncate);
    for (const patch of patches) bytes.set(patch.bytes, patch.at);
    const path = join(folder, 'bad');
    writeFileSync(path, bytes);
    return { path, format: base === 'E' ? 'qed' : 'qcow2' };
  }

  it.each(BAD_INPUT.map((input) => [input.id, input.base, input.says, input] as const))(
    '%s %s: %s',
    (...args) => {
      const input = args[3];
      const { path, format } = bad(input.base, input.patches, input.truncate);
      const oracle = check(path, format);
      expect(oracle.verdict, describeRun(oracle.ran)).toBe(input.qemu);
      expectSame(seenBy(oracle, path), platterSees(format, readFileSync(path)), input.says);
      const answer = untouched(path, () => answerOf(path, format));
      expectComplaint(input, answer);
      if (!input.convertible) expectNoConversion(path, format);
      judged();
    },
    HANG,
  );

  it.each(BASES)(
    '%s cut short anywhere in its first sector is refused',
    (base) => {
      for (const length of TRUNCATIONS) {
        const { path, format } = bad(base, [], length);
        const answer = untouched(path, () => answerOf(path, format));
        expect(complaints(answer), `cut to ${length} bytes`).not.toEqual([]);
        expectNoConversion(path, format);
        judged();
      }
    },
    HANG,
  );

  it.each(Object.entries(OFFSET_FIELDS) as [Base, readonly number[]][])(
    '%s with an offset just beyond what a double counts is refused',
    (base, fields) => {
      for (const at of fields) {
        const { path, format } = bad(base, [beyondDoubles(base, at)]);
        const answer = untouched(path, () => answerOf(path, format));
        expect(complaints(answer), `field at 0x${at.toString(16)}`).not.toEqual([]);
        expectNoConversion(path, format);
        judged();
      }
    },
    HANG,
  );

  it.each(['qcow2', 'qed'] as const)(
    '%s: 1 KiB that claims an exabyte costs no memory and no time',
    (format) => {
      const path = join(folder, 'exabyte');
      writeFileSync(path, exabyte(format));
      const answer = untouched(path, () => answerOf(path, format));
      expect(complaints(answer)).not.toEqual([]);
      expectNoConversion(path, format);
      judged();
    },
    HANG,
  );
});

function makeGood(base: Base, path: string): Buffer {
  if (base === 'E') {
    create(path, 'qed', '64M');
    io(path, 'qed', ['write -q -P 0x11 0 1M', 'write -q -P 0x22 8M 64k', 'write -q -z 16M 1M']);
    return readFileSync(path);
  }
  const options: Record<string, string> = {};
  if (base === 'Q2') options['compat'] = '0.10';
  if (base === 'QX') options['extended_l2'] = 'on';
  if (base === 'QD') options['data_file'] = `${path}.raw`;
  create(path, 'qcow2', '64M', { options });
  if (base === 'QB') addBitmap(path, 'bm0');
  if (base === 'QX' || base === 'QD') io(path, 'qcow2', ['write -q -P 0x11 0 64k']);
  else
    io(path, 'qcow2', ['write -q -P 0x11 0 1M', ...(base === 'Q' || base === 'QS' ? ['write -q -P 0x22 8M 64k'] : [])]);
  if (base === 'QS') snapshot(path, 's1');
  return readFileSync(path);
}

/** Runs `body`; the file must be the same afterwards, and the process not much larger. */
function untouched<T>(path: string, body: () => T): T {
  const before = sha256(path);
  const memory = process.resourceUsage().maxRSS;
  const result = body();
  expect(sha256(path)).toBe(before);
  expect(process.resourceUsage().maxRSS - memory, 'KiB of peak memory').toBeLessThan(MEMORY_KIB);
  return result;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function expectComplaint(input: BadInput, answer: Answer): void {
  const by = input.by ?? (input.qemu === 'failed' ? 'open' : 'check');
  const said = complaints(answer)
    .map((c) => `[${c.class} ${c.code}] ${c.text}`)
    .join('\n');
  if (by === 'refusal') {
    expect(answer.error, said).toBeUndefined();
    return;
  }
  if (by === 'open') expect(answer.error, `open should refuse; instead:\n${said}`).toBeDefined();
  else expect(answer.error, 'open should go on').toBeUndefined();
  if (by === 'check') expect(worst(answer.report), said).not.toBe('note');
  if (by === 'note') expect(worst(answer.report), said).toBe('note');
  const fitting = complaints(answer).filter((c) => input.classes.includes(c.class as never));
  expect(fitting, `no complaint of class ${input.classes.join(' or ')}:\n${said}`).not.toEqual([]);
  for (const complaint of fitting.slice(0, 1)) {
    expect(complaint.where?.offset, `a place: ${complaint.text}`).toBeTypeOf('number');
    expect(complaint.where?.path, `a field: ${complaint.text}`).toBeTypeOf('string');
    expect(complaint.text, 'a value').toMatch(/\d/);
  }
}

/** 'corruption' before 'leak' before 'note': what decides the exit status. */
function worst(report: CheckReport | undefined): string {
  const severities = new Set(report?.findings.map((finding) => finding.severity));
  return ['corruption', 'leak', 'note'].find((severity) => severities.has(severity as never)) ?? 'nothing';
}

/** The conversion to the other format is refused in words, and the file stays as it is. */
function expectNoConversion(path: string, format: 'qcow2' | 'qed'): void {
  const before = sha256(path);
  const device = new FileDevice(path, 'read-write');
  try {
    expect(() => {
      const image = driverNamed(format).open(device, { name: path });
      runToEnd(convertInPlace(device, image, driverNamed(format === 'qed' ? 'qcow2' : 'qed')));
    }).toThrow(ImageError);
  } finally {
    device.close();
  }
  expect(sha256(path), 'a refused conversion writes nothing').toBe(before);
}
