/** The contract on random images of every format that real QEMU makes, whatever is in them. */
import { readFileSync } from 'node:fs';
import { it } from 'vitest';
import { FileDevice } from '../../src/device/file.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { describeWithQemu, judged, suiteFolder } from '../support/qemu.ts';
import { pieces, seeds, withSeed } from '../support/random.ts';
import { randomImage } from '../support/random-image.ts';
import { alignmentOf, expectContract } from './contract.ts';

describeWithQemu('the contract of drivers', () => {
  const folder = suiteFolder();
  for (const format of ['qcow2', 'qed'] as const) {
    pieces(seeds(40), 20).forEach((part, i) => {
      it(`${format}, part ${i + 1}`, () => {
        for (const seed of part) {
          withSeed(seed, () => {
            const made = randomImage(seed, { format, folder });
            const device = new MemoryDevice(readFileSync(made.path));
            const dataFile = made.dataFile;
            const openExternal = dataFile ? () => new FileDevice(dataFile) : undefined;
            try {
              const image = expectContract(driverNamed(format), device, { openExternal }, seed);
              const { alignment, imageSize, clusterSize } = image.getConversionOptions();
              const expected = { alignment: alignmentOf(image), imageSize: image.size, clusterSize: image.unit };
              if (JSON.stringify({ alignment, imageSize, clusterSize }) !== JSON.stringify(expected)) {
                throw new Error(
                  `options ${JSON.stringify({ alignment, imageSize, clusterSize })}, expected ${JSON.stringify(expected)}`,
                );
              }
            } catch (error) {
              throw new Error(`${made.description}\n${error instanceof Error ? error.stack : String(error)}`);
            }
            judged();
          });
        }
      });
    });
  }
});
