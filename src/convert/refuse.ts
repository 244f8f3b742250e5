/**
 * What stands in the way of a conversion, all of it at once, before anything is staged: features the target cannot
 * represent, limits of size and alignment, and whatever a full check of the source finds.
 */
import type { Progress } from '../bytes/progress.ts';
import { hex } from '../bytes/size.ts';
import type { ConversionOptions, Driver, Image, TargetRequest } from '../drivers/driver.ts';
import type { CheckReport } from '../drivers/finding.ts';
import { ImageError, type Reason, Refusal, sentence } from '../errors.ts';

/** A finding or two are enough to say why; `check` lists the rest. */
const FINDINGS_SHOWN = 3;

/** Every reason of form: unrepresentable features, and the target's own limits. Touches nothing. */
export function reasonsAgainst(options: ConversionOptions, target: Driver, request: TargetRequest): Reason[] {
  const conversion = conversionOf(target);
  return [
    ...options.features.filter((feature) => !conversion.represents.has(feature.code)),
    ...conversion.refusals(options, request),
  ];
}

/** The target's conversion side. Throws ImageError `no-target` for a format that has none. */
export function conversionOf(target: Driver): NonNullable<Driver['conversion']> {
  if (target.conversion) return target.conversion;
  throw new ImageError({
    code: 'no-target',
    class: 'unsupported',
    what: `${target.name} cannot be the target of an in-place conversion yet`,
    tryThis: 'qcow2 or qed',
  });
}

/** Reasons that a check of the source gives: corruption refuses; leaks do not. */
export function reasonsInReport(report: CheckReport): Reason[] {
  const broken = report.findings.filter((finding) => finding.severity === 'corruption');
  if (report.corruptions + report.unnoticedByQemu + report.checkErrors === 0) return [];
  const shown = broken.slice(0, FINDINGS_SHOWN).map((finding) => `${sentence(finding)} [${finding.code}]`);
  const more = broken.length - shown.length;
  return [
    {
      code: 'not-clean',
      what: `the image does not check clean: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
      lift: 'look at it with `check`, and repair it in its own format first (qemu-img check -r all, on a copy)',
    },
  ];
}

/** Throws Refusal with every reason at once, or answers what the target has to know. Checks the whole source. */
export function* preflight(
  source: Image,
  target: Driver,
  request: TargetRequest,
): Generator<Progress, ConversionOptions> {
  const report = source.check ? yield* source.check() : undefined;
  const known = source.getConversionOptions('header');
  const options = isEnough(known, report, target, request) ? known : source.getConversionOptions();
  const reasons = reasonsAgainst(options, target, request);
  if (report) reasons.push(...reasonsInReport(report), ...sharingRefused(report, reasons, target));
  if (reasons.length > 0) {
    throw new Refusal(`${source.format} cannot become ${target.name} in place`, reasons);
  }
  return options;
}

/** Clusters that two guest ranges share, where nothing else that refuses (snapshots, compression) explains it. */
function sharingRefused(report: CheckReport, reasons: readonly Reason[], target: Driver): Reason[] {
  const { firstShared } = report;
  if (firstShared === undefined || reasons.length > 0 || conversionOf(target).represents.has('shared-clusters'))
    return [];
  return [
    {
      code: 'shared-clusters',
      what: `the cluster at host ${hex(firstShared)} is referred to more than once, which ${target.name} built in place cannot say`,
      lift: 'qemu-img convert, which gives each guest cluster its own',
    },
  ];
}

/**
 * Whether the header and a clean check tell all that matters, so that another walk over the mapping (a sixth of the
 * time of a conversion) can be saved: nothing in the way, nothing asked for that depends on the data's alignment.
 */
function isEnough(
  known: ConversionOptions,
  report: CheckReport | undefined,
  target: Driver,
  request: TargetRequest,
): boolean {
  if (!report || report.compressedClusters > 0 || reasonsInReport(report).length > 0) return false;
  if (known.backing || Object.keys(request).length > 0) return false;
  return reasonsAgainst(known, target, request).length === 0;
}
