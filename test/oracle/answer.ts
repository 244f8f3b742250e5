/** What Platter says about an image: the error that kept it from opening, or the report of a full check. */
import { runToEnd } from '../../src/bytes/progress.ts';
import { FileDevice } from '../../src/device/file.ts';
import type { CheckReport } from '../../src/drivers/finding.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { type FaultClass, ImageError, sentence, type Where } from '../../src/errors.ts';

export interface Answer {
  readonly error?: ImageError;
  readonly report?: CheckReport;
}

/** Opens with the named driver, checks, and walks the mapping to its end. Anything but an ImageError is a bug: thrown. */
export function answerOf(path: string, format: string): Answer {
  const device = new FileDevice(path);
  try {
    const image = driverNamed(format).open(device, { name: path });
    const report = image.check ? runToEnd(image.check()) : undefined;
    // A broken image is still mapped to its end, in steps that go forward.
    let at = 0;
    for (const batch of image.mappings()) {
      for (let i = 0; i < batch.count; i++) {
        const guest = (batch.guest[i] as number) * batch.unit;
        if (guest !== at) throw new Error(`mapping is at ${guest}, expected ${at}`);
        at = guest + (batch.length[i] as number) * batch.unit;
      }
    }
    if (at < image.size) throw new Error(`mapping ends at ${at} of ${image.size}`);
    return { report };
  } catch (error) {
    if (error instanceof ImageError) return { error };
    throw error;
  } finally {
    device.close();
  }
}

export interface Said {
  readonly code: string;
  readonly class?: FaultClass;
  readonly where?: Where;
  readonly text: string;
}

/** Everything there is to complain about, error or findings alike. */
export function complaints(answer: Answer): Said[] {
  const all = answer.error ? [answer.error] : (answer.report?.findings ?? []);
  return all.map((c) => ({ code: c.code, class: c.class, where: c.where, text: sentence(c) }));
}
