/** Images spoilt on purpose, what Platter finds in them, and what real `qemu-img check -r all` makes of a copy. */
import { readFileSync, writeFileSync } from 'node:fs';
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import type { Findings } from '../../src/drivers/rescue.ts';
import { check, judged, run } from '../support/qemu.ts';

export type Spoil = (bytes: Buffer) => void;

/** Applies all proposals, or those of high confidence. */
export function rescued(
  bytes: Uint8Array,
  format: string,
  confidence: 'high' | 'any',
): { bytes: Uint8Array; findings: Findings } {
  const device = new MemoryDevice(bytes, 'spoilt');
  const findings = runToEnd(search(format, device));
  for (const { apply, confidence: its } of findings.proposals) {
    if (confidence === 'any' || its === 'high') runToEnd(apply(device));
  }
  return { bytes: device.bytes(), findings };
}

function search(format: string, device: MemoryDevice) {
  const { rescue } = driverNamed(format);
  if (!rescue) throw new Error(`${format} has no rescue`);
  return rescue.search(device, { name: 'spoilt' });
}

/** `fine`: what the original holds; `wrong`: an image, but not that; `refused`: no image any more. */
export type Fate = 'fine' | 'wrong' | 'refused';

export function fateOf(path: string, format: string, original: string): Fate {
  const ran = run('qemu-img', ['compare', '-q', '-f', format, '-F', format, path, original]);
  judged();
  return ran.status === 0 ? 'fine' : ran.status === 1 ? 'wrong' : 'refused';
}

export interface Outcome {
  readonly platter: Fate;
  /** Whether qemu-img check finds nothing wrong in what Platter made. */
  readonly isClean: boolean;
  readonly qemu: Fate;
  readonly findings: Findings;
}

/** Spoils a copy, rescues it, and lets qemu-img repair another. */
export function tried(
  original: string,
  format: 'qcow2' | 'qed',
  spoil: Spoil,
  confidence: 'high' | 'any' = 'any',
): Outcome {
  const bytes = readFileSync(original);
  spoil(bytes);
  const ours = `${original}.ours`;
  const theirs = `${original}.theirs`;
  writeFileSync(theirs, bytes);
  const result = rescued(bytes, format, confidence);
  writeFileSync(ours, result.bytes);
  const platter = fateOf(ours, format, original);
  const isClean = platter !== 'refused' && check(ours, format).verdict === 'clean';
  check(theirs, format, 'all');
  return { platter, isClean, qemu: fateOf(theirs, format, original), findings: result.findings };
}

/** The header of a qcow2 file as far as spoiling needs it. */
export function places(bytes: Buffer): {
  clusterSize: number;
  l1: number;
  l1Bytes: number;
  tables: readonly number[];
  refcountTable: number;
} {
  const clusterSize = 2 ** bytes.readUInt32BE(20);
  const l1 = Number(bytes.readBigUInt64BE(40));
  const l1Bytes = bytes.readUInt32BE(36) * 8;
  const tables: number[] = [];
  for (let at = l1; at < l1 + l1Bytes; at += 8) {
    const offset = (bytes.readUInt32BE(at) & 0x00ff_ffff) * 2 ** 32 + bytes.readUInt32BE(at + 4);
    if (offset > 0) tables.push(offset);
  }
  return { clusterSize, l1, l1Bytes, tables, refcountTable: Number(bytes.readBigUInt64BE(48)) };
}

export const SPOILS: Readonly<Record<string, Spoil>> = {
  'header zeroed': (bytes) => bytes.fill(0, 0, places(bytes).clusterSize),
  'header overwritten': (bytes) => bytes.fill(0xe5, 0, Math.min(512, places(bytes).clusterSize)),
  'magic gone': (bytes) => bytes.fill(0, 0, 8),
  'L1 zeroed': (bytes) => {
    const { l1, l1Bytes } = places(bytes);
    bytes.fill(0, l1, l1 + l1Bytes);
  },
  'L1 overwritten': (bytes) => {
    const { l1, l1Bytes } = places(bytes);
    bytes.fill(0xff, l1, l1 + l1Bytes);
  },
};
