/** `explain`: the way of one guest byte, stop by stop, down the backing files as far as they may be followed. */
import { basename } from 'node:path';
import type { Hop } from '../bytes/field.ts';
import type { Image } from '../drivers/driver.ts';
import { imageCommand } from './command.ts';
import { offset } from './params.ts';
import { type Fact, KIND_TEXT, type Scalar, type TableView } from './view.ts';

export const explain = imageCommand({
  name: 'explain',
  group: 'inspect',
  place: 'image',
  summary: 'Walk from a guest byte through the tables to its place in the file',
  details:
    'Each line is a stop: the entry that decides, where it stands in the file, what it says, and what that means. ' +
    'The way ends at the byte in the file and the refcount of its cluster, or where nothing is stored. Backing files ' +
    'are walked too, as far as --follow lets them be opened.',
  params: { guest: offset('GUEST', 'a guest byte') },
  flags: {},
  examples: [
    { line: 'explain 0', image: 'start.qcow2' },
    { line: 'explain 64k', image: 'zlib.qcow2' },
    { line: 'explain 0', image: 'plain.qed' },
  ],
  run(session, { guest }) {
    const levels = levelsOf(session.chain().images, guest);
    const last = levels.at(-1) as Level;
    const { kind, host } = last.image.getMapping(guest);
    const facts: Fact[] = [
      { key: 'guest', value: guest, unit: 'offset' },
      { key: 'kind', value: kind, only: 'json' },
      { key: 'kind', value: KIND_TEXT[kind], only: 'text' },
      ...(host === undefined ? [] : [{ key: 'host', value: host, unit: 'offset' as const }]),
      { key: 'depth', value: last.depth, only: 'json' },
      ...(last.depth > 0 ? [{ key: 'in', value: last.image.device.name, only: 'text' as const }] : []),
    ];
    const place = { guest, ...(host !== undefined && last.depth === 0 && { host }) };
    return {
      kind: 'parts',
      parts: [
        { key: 'answer', view: { kind: 'facts', facts } },
        { key: 'hops', view: hopTable(levels) },
      ],
      place,
    };
  },
});

interface Level {
  readonly image: Image;
  /** 0 is the image itself. */
  readonly depth: number;
  readonly hops: readonly Hop[];
}

/** The image, and backing files while nothing above holds the byte. Throws ImageError `past-end`. */
function levelsOf(chain: readonly Image[], guest: number): Level[] {
  const levels: Level[] = [];
  for (const [depth, image] of chain.entries()) {
    // A backing file may be shorter than the disk: it reads as zeros behind its end.
    if (depth > 0 && guest >= image.size) break;
    levels.push({ image, depth, hops: image.trace(guest) });
    if (!/^unallocated/.test(image.getMapping(guest).kind)) break;
  }
  return levels;
}

function hopTable(levels: readonly Level[]): TableView {
  const deep = levels.length > 1;
  const rows = levels.flatMap(({ image, hops }) =>
    hops.map(({ title, host, field, says }): (Scalar | undefined)[] => [
      ...(deep ? [basename(image.device.name)] : []),
      title,
      host,
      field?.path,
      field?.text,
      says,
    ]),
  );
  return {
    kind: 'table',
    columns: [
      ...(deep ? [{ key: 'file', label: 'File' }] : []),
      { key: 'stop', label: 'Stop' },
      { key: 'offset', label: 'Offset', unit: 'offset', align: 'right' },
      { key: 'field', label: 'Field' },
      { key: 'value', label: 'Value' },
      { key: 'says', label: 'Says' },
    ],
    rows,
    empty: 'no stops',
  };
}
