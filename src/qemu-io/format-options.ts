/** Run-time options of formats: which there are, and what QEMU says of values that are none. */
import { isPowerOfTwo } from '../bytes/size.ts';
import { strtosz } from '../bytes/strtosz.ts';
import { type Dict, Refused, take, takeSwitch } from './dict.ts';

const CHECKS = [
  'template',
  'main-header',
  'active-l1',
  'active-l2',
  'refcount-table',
  'refcount-block',
  'snapshot-table',
  'inactive-l1',
  'inactive-l2',
  'bitmap-directory',
].map((kind) => `overlap-check.${kind}`);

const SWITCHES: Readonly<Record<string, readonly string[]>> = {
  qcow2: ['lazy-refcounts', 'pass-discard-request', 'pass-discard-snapshot', 'pass-discard-other'],
};

const OTHERS: Readonly<Record<string, readonly string[]>> = {
  qcow2: [
    'overlap-check',
    ...CHECKS,
    'cache-size',
    'l2-cache-size',
    'l2-cache-entry-size',
    'refcount-cache-size',
    'cache-clean-interval',
  ],
};

const OVERLAP_CHECKS = ['none', 'constant', 'cached', 'all'];

/** The names a format understands. */
export function optionsOfFormat(format: string): readonly string[] {
  return [...(SWITCHES[format] ?? []), ...(OTHERS[format] ?? [])];
}

/** Takes them out. `clusterSize`: bytes. Throws Refused for values that cannot be. */
export function takeFormatOptions(format: string, dict: Dict, clusterSize: number): Record<string, string> {
  const options: Record<string, string> = {};
  const entry = dict.get('l2-cache-entry-size');
  if (entry !== undefined) {
    const size = strtosz(entry);
    const bytes = typeof size === 'string' ? 0 : size.value;
    if (bytes < 512 || bytes > clusterSize || !isPowerOfTwo(bytes)) {
      throw new Refused(`L2 cache entry size must be a power of two between 512 and the cluster size (${clusterSize})`);
    }
  }
  for (const name of SWITCHES[format] ?? []) {
    const value = takeSwitch(dict, name);
    if (value !== undefined) options[name] = value ? 'on' : 'off';
  }
  for (const name of OTHERS[format] ?? []) {
    const value = take(dict, name);
    if (value !== undefined) options[name] = value;
  }
  for (const name of ['overlap-check', 'overlap-check.template']) {
    const value = options[name];
    if (value === undefined || OVERLAP_CHECKS.includes(value)) continue;
    const allowed = OVERLAP_CHECKS.join(', ');
    throw new Refused(
      `Unsupported value '${value}' for qcow2 option 'overlap-check'. Allowed are any of the following: ${allowed}`,
    );
  }
  return options;
}
