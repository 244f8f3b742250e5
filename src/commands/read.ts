/** `read`: guest bytes as they are with every step. */
import { HEX_LINE } from '../bytes/hexdump.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import { checkGuestRange, guestReader, pieceEnd, type ReadBytes, withVmState } from '../session/guest.ts';
import { imageCommand } from './command.ts';
import { byte, flag, flagWith, list, offset, size } from './params.ts';
import { message, NOTHING, type View } from './view.ts';

/** Bytes that are shown at once. */
const MOST_SHOWN = 64 * 1024;
/** Bytes read at a time: a multiple of a line. */
const PIECE = 2 ** 20;

export const read = imageCommand({
  name: 'read',
  aliases: ['r', 'readv', 'aio_read'],
  group: 'guest',
  place: 'image',
  summary: 'Read guest bytes, show them, or verify a pattern',
  details:
    'As the guest sees them: through zero and compressed clusters and the backing files that may be followed. -v shows ' +
    'them in hexadecimal; -b reads the VM state instead of the disk; -P verifies that all are one byte, and says where the first other one is. Several lengths ' +
    'are read one behind the other: `readv`, and `aio_read`, which does not come back earlier here, are other names.',
  params: {
    offset: offset('OFFSET', 'the first guest byte'),
    lengths: list(size('LENGTH', 'how many guest bytes')),
  },
  flags: {
    verbose: flag(`show the bytes, at most ${sizeText(MOST_SHOWN)}`, 'v'),
    pattern: flagWith(byte('BYTE', 'the byte that all are to be'), undefined, 'P'),
    start: flagWith(size('OFFSET', 'verify from this byte of the range on'), 0, 's'),
    length: flagWith(size('LENGTH', 'verify so many bytes of the range'), undefined, 'l'),
    vmstate: flag('read the VM state, which stands behind the disk', 'b'),
    csv: flag('say bytes and operations, with a comma between', 'C'),
    quiet: flag('say nothing when all is well', 'q'),
  },
  examples: [
    { line: 'read -v 0 64', image: 'start.qcow2' },
    { line: 'read -P 0 1M 4k', image: 'start.qcow2' },
    { line: 'write -P 7 0 1k; read -v 1008 32', image: 'plain.qed' },
  ],
  *run(session, values) {
    const { offset: from, lengths, verbose, pattern, start, length, vmstate, csv, quiet } = values;
    const total = lengths.reduce((sum, one) => sum + one, 0);
    if (verbose && total > MOST_SHOWN) {
      throw new ImageError({
        code: 'range-too-long',
        class: 'range',
        what: `${sizeText(total)} are more than read -v shows at once, ${sizeText(MOST_SHOWN)}`,
      });
    }
    const verify = verifier(pattern, from, total, start, length);
    const shown: Uint8Array[] = [];
    let allZero = total > 0;
    function* reading(read: ReadBytes): Generator<Progress, void> {
      for (const [at, bytes] of piecesOf(read, from, total)) {
        verify(at, bytes);
        allZero &&= isAll(bytes, 0) < 0;
        if (verbose) shown.push(bytes.slice());
        yield { what: 'reading', done: at + bytes.length - from, total, unit: 'bytes' };
      }
    }
    if (!vmstate) checkGuestRange(session, from, total);
    if (total > 0) yield* vmstate ? withVmState(session, reading) : reading(guestReader(session));
    if (quiet) return NOTHING;
    const data = { offset: from, length: total, operations: lengths.length, zeros: allZero };
    if (csv) return message(`${total},${lengths.length}`, data);
    const text = `read ${total}/${total} bytes at offset ${from}${allZero ? ', all zeros' : ''}`;
    const said = message(text, data, vmstate ? undefined : { guest: from });
    if (!verbose) return said;
    return {
      kind: 'parts',
      parts: [
        { key: 'bytes', view: dump(from, Buffer.concat(shown)) },
        { key: 'read', view: said },
      ],
    };
  },
});

/** The buffer is used again for the next piece. */
function* piecesOf(read: ReadBytes, from: number, total: number): Generator<readonly [number, Uint8Array]> {
  const buffer = new Uint8Array(Math.min(PIECE, total));
  const end = from + total;
  for (let at = from; at < end; ) {
    const to = Math.min(at + PIECE, pieceEnd(at, end));
    const bytes = buffer.subarray(0, to - at);
    read(at, bytes);
    yield [at, bytes];
    at = to;
  }
}

/** Throws ImageError `pattern-mismatch` at the first byte that is another one. */
function verifier(
  pattern: number | undefined,
  from: number,
  total: number,
  start: number,
  length = total - start,
): (at: number, bytes: Uint8Array) => void {
  if (pattern === undefined) return () => undefined;
  if (start + length > total || length < 0) {
    throw new ImageError({
      code: 'bad-number',
      what: `bytes ${start}..${start + length} of the range are to be verified, and it has ${total}`,
    });
  }
  const first = from + start;
  const end = first + length;
  return (at, bytes) => {
    const part = bytes.subarray(Math.max(first - at, 0), Math.max(Math.min(end - at, bytes.length), 0));
    const other = isAll(part, pattern);
    if (other < 0) return;
    const guest = Math.max(first, at) + other;
    throw new ImageError({
      code: 'pattern-mismatch',
      what: `Pattern verification failed at offset ${first}, ${length} bytes: guest byte ${hex(guest)} is ${byteText(part[other])}, expected ${byteText(pattern)}`,
      tryThis: `read -v ${hex(guest - (guest % HEX_LINE))} 64`,
    });
  };
}

/** Where the first byte stands that is another one; -1: all are that one. */
function isAll(bytes: Uint8Array, byte: number): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 0 || (view[0] === byte && view.compare(view, 0, view.length - 1, 1) === 0)) return -1;
  return view.findIndex((one) => one !== byte);
}

function byteText(byte = 0): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

function dump(from: number, bytes: Uint8Array): View {
  const lines = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + HEX_LINE - ((from + at) % HEX_LINE), bytes.length);
    lines.push({ offset: from + at, bytes: bytes.subarray(at, end), owner: '', fields: [], spans: [] });
    at = end;
  }
  return { kind: 'hexdump', lines };
}
