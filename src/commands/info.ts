/** What the image is: qemu-io's lines, and what else the header says. */
import { sizeText } from '../bytes/size.ts';
import type { ImageInfo, SnapshotInfo } from '../drivers/driver.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { refusalLines } from './refusal.ts';
import { type Fact, type FactValue, type MessageView, message } from './view.ts';

export const info = imageCommand({
  name: 'info',
  aliases: ['i'],
  group: 'inspect',
  place: 'image',
  summary: 'Show format, sizes, features, backing file, snapshots',
  details: 'Reads the header and the tables of snapshots and bitmaps only. No other file is opened.',
  params: {},
  flags: {},
  examples: [
    { line: 'info', image: 'start.qcow2' },
    { line: 'info', image: 'snapshots.qcow2' },
  ],
  run(session) {
    return { kind: 'facts', facts: factsOf(session.image.info(), session) };
  },
});

/** One line for a newcomer: what was opened. */
export function summaryOf(session: Session): MessageView {
  const { refused, format: name } = session.image;
  if (refused) {
    const lines = [`${session.file.name}: ${name}`, ...refusalLines(session)];
    const place = refused.where && { host: refused.where.offset };
    return message(lines.join(', '), { filename: session.file.name, format: name, refused: refused.code }, place);
  }
  const { format, virtualSize, clusterSize, backing } = session.image.info();
  const parts = [
    `${session.file.name}: ${format}, ${sizeText(virtualSize)}`,
    ...(clusterSize ? [`clusters of ${sizeText(clusterSize)}`] : []),
    ...(backing ? [`backing file '${backing.file}'`] : []),
  ];
  const data = { filename: session.file.name, format, 'virtual-size': virtualSize, 'cluster-size': clusterSize };
  return message(parts.join(', '), data);
}

function factsOf(known: ImageInfo, { file, image }: Session): Fact[] {
  const { backing, dataFile, snapshots, specific } = known;
  const details = recordFacts(specific);
  return [
    { key: 'filename', label: 'image', value: file.name },
    { key: 'virtual-size', value: known.virtualSize, unit: 'size' },
    { key: 'file-size', value: image.device.size, unit: 'size' },
    { key: 'format', label: 'format name', value: known.format },
    ...some('cluster-size', known.clusterSize, 'size'),
    ...some('vm-state-offset', known.vmStateOffset, 'size'),
    { key: 'encrypted', value: known.encrypted },
    ...some('dirty-flag', known.dirty),
    ...some('backing-filename', backing?.file, undefined, 'backing file'),
    ...some('backing-filename-format', backing?.format, undefined, 'backing file format'),
    ...some('data-file', dataFile?.file),
    ...(snapshots.length > 0 ? [{ key: 'snapshots', value: snapshots.map(snapshotFacts) }] : []),
    ...(details.length > 0
      ? [
          { key: 'format-specific', label: 'Format specific information', value: details, only: 'text' as const },
          {
            key: 'format-specific',
            value: [
              { key: 'type', value: known.format },
              { key: 'data', value: details },
            ],
            only: 'json' as const,
          },
        ]
      : []),
  ];
}

function some(key: string, value: string | number | boolean | undefined, unit?: 'size', label?: string): Fact[] {
  return value === undefined ? [] : [{ key, label, value, unit }];
}

function snapshotFacts(snapshot: SnapshotInfo): Fact[] {
  const clock = snapshot.vmClockNanoseconds;
  return [
    { key: 'id', value: snapshot.id },
    { key: 'name', value: snapshot.name },
    { key: 'vm-state-size', value: snapshot.vmStateSize, unit: 'size' },
    { key: 'date-sec', value: snapshot.dateSeconds },
    { key: 'date-nsec', value: snapshot.dateNanoseconds },
    { key: 'vm-clock-sec', value: Math.floor(clock / 1e9) },
    { key: 'vm-clock-nsec', value: clock % 1e9 },
    ...some('disk-size', snapshot.diskSize, 'size'),
  ];
}

function recordFacts(record: Readonly<Record<string, unknown>>): Fact[] {
  return Object.entries(record).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: factValue(value) }],
  );
}

function factValue(value: unknown): FactValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return items.every((item) => typeof item === 'object')
      ? items.map((item) => recordFacts(item as Record<string, unknown>))
      : items.map(String);
  }
  return value === null ? '' : recordFacts(value as Record<string, unknown>);
}
