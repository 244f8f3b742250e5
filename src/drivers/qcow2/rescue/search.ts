/** Rescue of qcow2: the header first, since nothing is read without it; then L1, L2 and refcounts on what is known by then. */
import type { Progress } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';
import { overlay } from '../../../device/overlay.ts';
import { ImageError } from '../../../errors.ts';
import type { OpenContext } from '../../driver.ts';
import type { Findings, Proposal } from '../../rescue.ts';
import { Qcow2Image } from '../image.ts';
import { examined } from '../repair/examine.ts';
import { rebuildRefcounts } from '../repair/rebuild.ts';
import { findHeader } from './lost-header.ts';
import { findLostL1 } from './lost-l1.ts';
import { findLostL2 } from './lost-l2.ts';
import { sceneOf } from './scene.ts';

export function* searchQcow2(device: Device, context: OpenContext): Generator<Progress, Findings> {
  const proposals: Proposal[] = [];
  const notes: string[] = [];
  const opened = openOr(device, context);
  const header = opened ? undefined : yield* findHeader(device, context);
  if (header) proposals.push(header.proposal);
  const image = opened ?? (header && openOr(overlay(device, 0, header.bytes), context));
  if (!image) return { format: 'qcow2', score: 0, proposals, notes };
  const scene = yield* sceneOf(image);
  const l1 = yield* findLostL1(scene);
  add(proposals, l1.proposals, header !== undefined);
  notes.push(...l1.notes);
  // What the L1 table leads to again is no more loose.
  const isMended = l1.table !== undefined && l1.proposals.length > 0;
  const mended = isMended ? overlay(image.device, image.geometry.l1Offset, l1.table as Uint8Array) : undefined;
  const next = mended ? yield* sceneOf(Qcow2Image.open(mended, context)) : scene;
  const l2 = yield* findLostL2(next);
  add(proposals, l2.proposals, header !== undefined);
  notes.push(...l2.notes);
  if (!scene.isCounted) proposals.push(countedAnew(context, header ? [0] : []));
  return { format: 'qcow2', score: header?.score ?? 1, proposals, notes };
}

/** After all the rest, since it counts what the tables lead to by then. */
function countedAnew(context: OpenContext, needs: readonly number[]): Proposal {
  return {
    part: 'refcounts',
    what: 'a new refcount table and blocks behind the end of the file, from what the tables lead to',
    confidence: 'high',
    evidence: ['the refcounts do not even count the header and themselves'],
    alternatives: [],
    needs,
    *apply(device: Device) {
      yield* rebuildRefcounts(device, yield* examined(device, context));
    },
  };
}

/** Behind those that are there: what they need is counted from there. */
function add(all: Proposal[], more: readonly Proposal[], needsHeader: boolean): void {
  const first = all.length;
  const header = needsHeader ? [0] : [];
  all.push(...more.map((one) => ({ ...one, needs: [...header, ...one.needs.map((need) => need + first)] })));
}

function openOr(device: Device, context: OpenContext): Qcow2Image | undefined {
  try {
    return Qcow2Image.open(device, context);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
