/** `find`: bytes in the file, or what looks like a structure, wherever it stands. */
import type { Progress } from '../bytes/progress.ts';
import { hex } from '../bytes/size.ts';
import type { Image } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import {
  boundsIn,
  type Hit,
  hexPattern,
  namesStructure,
  type Sought,
  search,
  structureNames,
  structureNeedle,
} from '../session/search.ts';
import type { Session } from '../session/session.ts';
import { arrival } from './arrival.ts';
import { imageCommand } from './command.ts';
import { ROLE_LOOKS } from './palette.ts';
import { count, flag, flagWith, joined, offset, optional, size, text } from './params.ts';
import type { Scalar, TableView, View } from './view.ts';

const LIMIT = 32;
const MOST = 4096;

export const find = imageCommand({
  name: 'find',
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Search the file for bytes, or for what looks like a header or a table',
  details: () =>
    'The file is searched as it is with the staged steps, whoever owns its bytes. WHAT is text; bytes, `0x514649fb`, in ' +
    'the order of the file; or a structure, of the image or of a format that is named: ' +
    `${structureNames()
      .map(({ name }) => `\`${name}\``)
      .join(', ')}; a format alone is its header. What is found looks so: every entry of a table is ` +
    'allowed and leads into the file. That can be chance in guest data, and the column Says tells what speaks for it. ' +
    'Where the cluster size is not known, --align says it. --next and --prev go on with the last search from the ' +
    'cursor, one hit at a time.',
  params: { what: optional(joined(text('WHAT', 'text, 0xBYTES, or a structure', names)), undefined) },
  flags: {
    text: flag('WHAT is text, whatever it looks like'),
    hex: flag('WHAT is bytes in hexadecimal, with or without blanks'),
    align: flagWith(size('N', 'only at multiples of N bytes; of a structure: the cluster size'), undefined),
    from: flagWith(offset('OFFSET', 'the first byte of the file to look at'), 0),
    length: flagWith(size('LENGTH', 'how many bytes to look at; to the end of the file when left out'), undefined),
    limit: flagWith(count('N', `hits listed at most, up to ${MOST}; ${LIMIT} when left out`, 1, MOST), LIMIT),
    next: flag('the next hit of the last search, behind the cursor', 'n'),
    prev: flag('the one before the cursor', 'p'),
  },
  examples: [
    { line: 'find l2', image: 'start.qcow2' },
    { line: 'find 0x514649fb --align 512', image: 'start.qcow2' },
    { line: 'find qed; find qcow2.l2 --align 4k --limit 4', image: 'plain.qed' },
    { line: 'find l2 --limit 1; find --next; find --prev', image: 'start.qcow2' },
  ],
  *run(session, { what, next, prev, ...how }) {
    if (next || prev) return yield* another(session, what, prev ? 'prev' : 'next');
    if (what === undefined) throw noPattern();
    const sought = soughtOf(session, what, how);
    session.sought = sought;
    const { limit } = how;
    const found = yield* search(session.image.device, sought, { limit });
    return yield* tableOf(session.image, sought, found.hits, found.next);
  },
});

function names(): string[] {
  return structureNames().map(({ name }) => name);
}

interface How {
  readonly text: boolean;
  readonly hex: boolean;
  readonly align: number | undefined;
  readonly from: number;
  readonly length: number | undefined;
}

function soughtOf(session: Session, what: string, { text: isText, hex: isHex, align, from, length }: How): Sought {
  if (align === 0) throw new ImageError({ code: 'bad-number', what: '--align 0: expected 1 or more' });
  const bounds = boundsIn(session.image.device, from, length);
  if (!isText && !isHex && namesStructure(what)) {
    const needle = structureNeedle(session, what, align);
    const own = needle.kind === 'structure' ? needle.lookalike.align : 1;
    return { words: what, needle, align: align ?? own, ...bounds };
  }
  const isBytes = isHex || (!isText && /^0x[0-9a-f\s]+$/i.test(what));
  const bytes = isBytes ? hexPattern(what) : new TextEncoder().encode(what);
  if (bytes.length === 0) throw noPattern();
  return { words: isBytes ? what : `'${what}'`, needle: { kind: 'bytes', bytes }, align: align ?? 1, ...bounds };
}

function noPattern(): ImageError {
  return new ImageError({
    code: 'bad-pattern',
    what: 'find: nothing to look for',
    tryThis: `find TEXT, find 0xBYTES, or find one of ${names().join(', ')}`,
  });
}

function* tableOf(
  image: Image,
  { words, from, to }: Sought,
  hits: readonly Hit[],
  next: number | undefined,
): Generator<Progress, TableView> {
  const first = hits[0];
  const isStructure = hits.some(({ says }) => says !== undefined);
  return {
    kind: 'table',
    columns: [
      { key: 'offset', label: 'Offset', unit: 'offset', align: 'right' },
      { key: 'owner', label: 'Owner' },
      { key: 'field', label: 'Field' },
      ...(isStructure ? [{ key: 'says', label: 'Says' }] : []),
    ],
    rows: yield* rowsOf(image, hits),
    empty: `${words} is nowhere in ${hex(from)}..${hex(to)}`,
    ...(next !== undefined && { notes: [`… and perhaps more: --from ${hex(next)} goes on, --limit N lists N`] }),
    ...(first && { place: { host: first.offset } }),
  };
}

/** One walk over the owners for all hits, which stand in order. */
function* rowsOf(image: Image, hits: readonly Hit[]): Generator<Progress, (Scalar | undefined)[][]> {
  const rows: (Scalar | undefined)[][] = [];
  if (hits.length === 0) return rows;
  let i = 0;
  for (const region of yield* image.ownership()) {
    const end = region.offset + region.length;
    for (let hit = hits[i]; hit && hit.offset < end; hit = hits[++i]) {
      const [field] = image.fields(region, hit.offset, hit.offset + 1);
      rows.push([hit.offset, region.label ?? ROLE_LOOKS[region.role].name, field?.path, hit.says]);
    }
    if (i >= hits.length) break;
  }
  return rows;
}

/** One hit from the cursor on. Throws ImageError `no-search`, `not-found`. */
function* another(session: Session, what: string | undefined, which: 'next' | 'prev'): Generator<Progress, View> {
  const { sought, trail, image } = session;
  if (what !== undefined) {
    throw new ImageError({ code: 'bad-flag', what: `find --${which} goes on with the last search, and takes no WHAT` });
  }
  if (!sought) throw new ImageError({ code: 'no-search', what: 'nothing was looked for yet', tryThis: 'find WHAT' });
  const at = trail.here?.place.host;
  const backwards = which === 'prev';
  const range = backwards
    ? { from: sought.from, to: Math.min(sought.to, at ?? sought.to) }
    : { from: Math.max(sought.from, at === undefined ? 0 : at + 1), to: sought.to };
  const { hits } = yield* search(image.device, { ...sought, ...range }, { limit: 1, backwards });
  const [hit] = hits;
  if (hit) {
    const says = hit.says === undefined ? [] : [{ key: 'says', value: hit.says }];
    return yield* arrival(session, { host: hit.offset }, [{ key: 'found', value: sought.words }, ...says]);
  }
  const where = backwards ? 'before' : 'behind';
  throw new ImageError({
    code: 'not-found',
    what: `${sought.words} is not there again ${where} ${at === undefined ? 'the cursor' : hex(at)}`,
    tryThis: backwards ? 'find --next' : 'find --prev',
  });
}
