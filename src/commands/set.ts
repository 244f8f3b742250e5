/** `set`: one field of the header or of a table, by name, as a step. */
import { ImageError } from '../errors.ts';
import { bytesAt } from '../session/bytes-at.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { field, joined, text } from './params.ts';
import { refusalChange } from './refusal.ts';
import { message } from './view.ts';

export const set = imageCommand({
  name: 'set',
  group: 'inspect',
  place: 'steps',
  onRefused: true,
  summary: 'Change a field of the header or of a table by name',
  details:
    'PATH is a field as `print` shows it, VALUE what it is to be, in the same words: numbers as everywhere, an offset ' +
    'and names for an entry (`set l2[0][5] 0x50000 copied`), names for flags (`set header.incompatible_features ' +
    'dirty`), 0 or 1 for one bit (`set l2[0][5].copied 1`). The bytes are staged as a step; the image is then opened ' +
    'anew, and a step after which it does not open is dropped. Nothing else is kept in step: what counts or leads ' +
    'elsewhere is yours to set, and `check` says what does not fit. No structure of these formats has a checksum, so there ' +
    'is none to keep or to renew.',
  params: {
    path: field('PATH', 'the field, or a part of it'),
    value: joined(text('VALUE', 'as print shows it')),
  },
  flags: {},
  examples: [
    { line: 'set header.autoclear_features 0', image: 'start.qcow2' },
    { line: 'set l2[0][5] zero; print l2[0][5]', image: 'start.qcow2' },
    { line: 'set l2[0][0].copied 0; print l2[0][0]', image: 'start.qcow2' },
  ],
  *run(session, { path, value }, line) {
    refuseTarget(session, 'set');
    const old = session.image.field(path);
    const { offset, bytes } = session.image.encodeField(path, value);
    const data = { path: old.path, offset: old.offset, size: old.size, old: old.text };
    const place = { host: old.offset };
    if (Buffer.from(bytes).equals(bytesAt(session.image, offset, bytes.length))) {
      return message(`${old.path} is ${old.text} already: nothing is staged`, { ...data, new: old.text }, place);
    }
    const { refused } = session.image;
    yield* session.step(line, function* ({ device }) {
      device.write(offset, bytes, `set ${old.path}`);
      yield { what: 'setting', done: bytes.length, total: bytes.length };
    });
    const now = shownNow(session, old.path) ?? value;
    const lines = [`${old.path}: ${old.text} -> ${now}`, ...refusalChange(session, refused)];
    return message(lines.join('\n'), { ...data, new: now }, place);
  },
});

/** A field may be gone after it was set: the length of what it is in, for one. */
function shownNow({ image }: Session, path: string): string | undefined {
  try {
    return image.field(path).text;
  } catch (error) {
    if (error instanceof ImageError && error.code === 'no-such-field') return undefined;
    throw error;
  }
}

/** A target counts on the source it was opened on. Throws ImageError `target-open`. */
export function refuseTarget({ target }: Session, command: string): void {
  if (!target) return;
  throw new ImageError({
    code: 'target-open',
    what: `${command} would change the image that the open ${target.format} target is built from`,
    tryThis: 'copy-header to go on with the target, or undo until it is gone',
  });
}
