/** Building QED targets in tests: sources by hand, and the commit reduced to its last two writes. */
import { type Extent, extentColumns } from '../../../src/bytes/extents.ts';
import { runToEnd } from '../../../src/bytes/progress.ts';
import { Ranges } from '../../../src/bytes/ranges.ts';
import type { Device } from '../../../src/device/device.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type {
  ConversionOptions,
  ConversionTarget,
  Image,
  TargetReport,
  TargetRequest,
} from '../../../src/drivers/driver.ts';
import { QedImage } from '../../../src/drivers/qed/image.ts';
import { qedConversion } from '../../../src/drivers/qed/target.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Options of a source as any format could have given them. */
export function sourceOptions(more: Partial<ConversionOptions> & { readonly imageSize: number }): ConversionOptions {
  return {
    format: 'qcow2',
    clusterSize: 64 * KIB,
    alignment: 64 * KIB,
    encryption: 'none',
    features: [],
    settings: {},
    ...more,
  };
}

export function openTarget(
  device: Device,
  options: ConversionOptions,
  request: TargetRequest = {},
  free = new Ranges(),
): ConversionTarget {
  return qedConversion.open(device, options, request, free);
}

/** Maps extents given in bytes, as one batch in the source's unit. */
export function mapAll(
  target: ConversionTarget,
  options: ConversionOptions,
  extents: readonly Extent[],
  force = false,
): void {
  target.map(extentColumns(extents, options.clusterSize, options.imageSize), force);
}

/** What commit does at its end: the header, then the file's end. */
export function commitTarget(device: Device, target: ConversionTarget): TargetReport {
  const report = runToEnd(target.finish());
  target.copyHeader(new MemoryDevice());
  device.resize(report.fileSize);
  return report;
}

/** The whole conversion of an image, batch by batch as the real one. */
export function convert(
  source: Image,
  device: Device,
  request: TargetRequest = {},
): { image: QedImage; report: TargetReport } {
  const target = openTarget(device, source.getConversionOptions(), request, source.freeRanges(4096));
  for (const batch of source.mappings()) target.map(batch);
  const report = commitTarget(device, target);
  return { image: QedImage.open(device), report };
}

/** Rows as a target can say them: kinds it has, unallocated left out, neighbours that continue each other merged. */
export function normalised(rows: readonly Extent[]): Extent[] {
  const out: Extent[] = [];
  for (const row of rows) {
    const kind = row.kind === 'zero-allocated' ? 'zero' : row.kind;
    if (kind === 'unallocated' || kind === 'unallocated-allocated') continue;
    const host = kind === 'data' ? { host: row.host as number } : {};
    const last = out.at(-1);
    const touches = last?.kind === kind && last.guest + last.length === row.guest;
    if (last && touches && (last.host === undefined || last.host + last.length === row.host)) {
      out[out.length - 1] = { ...last, length: last.length + row.length };
    } else out.push({ kind, guest: row.guest, length: row.length, ...host });
  }
  return out;
}
