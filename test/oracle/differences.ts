/**
 * Where the verdict of `check` is not that of qemu-img 7.2, all of it: docs/qemu-differences.md, by the same names, for
 * people. Each has the smallest change of a sample that shows it; a test holds each to differ still, and every other
 * difference to be none.
 */
import type { CheckClass, PlatterSees, QemuSees } from './verdicts.ts';

/** [byte offset, bytes in hexadecimal], or ['cut', bytes]. */
export type Patch = readonly [at: number | 'cut', value: string | number];

export interface Difference {
  /**
   * `stricter`: a rule of Platter's (the id) that QEMU does not look at. `qemu-refuses`: QEMU does not open the image, and
   * says so in words like `says`. What QEMU opens, Platter opens.
   */
  readonly kind: 'stricter' | 'qemu-refuses';
  readonly id: string;
  readonly says?: RegExp;
  readonly sample: string;
  readonly patches: readonly Patch[];
  readonly qemu: CheckClass;
  readonly platter: CheckClass;
}

/** l2[0][1] of plain.qcow2 becomes its own L2 table's cluster, with counts and flags that QEMU finds consistent. */
const SHARED_WITH_A_TABLE: readonly Patch[] = [
  [0x3000, '00'],
  [0x4008, '0000000000004000'],
  [0x2008, '0002'],
  [0x200c, '0000'],
];

export const DIFFERENCES: readonly Difference[] = [
  {
    kind: 'stricter',
    id: 'compressed-cluster-broken',
    sample: 'zlib.qcow2',
    patches: [[0x5000, 'ffffffffffffffff']],
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'stricter',
    id: 'zero-flag-in-version-2',
    sample: 'v2.qcow2',
    patches: [[0x4318, '0000000000000001']],
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'stricter',
    id: 'zero-flag-in-extended-l2',
    sample: 'subclusters.qcow2',
    patches: [[0x10007, '01']],
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'stricter',
    id: 'data-file-offset',
    sample: 'data-file.qcow2',
    patches: [[0x4040, '8000000000009000']],
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'stricter',
    id: 'refcount-behind-end',
    sample: 'plain.qcow2',
    patches: [[0x2050, '0001']],
    qemu: 'clean',
    platter: 'leaks',
  },
  {
    kind: 'stricter',
    id: 'backing-name-overlap',
    sample: 'plain.qcow2',
    patches: [
      [8, '0000000000000008'],
      [16, '00000004'],
    ],
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'stricter',
    id: 'backing-name-in-header',
    sample: 'plain.qed',
    patches: [
      [16, '01'],
      [56, '0d'],
      [60, '01'],
    ],
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'stricter',
    id: 'overlap',
    sample: 'plain.qcow2',
    patches: SHARED_WITH_A_TABLE,
    qemu: 'clean',
    platter: 'corruption',
  },
  {
    kind: 'qemu-refuses',
    id: 'backing-file-opened',
    says: /Could not open backing file|Unknown driver/,
    sample: 'zero.qcow2',
    patches: [[0x88, '79']],
    qemu: 'refused',
    platter: 'clean',
  },
  {
    kind: 'qemu-refuses',
    id: 'secret-needed',
    says: /'encrypt\.key-secret' is required/,
    sample: 'aes.qcow2',
    patches: [],
    qemu: 'refused',
    platter: 'clean',
  },
  {
    kind: 'qemu-refuses',
    id: 'data-file-opened',
    says: /'image': Could not open '[^']|'data-file' is required/,
    sample: 'data-file.qcow2',
    patches: [[0x78, '65']],
    qemu: 'refused',
    platter: 'clean',
  },
  {
    kind: 'qemu-refuses',
    id: 'bitmap-in-use-broken',
    says: /Check failed: Invalid argument/,
    sample: 'bitmaps.qcow2',
    patches: [
      [0x1200f, '03'],
      [0x10007, '02'],
    ],
    qemu: 'refused',
    platter: 'corruption',
  },
  {
    kind: 'qemu-refuses',
    id: 'qed-table-size-1',
    says: /QED table offset is invalid/,
    sample: 'plain.qed',
    patches: [[8, '01000000']],
    qemu: 'refused',
    platter: 'leaks',
  },
];

/** The names of the differences that explain why the two verdicts are not the same; none where nothing does. */
export function explained(qemu: QemuSees, platter: PlatterSees): readonly string[] {
  if (qemu.class === 'refused') {
    return DIFFERENCES.filter(({ kind, says }) => kind === 'qemu-refuses' && says?.test(qemu.says)).map(({ id }) => id);
  }
  if (platter.counted !== qemu.class) return [];
  const listed = new Set(DIFFERENCES.filter(({ kind }) => kind === 'stricter').map(({ id }) => id));
  return platter.codes.every((code) => listed.has(code)) ? platter.codes : [];
}
