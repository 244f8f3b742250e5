/** How large the disk is, as its own structures say. */
import { bytesOf, type Disk, type Partition } from './disk.ts';
import { gptDiskSize, partitionsOf } from './partitions.ts';
import { volumesOf } from './volumes.ts';

export interface SaidSize {
  /** Bytes. */
  readonly size: number;
  readonly why: string;
  /** It says where the disk ends, not only that it is at least so large. */
  readonly isSure: boolean;
}

/** The surest first. `disk.size` may be larger than the disk is. */
export function sizesOf(disk: Disk): SaidSize[] {
  const sizes: SaidSize[] = [];
  const sector = bytesOf(disk, 512, 512);
  const gpt = sector && gptDiskSize(sector);
  if (gpt) sizes.push({ size: gpt, why: 'the GPT header says which sector is the last', isSure: true });
  const parts = partitionsOf(disk);
  const whole = volumesOf(disk).find(({ start }) => start === 0);
  if (whole && parts.length === 0) {
    sizes.push({ size: whole.length, why: `${whole.name} fills the disk`, isSure: true });
  }
  const end = Math.max(0, ...parts.map(({ start, length }: Partition) => start + length));
  if (end > 0 && !gpt) sizes.push({ size: end, why: 'the last partition ends there', isSure: false });
  return sizes;
}
