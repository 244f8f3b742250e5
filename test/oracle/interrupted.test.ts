/**
 * A conversion that is stopped at any write, resize or flush, in any way, leaves the old image, the new image, or one
 * that recovery brings back; real QEMU says which. A failure that the program survives (an I/O error before the header
 * sector) leaves the very old bytes.
 */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { convertInPlace } from '../../src/convert/convert.ts';
import { Crash, type Fault, Fuse } from '../../src/device/faulty.ts';
import { FileDevice } from '../../src/device/file.ts';
import { recover } from '../../src/device/recover.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { create, describeWithQemu, io, testFolder } from '../support/qemu.ts';
import { type Format, sha256 } from './conversion.ts';
import { survivalOf, whyLost } from './survival.ts';

/** A file whose writes, resizes and flushes blow a fuse. */
class FailingFile extends FileDevice {
  fuse = new Fuse({ at: Number.POSITIVE_INFINITY, kind: 'fail' });

  override write(offset: number, bytes: Uint8Array, what?: string): void {
    this.fuse.spend('write', () => {
      const half = Math.floor(bytes.length / 1024) * 512;
      if (half > 0) super.write(offset, bytes.subarray(0, half), what);
    });
    super.write(offset, bytes, what);
  }

  override resize(size: number): void {
    this.fuse.spend('resize');
    super.resize(size);
  }

  override flush(): void {
    this.fuse.spend('flush');
    super.flush();
  }
}

const IMAGES: readonly { says: string; format: Format; make(path: string): void }[] = [
  {
    says: 'qcow2 of several L2 tables, fragmented, with zeros',
    format: 'qcow2',
    make(path) {
      create(path, 'qcow2', '8M', { options: { cluster_size: 4096 } });
      io(path, 'qcow2', ['write -q -P 1 6M 64k', 'write -q -P 2 0 40k', 'write -q -z 8k 4k', 'write -q -P 3 4M 4k']);
    },
  },
  {
    says: 'qcow2 over a backing file',
    format: 'qcow2',
    make(path) {
      create(`${path}-base`, 'raw', '1M');
      io(`${path}-base`, 'raw', ['write -q -P 9 0 1M']);
      const backing = { file: `${path}-base`, format: 'raw' };
      create(path, 'qcow2', '1M', { options: { cluster_size: 65536 }, backing });
      io(path, 'qcow2', ['write -q -P 1 128k 64k', 'write -q -z 512k 64k']);
    },
  },
  {
    says: 'QED of several L2 tables, fragmented, with zeros',
    format: 'qed',
    make(path) {
      create(path, 'qed', '12M', { options: { cluster_size: 4096, table_size: 2 } });
      io(path, 'qed', ['write -q -P 1 9M 64k', 'write -q -P 2 0 40k', 'write -q -z 8k 4k', 'write -q -P 3 4M 4k']);
    },
  },
];

const OTHER = { qcow2: 'qed', qed: 'qcow2' } as const;

/** Ends after so many operations, or the protocol never ends. */
const BOUND = 1000;

interface Stopped {
  /** What came out: undefined when the fuse lay behind the last operation. */
  readonly error?: unknown;
  readonly blown: boolean;
}

function convertWith(path: string, from: Format, fault: Fault, rollback: string | undefined): Stopped {
  const file = new FailingFile(path, 'read-write');
  file.fuse = new Fuse(fault);
  try {
    const image = driverNamed(from).open(file, { name: path });
    runToEnd(convertInPlace(file, image, driverNamed(OTHER[from]), { rollback }));
    return { blown: file.fuse.blown };
  } catch (error) {
    if (!(error instanceof Crash || error instanceof ImageError)) throw error;
    return { error, blown: file.fuse.blown };
  } finally {
    file.close();
  }
}

describeWithQemu('an interrupted conversion loses nothing', () => {
  for (const { says, format, make } of IMAGES) {
    for (const kind of ['crash', 'tear', 'fail', 'fail-on'] as const) {
      for (const keep of [false, true]) {
        it(`${says}: ${kind} at every step${keep ? ', with a rollback file' : ''}`, () => {
          const folder = testFolder();
          const original = join(folder, 'original');
          make(original);
          const before = sha256(original);
          const outcomes = new Set<string>();
          for (let at = 0; ; at++) {
            expect(at).toBeLessThan(BOUND);
            // Each in a name of its own: a stopped machine leaves a journal and a lock beside the image.
            const path = join(folder, `image-${at}`);
            copyFileSync(original, path);
            const stopped = convertWith(path, format, { at, kind }, keep ? join(folder, `rollback-${at}`) : undefined);
            const step = `stopped at operation ${at} (${String(stopped.error)})`;
            const survival = survivalOf(path, format, OTHER[format], original);
            outcomes.add(survival);
            if (survival === 'lost') {
              runToEnd(recover(path));
              const recovered = survivalOf(path, format, OTHER[format], original);
              expect(recovered, `${step}\n${whyLost(path, format, OTHER[format])}`).not.toBe('lost');
            } else if (existsSync(`${path}.platter-journal`)) {
              runToEnd(recover(path));
              expect(survivalOf(path, format, OTHER[format], original), `${step}, recovered`).not.toBe('lost');
            }
            if (!stopped.blown) {
              expect(stopped.error, step).toBeUndefined();
              expect(survival, step).toBe('new');
              break;
            }
            // What the program lived to tell about was undone; unless the header was already on its way.
            if (stopped.error instanceof ImageError && survival === 'old' && kind !== 'fail-on') {
              expect(sha256(path), `${step}: the old bytes`).toBe(before);
            }
          }
          expect(outcomes, 'both ends of the road were seen').toContain('old');
          expect(outcomes).toContain('new');
        });
      }
    }
  }
});
