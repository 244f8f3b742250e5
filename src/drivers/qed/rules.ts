/**
 * `check` for QED: what a survey found, the leaks, and what is odd in the header. Counts are those of qemu-img check,
 * but for leaks: QEMU reports some that are none (`qemuBogusLeaks`); here is the true number.
 */
import { hex } from '../../bytes/size.ts';
import type { CheckReport, Finding, FindingLog } from '../finding.ts';
import { type Geometry, guestClusters, qemuOverflows } from './geometry.ts';
import { headerField } from './header.ts';
import { Header } from './layout.ts';
import type { Survey } from './survey.ts';

/** Completes a survey's findings to a report; call it once per survey. `fileSize` in bytes. */
export function reportOf(header: Header, g: Geometry, survey: Survey, fileSize: number): CheckReport {
  const { log } = survey;
  const leaked = addLeaks(g, survey, log);
  for (const finding of headerFindings(header, g, survey, fileSize)) log.add(finding);
  return {
    findings: log.findings,
    findingCount: log.findingCount,
    corruptions: log.corruptions,
    leaks: log.leaks,
    checkErrors: log.checkErrors,
    unnoticedByQemu: log.unnoticedByQemu,
    unnoticedLeaks: log.unnoticedLeaks,
    totalClusters: guestClusters(g),
    allocatedClusters: survey.allocated,
    fragmentedClusters: survey.fragmented,
    compressedClusters: 0,
    freeBytes: Math.max(0, fileSize - g.fileEnd),
    leakedBytes: leaked * g.clusterSize,
    tailBytes: Math.max(0, fileSize - Math.max(survey.used.highest() + 1, g.headerClusters, 1) * g.clusterSize),
  };
}

/** One finding per run of leaked clusters. Answers how many clusters there are. */
function addLeaks(g: Geometry, survey: Survey, log: FindingLog): number {
  const clusters = g.fileEnd / g.clusterSize;
  let leaked = 0;
  for (let at = g.headerClusters; at < clusters; ) {
    const from = survey.used.nextClear(at);
    if (from >= clusters) break;
    const found = survey.used.nextSet(from);
    const to = found < 0 ? clusters : Math.min(found, clusters);
    leaked += to - from;
    log.add(leak(g, from, to));
    at = to;
  }
  return leaked;
}

function leak(g: Geometry, from: number, to: number): Finding {
  const count = to - from;
  const where = { offset: from * g.clusterSize, length: count * g.clusterSize, spec: 'QED: Consistency checking' };
  if (from === 0) {
    return {
      code: 'header-size-zero',
      severity: 'leak',
      class: 'range',
      where: headerField('header_size'),
      what: `qed header: header_size is 0, at least 1 required; the header's own cluster counts as leaked`,
      means: 'nothing is lost; QEMU reports a leak for ever',
      qemuCount: count,
    };
  }
  return {
    code: 'leaked-clusters',
    severity: 'leak',
    class: 'consistency',
    where,
    what: `${count === 1 ? 'a cluster' : `${count} clusters`} at ${hex(where.offset)} that nothing refers to`,
    means: 'the space is not used again; guest data is not affected',
    qemuCount: count,
  };
}

/** What QEMU does not look at; but for a name that cannot be right, it harms nothing. */
function* headerFindings(header: Header, g: Geometry, survey: Survey, fileSize: number): Generator<Finding> {
  const { features } = header;
  const note = { severity: 'note', qemuCount: 0 } as const;
  if (features.need_check) {
    yield {
      ...note,
      code: 'need-check',
      class: 'dirty',
      where: headerField('features'),
      what: 'qed header: the need-check bit is set; the image was not closed, or is open',
      means: 'QEMU repairs the image when it opens it for writing',
    };
  }
  if (features.backing_file && header.backing_filename_size === 0) {
    yield {
      ...note,
      code: 'backing-name-empty',
      class: 'consistency',
      where: headerField('backing_filename_size'),
      what: 'qed header: the backing-file bit is set, but the name is empty; QEMU opens no backing file',
      means: 'what is not allocated reads as zeros',
    };
  }
  if (features.backing_file && header.backing_filename_size > 0 && header.backing_filename_offset < Header.size) {
    yield {
      ...note,
      code: 'backing-name-in-header',
      severity: 'corruption',
      class: 'overlap',
      where: headerField('backing_filename_offset'),
      what: `qed header: backing_filename_offset is ${hex(header.backing_filename_offset)}, inside the header, expected at least ${hex(Header.size)}`,
      means: 'the name of the backing file and fields of the header are the same bytes',
    };
  }
  if (features.backing_format_no_probe && !features.backing_file) {
    yield {
      ...note,
      code: 'backing-format-unused',
      class: 'consistency',
      where: headerField('features'),
      what: 'qed header: bit 2 says that the backing file is raw, but there is no backing file',
      means: 'nothing reads it',
    };
  }
  if (g.tableClusters === 1) {
    yield {
      ...note,
      code: 'table-size-one',
      class: 'unsupported',
      where: headerField('table_size'),
      what: 'qed header: table_size is 1, which the specification allows and QEMU cannot open',
      means: 'the guest can only be started after a conversion',
    };
  }
  if (qemuOverflows(g.clusterSize, g.tableClusters) && g.size > 0) {
    yield {
      ...note,
      code: 'table-shape-overflow',
      class: 'unsupported',
      where: headerField('cluster_size'),
      what: 'qed header: tables of this shape address 2^64 bytes or more; QEMU computes 0 and refuses the image',
      means: 'the guest can only be started after a conversion',
    };
  }
  for (const field of ['compat_features', 'autoclear_features'] as const) {
    if (header[field].unknown.length === 0) continue;
    yield {
      ...note,
      code: `unknown-${field.replaceAll('_', '-')}`,
      class: 'reserved',
      where: headerField(field),
      what: `qed header: ${field} has unknown bits (${header[field].unknown.join(', ')})`,
      means:
        field === 'compat_features'
          ? 'a newer program knows more of this image; it reads the same without that'
          : 'a newer program keeps more in this image; QEMU clears the bits when it opens it for writing',
    };
  }
  if (survey.pastDisk > 0) {
    yield {
      ...note,
      code: 'entries-past-disk',
      class: 'consistency',
      where: headerField('image_size'),
      what: `${survey.pastDisk} table entries describe clusters behind the disk's end, ${hex(g.size)}`,
      means: 'the guest does not see them; a disk that grows would',
    };
  }
  if (fileSize > g.fileEnd) {
    yield {
      ...note,
      code: 'partial-cluster',
      class: 'size',
      where: { offset: g.fileEnd, length: fileSize - g.fileEnd, spec: 'QED: Consistency checking' },
      what: `the file ends with ${fileSize - g.fileEnd} bytes of a cluster; QEMU ignores and overwrites them`,
      means: 'no guest data lies there',
    };
  }
}
