/** The check that repair begins with, and that tells it afterwards what is still to be set right. */
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';
import type { OpenContext } from '../../driver.ts';
import type { Mismatch } from '../check-refcounts.ts';
import { Qcow2Image } from '../image.ts';
import { examineQcow2 } from '../rules.ts';
import type { Patient } from './work.ts';

/** Runs of wrong refcounts that are kept; those behind them come up in the next round. */
const MOST_RUNS = 2 ** 20;

/** Throws ImageError where the image does not open. */
export function* examined(device: Device, context: OpenContext): Generator<Progress, Patient> {
  const image = Qcow2Image.open(device, context);
  const runs: Mismatch[] = [];
  const found = yield* examineQcow2(image, (run) => {
    if (runs.length < MOST_RUNS) runs.push(run);
  });
  const taken = found.claims.counts.anyShared ? found.ownership.overlaps() : new ClusterBitmap();
  return { ...found, image, device, g: image.geometry, runs, taken };
}
