/** What a conversion and a commit came to, for a person and for scripts. */
import type { TargetReport } from '../drivers/driver.ts';
import type { Committed } from '../session/commit.ts';
import type { Fact } from './view.ts';

export function reportFacts(from: string, to: string, report: TargetReport): Fact[] {
  const dead = (key: string, label: string, bytes: number): Fact[] =>
    bytes > 0 ? [{ key, label, value: bytes, unit: 'size' }] : [];
  return [
    { key: 'converted', label: 'converted', value: `${from} to ${to}`, only: 'text' },
    { key: 'from', value: from, only: 'json' },
    { key: 'to', value: to, only: 'json' },
    { key: 'metadata', label: 'new metadata', value: report.metadataBytes, unit: 'size' },
    ...dead('hidden', 'old metadata, hidden in the header area', report.hiddenBytes),
    ...dead('free', 'free space inside the file', report.freeBytes),
    ...dead('leaked', 'old metadata that stays behind as leaked space', report.leakedBytes),
    ...(report.notes.length > 0 ? [{ key: 'conversion-notes', label: 'notes', value: report.notes }] : []),
  ];
}

/** How the writing went. */
export function commitFacts(result: Committed): Fact[] {
  const { freshBytes, overwrittenBytes, cutBytes, newSize, rollbackFile, rollbackBytes, notes } = result;
  return [
    { key: 'written', label: 'written where nothing was', value: freshBytes, unit: 'size' },
    { key: 'overwritten', value: overwrittenBytes, unit: 'size' },
    ...(cutBytes > 0 ? [{ key: 'cut-off', value: cutBytes, unit: 'size' as const }] : []),
    { key: 'file-size', value: newSize, unit: 'size' },
    ...(rollbackFile === undefined ? [] : [{ key: 'rollback-file', value: rollbackFile }]),
    ...(rollbackBytes === undefined
      ? []
      : [{ key: 'rollback-bytes', label: 'its size', value: rollbackBytes, unit: 'size' as const }]),
    ...(notes.length > 0 ? [{ key: 'notes', value: notes }] : []),
  ];
}
