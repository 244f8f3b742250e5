/**
 * Platter as a library: open an image through a driver, look at its mapping, check it, convert it in place. The same
 * parts that the program is made of, without prompt and files of their own accord: long work is a generator of
 * progress that the caller runs (`runToEnd`).
 *
 *     const file = new FileDevice('disk.qcow2');
 *     const image = probe(file).open(file, { name: file.name });
 *     for (const batch of image.mappings()) for (const extent of batch) console.log(extent);
 */
// biome-ignore lint/performance/noBarrelFile: the library's one entry, for other programs; nothing inside imports it
export {
  EXTENT_KINDS,
  type Extent,
  ExtentColumns,
  type ExtentKind,
  extentColumns,
} from './bytes/extents.ts';
export { type Progress, runToEnd } from './bytes/progress.ts';
export { type Range, Ranges } from './bytes/ranges.ts';
export { parseSize, sizeText } from './bytes/size.ts';
export { exitStatus, type Verdict, verdict } from './check/verdict.ts';
export { checkComplete, convertInPlace, copyHeader, mapAll, openTarget } from './convert/convert.ts';
export { preflight, reasonsAgainst } from './convert/refuse.ts';
export type { Device } from './device/device.ts';
export { FileDevice } from './device/file.ts';
export { MemoryDevice } from './device/memory.ts';
export { slice } from './device/slice.ts';
export { StagedDevice } from './device/staged.ts';
export type {
  BackingReference,
  BuildPhase,
  ConversionDriver,
  ConversionOptions,
  ConversionTarget,
  Driver,
  Feature,
  FeatureCode,
  Image,
  ImageInfo,
  OpenContext,
  PlacedRun,
  Placement,
  Region,
  Role,
  SnapshotInfo,
  TargetReport,
  TargetRequest,
  TargetState,
} from './drivers/driver.ts';
export type { CheckReport, Finding, Severity } from './drivers/finding.ts';
export { DRIVERS, driverNamed, probe } from './drivers/registry.ts';
export { type FaultClass, ImageError, type Reason, Refusal, type Where } from './errors.ts';
