/**
 * What stands in the way of a conversion, all of it at once, before anything is staged: features the target cannot
 * represent, limits of size and alignment, and whatever a full check of the source finds.
 */
import type { Progress } from '../bytes/progress.ts';
import type { ConversionOptions, Driver, Image, TargetRequest } from '../drivers/driver.ts';
import type { CheckReport } from '../drivers/finding.ts';
import { ImageError, type Reason, Refusal, sentence } from '../errors.ts';

/** A finding or two are enough to say why; `check` lists the rest. */
const FINDINGS_SHOWN = 3;

/** Every reason of form: unrepresentable features, and the target's own limits. Touches nothing. */
export function reasonsAgainst(
  options: ConversionOptions,
  target: Driver,
  request: TargetRequest,
  fileSize: number,
): Reason[] {
  const conversion = conversionOf(target);
  return [
    ...options.features.filter((feature) => !conversion.represents.has(feature.code)),
    ...conversion.refusals(options, request, fileSize),
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

/** Throws Refusal with every reason at once, or answers the source's check report. Walks the whole source once. */
export function* preflight(
  source: Image,
  options: ConversionOptions,
  target: Driver,
  request: TargetRequest,
): Generator<Progress, CheckReport | undefined> {
  const reasons = reasonsAgainst(options, target, request, source.device.size);
  const report = source.check ? yield* source.check() : undefined;
  if (report) reasons.push(...reasonsInReport(report));
  if (reasons.length > 0) {
    throw new Refusal(`${source.format} cannot become ${target.name} in place`, reasons);
  }
  return report;
}
