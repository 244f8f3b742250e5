/** `write`: guest bytes, zeros, or compressed clusters, as a step. */
import { hex, sizeText } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import { readWhole } from '../host/read-whole.ts';
import { type GuestWork, pieceEnd, refuseInvalid } from '../session/guest.ts';
import { imageCommand } from './command.ts';
import { guestStep } from './guest-change.ts';
import { byte, file, flag, flagWith, list, offset, size } from './params.ts';
import { message, NOTHING, type View } from './view.ts';

/** What qemu-io writes when no pattern is given. */
const DEFAULT_BYTE = 0xcd;
/** Bytes of one request, as in QEMU; zeros are not bound to it. */
const MOST = 0x7fff_fe00;
/** Bytes of a file whose contents are written. */
const MOST_SOURCE = 64 * 2 ** 20;

interface Wanted {
  readonly offset: number;
  readonly lengths: readonly number[];
  readonly zeroes: boolean;
  readonly unmap: boolean;
  readonly 'no-fallback': boolean;
  readonly compress: boolean;
  readonly vmstate: boolean;
  readonly pattern: number | undefined;
  readonly source: string | undefined;
}

export const write = imageCommand({
  name: 'write',
  aliases: ['w', 'writev', 'aio_write'],
  group: 'guest',
  place: 'steps',
  summary: 'Write guest bytes, zeros, or compressed clusters, as a step',
  details:
    'The image allocates what the guest bytes need, as QEMU does: clusters written in part are filled up from the ' +
    'backing file. -P says the byte, -s a file whose contents are repeated; -z writes zeros as the format keeps ' +
    'them best, with -u so that space may be given back, and with -n only if nothing has to be written for it. -c ' +
    'compresses whole clusters. -b writes the VM state instead of the disk. Several lengths are written one behind the other: `writev`, and `aio_write`, which ' +
    'does not come back earlier here, are other names. -f is accepted: `commit` makes everything durable. Refused ' +
    'where guest bytes lie in an external data file, which is not staged, and where a backing file is not open ' +
    '(--follow).',
  params: {
    offset: offset('OFFSET', 'the first guest byte'),
    lengths: list(size('LENGTH', 'how many guest bytes')),
  },
  flags: {
    pattern: flagWith(byte('BYTE', 'the byte to write'), undefined, 'P'),
    source: flagWith(
      file('FILE', `write what is in FILE, at most ${sizeText(MOST_SOURCE)}, again and again`),
      undefined,
      's',
    ),
    zeroes: flag('write zeros', 'z'),
    unmap: flag('with -z: space may be given back', 'u'),
    'no-fallback': flag('with -z: refuse what could only be done by writing zeros', 'n'),
    compress: flag('write compressed clusters', 'c'),
    vmstate: flag('write the VM state, which stands behind the disk', 'b'),
    fua: flag('accepted: every step is made durable by `commit`', 'f'),
    csv: flag('say bytes and operations, with a comma between', 'C'),
    quiet: flag('say nothing when all is well', 'q'),
  },
  examples: [
    { line: 'write -P 0x41 1M 64k; read -v 1M 32', image: 'start.qcow2' },
    { line: 'write -z 0 1M; map', image: 'plain.qed' },
    { line: 'write 0 4k; diff; undo', image: 'start.qcow2' },
    { line: 'write -b -P 7 0 4k; read -b -P 7 0 4k', image: 'start.qcow2' },
  ],
  *run(session, values, line) {
    checkFlags(values);
    const { offset: from, lengths, quiet, csv } = values;
    const total = lengths.reduce((sum, one) => sum + one, 0);
    if (!values.vmstate) yield* refuseInvalid(session, from, total);
    const work = values.zeroes ? zeroing(values, total) : writing(values, total);
    return yield* guestStep(session, 'write', line, work, () => {
      if (quiet) return NOTHING;
      const data = { offset: from, length: total, operations: lengths.length };
      if (csv) return message(`${total},${lengths.length}`, data);
      const text = `wrote ${total}/${total} bytes at offset ${from}`;
      return message(text, data, values.vmstate ? undefined : { guest: from }) satisfies View;
    });
  },
});

function checkFlags({ vmstate, zeroes, unmap, 'no-fallback': noFallback, compress, pattern, source }: Wanted): void {
  const wrong = (what: string, tryThis?: string): ImageError => new ImageError({ code: 'bad-flag', what, tryThis });
  if (compress && zeroes) throw wrong('write: -c and -z cannot be had together');
  if (vmstate && (compress || zeroes)) throw wrong('write: -b goes with neither -c nor -z');
  if (noFallback && !zeroes) throw wrong('write: -n says how zeros are written', 'write -z -n');
  if (unmap && !zeroes) throw wrong('write: -u says how zeros are written', 'write -z -u');
  if ([zeroes, pattern !== undefined, source !== undefined].filter(Boolean).length > 1) {
    throw wrong('write: only one of -z, -P and -s can be had');
  }
}

function zeroing({ offset, unmap, 'no-fallback': noFallback }: Wanted, total: number): GuestWork<void> {
  return function* (disk) {
    disk.checkRange(offset, total);
    for (let at = offset, end = offset + total; at < end; ) {
      const to = pieceEnd(at, end);
      yield* disk.writeZeroes(at, to - at, { mayUnmap: unmap, noFallback });
      yield { what: 'writing zeros', done: to - offset, total, unit: 'bytes' };
      at = to;
    }
  };
}

function writing({ offset, lengths, compress, vmstate, pattern, source }: Wanted, total: number): GuestWork<void> {
  const longest = Math.max(...lengths);
  if (total > MOST) {
    throw new ImageError({
      code: 'range-too-long',
      class: 'range',
      what: `${sizeText(total)} are more than one write takes, ${hex(MOST)} bytes`,
    });
  }
  const fill = source === undefined ? Uint8Array.of(pattern ?? DEFAULT_BYTE) : contentsOf(source, longest);
  return function* (disk) {
    if (!vmstate) disk.checkRange(offset, total);
    for (let at = offset, end = offset + total; at < end; ) {
      const to = compress ? end : pieceEnd(at, end);
      const bytes = filled(fill, at - offset, to - at);
      if (vmstate) yield* disk.writeVmState(at, bytes);
      else yield* compress ? disk.writeCompressed(at, bytes) : disk.write(at, bytes);
      yield { what: 'writing', done: to - offset, total, unit: 'bytes' };
      at = to;
    }
  };
}

function contentsOf(path: string, longest: number): Uint8Array {
  const { bytes } = readWhole(path, { most: MOST_SOURCE, code: 'source-unreadable', followLinks: true });
  if (bytes.length > 0 || longest === 0) return bytes;
  throw new ImageError({ code: 'source-unreadable', what: `${path} is empty: there is nothing to write` });
}

/** `length` bytes of `fill` repeated for ever, from its byte `from` on. */
function filled(fill: Uint8Array, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (fill.length === 1) return bytes.fill(fill[0] as number);
  for (let at = 0; at < length; ) {
    const part = fill.subarray((from + at) % fill.length, ((from + at) % fill.length) + length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
