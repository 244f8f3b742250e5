/**
 * `check` for QED: what a survey found, the leaks, and what is odd in the header. Counts are those of qemu-img check,
 * but for leaks: QEMU reports some that are none (`qemuBogusLeaks`); here is the true number.
 */
import { hex } from '../../bytes/size.ts';
import type { CheckReport, Finding, FindingLog } from '../finding.ts';
import { type Geometry, guestClusters, qemuOverflows } from './geometry.ts';
import { headerField } from './header.ts';
import type { Header } from './layout.ts';
import type { Survey } from './survey.ts';

/** Completes a survey's findings to a report; call it once per survey. `fileSize` in bytes. */
export function reportOf(header: Header, g: Geometry, survey: Survey, fileSize: number): CheckReport {
  const { log } = survey;
  const leaked = addLeaks(g, survey, log);
  for (const finding of headerNotes(header, g, survey, fileSize)) log.add(finding);
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
      qemuCount: count,
    };
  }
  return {
    code: 'leaked-clusters',
    severity: 'leak',
    class: 'consistency',
    where,
    what: `${count === 1 ? 'a cluster' : `${count} clusters`} at ${hex(where.offset)} that nothing refers to`,
    qemuCount: count,
  };
}

/** What is odd and harms nothing. */
function* headerNotes(header: Header, g: Geometry, survey: Survey, fileSize: number): Generator<Finding> {
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
    };
  }
  if (g.tableClusters === 1) {
    yield {
      ...note,
      code: 'table-size-one',
      class: 'unsupported',
      where: headerField('table_size'),
      what: 'qed header: table_size is 1, which the specification allows and QEMU cannot open',
    };
  }
  if (qemuOverflows(g.clusterSize, g.tableClusters) && g.size > 0) {
    yield {
      ...note,
      code: 'table-shape-overflow',
      class: 'unsupported',
      where: headerField('cluster_size'),
      what: 'qed header: tables of this shape address 2^64 bytes or more; QEMU computes 0 and refuses the image',
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
    };
  }
  if (survey.pastDisk > 0) {
    yield {
      ...note,
      code: 'entries-past-disk',
      class: 'consistency',
      where: headerField('image_size'),
      what: `${survey.pastDisk} table entries describe clusters behind the disk's end, ${hex(g.size)}`,
    };
  }
  if (fileSize > g.fileEnd) {
    yield {
      ...note,
      code: 'partial-cluster',
      class: 'size',
      where: { offset: g.fileEnd, length: fileSize - g.fileEnd, spec: 'QED: Consistency checking' },
      what: `the file ends with ${fileSize - g.fileEnd} bytes of a cluster; QEMU ignores and overwrites them`,
    };
  }
}
