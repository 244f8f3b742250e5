/** `print`: named fields, one or a table of them. */
import type { Field, FieldList } from '../bytes/field.ts';
import { hex } from '../bytes/size.ts';
import { imageCommand } from './command.ts';
import { count, field, flagWith, list, optional } from './params.ts';
import { message, type PartsView, type Scalar, type TableView, type View } from './view.ts';

const LIMIT = 64;
const MOST = 4096;

export const print = imageCommand({
  name: 'print',
  aliases: ['p'],
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Show fields of the header and tables by name, where they stand',
  details:
    'PATH is a field, `header.size` or `l2[0][16]`; a part of one, `l2[0][16].copied`; or what has fields, `header` or ' +
    '`l2[0]`. Without a PATH: what there is. An index is a number as everywhere (`16`, `0x10`, `4k`); `@` before it ' +
    'stands for the entry that belongs to a byte: `refcount[@0x50000]` of the cluster at that byte of the file, ' +
    '`l2[@1M]` of that guest byte. Entries of tables that are 0 are left out of lists. In JSON, a list with something left out is an object with ' +
    '`fields` and `left-out`, one that is whole a list.',
  params: { paths: optional(list(field('PATH', 'a field, a part of one, or what has fields')), []) },
  flags: {
    limit: flagWith(count('N', `fields listed at most, up to ${MOST}; ${LIMIT} when left out`, 1, MOST), LIMIT),
  },
  examples: [
    { line: 'print header', image: 'start.qcow2' },
    { line: 'print l2[0] --limit 8', image: 'start.qcow2' },
    { line: 'print l2[0][0] refcount[@0x5000]', image: 'start.qcow2' },
    { line: 'print', image: 'plain.qed' },
  ],
  run({ image }, { paths, limit }) {
    if (paths.length === 0) return rootsOf(image.fieldNames(''), image.format);
    const lists = paths.map((path) => image.fieldList(path, limit));
    const table = tableOf(lists);
    const first = lists[0]?.fields[0];
    const notes = lists.flatMap((shown, i) => noteOn(shown, paths[i] as string));
    const place = first && { host: first.offset };
    if (notes.length === 0) return { ...table, ...(place && { place }) };
    const left = { next: lists.find(({ next }) => next !== undefined)?.next, empty: sum(lists) };
    const view: PartsView = {
      kind: 'parts',
      parts: [
        { key: 'fields', view: table },
        { key: 'left-out', view: message(notes.join('\n'), left) },
      ],
      ...(place && { place }),
    };
    return view;
  },
});

function rootsOf(names: readonly string[], format: string): View {
  const paths = names.map((name) => name.replace(/[.[]$/, ''));
  if (paths.length === 0) return message(`a ${format} image has no fields`, { names: paths });
  return message(`${paths.join(', ')}: print PATH shows one, or what is in it`, { names: paths });
}

/** One field alone is shown with its parts. */
function tableOf(lists: readonly FieldList[]): TableView {
  const rows = lists.flatMap(({ fields, single }) =>
    fields.flatMap(single ? rowsWithParts : (field) => [rowOf(field)]),
  );
  return {
    kind: 'table',
    columns: [
      { key: 'path', label: 'Field' },
      { key: 'offset', label: 'Offset', unit: 'offset', align: 'right' },
      { key: 'size', label: 'Bytes', align: 'right' },
      { key: 'value', label: 'Value' },
      { key: 'doc', label: 'Means' },
    ],
    rows,
    empty: 'everything here is 0',
  };
}

function rowOf({ path, offset, size, text, doc, guest }: Field): (Scalar | undefined)[] {
  return [path, offset, size, text, guest ? `of guest ${hex(guest.offset)}..${hex(guest.offset + guest.length)}` : doc];
}

function rowsWithParts(field: Field): (Scalar | undefined)[][] {
  const parts = field.parts ?? [];
  return [
    rowOf(field),
    ...parts.map(({ name, text, doc }) => [`${field.path}.${name}`, undefined, undefined, text, doc]),
  ];
}

function noteOn({ empty, next }: FieldList, path: string): string[] {
  const zero = empty === 0 ? [] : [`${path}: ${empty === 1 ? '1 entry is' : `${empty} entries are`} 0 and left out`];
  return next === undefined ? zero : [...zero, `${path}: … and more, from ${next} on (--limit N shows N fields)`];
}

function sum(lists: readonly FieldList[]): number {
  return lists.reduce((total, { empty }) => total + empty, 0);
}
