/** Rescue of qcow2: the header first, since nothing is read without it; then L1, L2 and refcounts on what is known by then. */
import type { Progress } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';
import { overlay } from '../../../device/overlay.ts';
import { ImageError } from '../../../errors.ts';
import type { OpenContext } from '../../driver.ts';
import type { Findings, Proposal } from '../../rescue.ts';
import { Qcow2Image } from '../image.ts';
import { findLostL1 } from './lost-l1.ts';
import { findLostL2 } from './lost-l2.ts';
import { sceneOf } from './scene.ts';

export function* searchQcow2(device: Device, context: OpenContext): Generator<Progress, Findings> {
  const proposals: Proposal[] = [];
  const notes: string[] = [];
  const image = openOr(device, context);
  if (!image) return { format: 'qcow2', score: 0, proposals, notes };
  const scene = yield* sceneOf(image);
  const l1 = yield* findLostL1(scene);
  add(proposals, l1.proposals);
  notes.push(...l1.notes);
  // What the L1 table leads to again is no more loose.
  const mended = l1.table && l1.proposals.length > 0 ? overlay(device, image.geometry.l1Offset, l1.table) : undefined;
  const next = mended ? yield* sceneOf(Qcow2Image.open(mended, context)) : scene;
  const l2 = yield* findLostL2(next);
  add(proposals, l2.proposals);
  notes.push(...l2.notes);
  return { format: 'qcow2', score: 1, proposals, notes };
}

/** Behind those that are there: what they need is counted from there. */
function add(all: Proposal[], more: readonly Proposal[]): void {
  const first = all.length;
  all.push(...more.map((one) => ({ ...one, needs: one.needs.map((need) => need + first) })));
}

function openOr(device: Device, context: OpenContext): Qcow2Image | undefined {
  try {
    return Qcow2Image.open(device, context);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
