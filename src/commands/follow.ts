/** `follow`, `back`, `forward`: from a pointer to what it points at, and along the way that was come. */
import type { Field } from '../bytes/field.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex } from '../bytes/size.ts';
import type { Image } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Stop } from '../session/trail.ts';
import { arrival, fieldOfTable } from './arrival.ts';
import { imageCommand } from './command.ts';
import { count, field, optional } from './params.ts';
import type { PartsView } from './view.ts';

export const follow = imageCommand({
  name: 'follow',
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Go where a field points, and show what is there',
  details:
    'FIELD is one that holds an offset: `header.l1_table_offset`, `l1[0]`, `l2[0][5]`. The cursor goes there, on the ' +
    'screen too, and `back` leads back. Without FIELD: the field under the cursor, so that `follow` again goes on along ' +
    'the chain of tables down to the data.',
  params: { path: optional(field('FIELD', 'a field that holds an offset'), undefined) },
  flags: {},
  examples: [
    { line: 'follow header.l1_table_offset', image: 'start.qcow2' },
    { line: 'follow l2[0][0]', image: 'plain.qed' },
    { line: 'follow header.l1_table_offset; follow; follow; back 2', image: 'start.qcow2' },
  ],
  *run(session, { path }) {
    const { image, trail } = session;
    const from = path === undefined ? yield* fieldUnderCursor(session) : image.field(path);
    const to = targetOf(image, from);
    // A field that was named is where the way began.
    if (path !== undefined) trail.go({ host: from.offset });
    const lead = [
      { key: 'followed', value: `${from.path} = ${from.text}`, only: 'text' as const },
      { key: 'followed', value: from.path, only: 'json' as const },
    ];
    return yield* arrival(session, { host: to }, lead);
  },
});

function* fieldUnderCursor({ image, trail }: Session): Generator<Progress, Field> {
  const host = trail.here?.place.host;
  const found = host === undefined ? undefined : yield* fieldOfTable(image, host);
  if (found) return found;
  throw new ImageError({
    code: 'no-field-here',
    what: host === undefined ? 'the cursor is nowhere yet' : `no field is at ${hex(host)}, where the cursor is`,
    tryThis: 'follow FIELD, as print shows it',
  });
}

function targetOf(image: Image, { path, text, points, offset, size, spec }: Field): number {
  const where = { offset, length: size, path, spec };
  if (points === undefined) {
    throw new ImageError({ code: 'leads-nowhere', what: `${path} is ${text}: it leads nowhere in this file`, where });
  }
  if (points < image.device.size) return points;
  throw new ImageError({
    code: 'past-end',
    class: 'eof',
    what: `${path} leads to ${hex(points)}, behind the end of the file, ${hex(image.device.size)}`,
    where,
  });
}

const steps = optional(count('N', 'how many places, 1 when left out', 1, 200), 1);

export const back = imageCommand({
  name: 'back',
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Go back to where the cursor was, and show what is there',
  details:
    'Places are those that answers were about (`x`, `print`, `whois`, `explain`, `follow`, `find`, …) and, on the ' +
    'screen, those that were jumped to; the key `b` in a panel walks the same way.',
  params: { n: steps },
  flags: {},
  examples: [{ line: 'x 0; follow l1[0]; back', image: 'start.qcow2' }],
  run: (session, { n }) => travel(session, n, 'back'),
});

export const forward = imageCommand({
  name: 'forward',
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Go forward again after `back`, and show what is there',
  params: { n: steps },
  flags: {},
  examples: [{ line: 'x 0; follow l1[0]; back; forward', image: 'start.qcow2' }],
  run: (session, { n }) => travel(session, n, 'forward'),
});

/** As far as there are places. Throws ImageError `no-place`: nowhere was gone then. */
function* travel(session: Session, count: number, which: 'back' | 'forward'): Generator<Progress, PartsView> {
  const { trail } = session;
  let stop: Stop | undefined;
  for (let i = 0; i < count; i++) {
    const next = which === 'back' ? trail.back() : trail.forward();
    if (!next) break;
    stop = next;
  }
  if (!stop) {
    throw new ImageError({
      code: 'no-place',
      what: which === 'back' ? 'there is no place to go back to' : 'there is no place to go forward to',
      tryThis: which === 'back' ? 'follow FIELD, or x OFFSET, goes somewhere' : undefined,
    });
  }
  const left: PartsView = yield* arrival(session, stop.place, [
    { key: 'behind', value: trail.behind, only: 'json' },
    { key: 'ahead', value: trail.ahead, only: 'json' },
  ]);
  // The cursor is there already.
  const { place, ...view } = left;
  return view;
}
