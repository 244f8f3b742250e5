/**
 * Guest bytes of the image under edit: read as they are with every step, and changed as steps. A change is a request on
 * a disk whose device is the staged one, so it never reaches the file before a commit; it may stop at a breakpoint.
 *
 *  1. Nothing is changed where a part of the disk lies in a file that is not staged: an external data file.
 *  2. Nothing is read or changed where the answer would need a backing file that is not open.
 */
import { INVALID } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex } from '../bytes/size.ts';
import type { Device } from '../device/device.ts';
import { type DeviceEvent, type Request, runRequest, type Suspension } from '../device/events.ts';
import { DeviceLayer } from '../device/layer.ts';
import { StagedDevice } from '../device/staged.ts';
import { firstUnheld } from '../disk/allocation.ts';
import { Disk, openForWriting } from '../disk/disk.ts';
import type { Image } from '../drivers/driver.ts';
import { invalidEntry } from '../drivers/guest-io.ts';
import { driverNamed } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';
import { breakpointsOf, nowStopped, type Stopped, stoppedAt } from './breakpoints.ts';
import type { Session } from './session.ts';

export type { Disk } from '../disk/disk.ts';

/** Work on a disk: it is suspended where the device wants it, and tells how far it has come. */
export type GuestWork<T> = (disk: Disk) => Generator<Suspension | Progress, T>;

/** How a change went. */
export type Changed<T> = { readonly done: true; readonly value: T } | { readonly done: false; readonly at: Stopped };

/** Where a change stops: at its breakpoints, at the next instant whatever it is, or not at all. */
export type Until = 'breakpoint' | 'instant' | 'end';

/** Bytes: what ext4 holds in one file. */
const LONGEST_FILE = 2 ** 44;
/** Bytes: requests are cut at multiples of this, so that long ones can be cancelled. */
const PIECE = 64 * 2 ** 20;

/** Fills `target` from `offset` (bytes) on. */
export type ReadBytes = (offset: number, target: Uint8Array) => void;

/**
 * The disk as it is with every step, to be read as long as nothing changes it. Its reads throw ImageError `past-end`,
 * and `backing-unopened` for bytes that lie elsewhere.
 */
export function guestReader(session: Session): ReadBytes {
  const { images, unopened } = session.chain();
  const [top, ...below] = images;
  const disk = new Disk(top as Image, below);
  return (offset, target) => {
    if (offset + target.length <= disk.size && unopened !== undefined) {
      const unheld = firstUnheld(images, offset, offset + target.length);
      if (unheld !== undefined) throw unopenedBacking(unopened, `the guest byte ${hex(unheld)} is in it`);
    }
    runRequest(disk.read(offset, target));
  };
}

/** Gives `use` what reads the VM state as it is with every step. Throws ImageError `not-supported` or `unaligned`. */
export function* withVmState<T>(
  session: Session,
  use: (read: ReadBytes) => Generator<Progress, T>,
): Generator<Progress, T> {
  const { image } = session;
  // Only a writer knows where the VM state lies: it works on a device of its own, which is thrown away.
  const scratch = new StagedDevice(image.device);
  scratch.begin('read -b');
  try {
    const disk = runRequest(openForWriting(driverNamed(image.format), scratch, session.context));
    return yield* use((offset, target) => runRequest(disk.readVmState(offset, target)));
  } finally {
    scratch.reset();
  }
}

/** Throws ImageError `past-end` unless the range lies inside the disk. */
export function checkGuestRange(session: Session, offset: number, length: number): void {
  new Disk(session.image).checkRange(offset, length);
}

/**
 * What the image says of the range must make sense before it is changed: an entry that points behind the file's end, or
 * into the middle of nowhere, would be followed there. Throws ImageError `invalid-entry`.
 */
export function* refuseInvalid({ image }: Session, offset: number, length: number): Generator<Progress, void> {
  const to = Math.min(offset + length, image.size);
  if (offset >= to) return;
  for (const { count, kind, guest, unit } of image.mappings(offset, to, 'mapped')) {
    const i = kind.subarray(0, count).indexOf(INVALID);
    if (i >= 0)
      throw invalidEntry(image, Math.max((guest[i] as number) * unit, offset), 'changed', 'check, then repair');
    yield { what: 'looking at entries', done: count, total: count };
  }
}

/** The end of the piece that begins at `at`: the next multiple of 64 MiB, or `end`. */
export function pieceEnd(at: number, end: number): number {
  return Math.min(at - (at % PIECE) + PIECE, end);
}

/** Runs `work` as a step named `line`. Throws ImageError `data-file`, `backing-unopened`, and what the work throws. */
export function* changeGuest<T>(session: Session, line: string, work: GuestWork<T>): Generator<Progress, Changed<T>> {
  return yield* changeUntil(session, line, work, 0, 'breakpoint');
}

/** Goes on with the change that has stopped. Throws ImageError `not-stopped`; what throws leaves it where it stands. */
export function* goOn(session: Session, until: Until): Generator<Progress, Changed<unknown>> {
  const at = stoppedAt(session);
  if (!at) throw new ImageError({ code: 'not-stopped', what: 'no change has stopped', tryThis: 'break EVENT' });
  session.undo();
  let isDone = false;
  try {
    const changed = yield* changeUntil(session, at.line, at.work, at.passed, until);
    isDone = true;
    return changed;
  } finally {
    if (!isDone) session.redo();
  }
}

function* changeUntil<T>(
  session: Session,
  line: string,
  work: GuestWork<T>,
  passed: number,
  until: Until,
): Generator<Progress, Changed<T>> {
  session.checkWritable();
  const below = chainBelow(session);
  const context = session.context;
  const changed = yield* session.step(line, function* ({ device, format }) {
    const listening = new ListeningDevice(device, session, passed, until);
    const run = workOn(openForWriting(driverNamed(format), listening, context, below), work);
    for (;;) {
      const next = run.next();
      if (next.done) return { done: true, value: next.value } as const;
      if (!('event' in next.value)) {
        yield next.value;
        continue;
      }
      // Left as it is: what its writer would do at the end belongs behind this instant.
      const { event, tag } = next.value;
      const at: Stopped = { line, event, ...(tag && { tag }), passed: listening.passed, work };
      return { done: false, at } as const;
    }
  });
  if (!changed.done) nowStopped(session, changed.at);
  return changed;
}

function* workOn<T>(open: Request<Disk>, work: GuestWork<T>): Generator<Suspension | Progress, T> {
  const disk = yield* open;
  const value = yield* work(disk);
  yield* disk.close();
  return value;
}

/** The images below, all open. */
function chainBelow(session: Session): readonly Image[] {
  const { dataFile } = session.image.info();
  if (dataFile) {
    throw new ImageError({
      code: 'data-file',
      class: 'unsupported',
      what: `guest bytes lie in the data file '${dataFile.file}', which is not staged: a change of it could not be undone`,
      tryThis: 'platter --qemu-io, which writes at once',
    });
  }
  const { images, unopened } = session.chain();
  if (unopened === undefined) return images.slice(1);
  throw unopenedBacking(unopened, 'a cluster that is written in part is filled up from it');
}

function unopenedBacking(name: string, why: string): ImageError {
  return new ImageError({
    code: 'backing-unopened',
    class: 'unsupported',
    what: `the backing file '${name}' is not open, and ${why}`,
    tryThis: 'reopen --follow same-dir',
  });
}

/** The staged device as a request sees it: it says where to stop. */
class ListeningDevice extends DeviceLayer {
  readonly #session: Session;
  readonly #skip: number;
  readonly #until: Until;
  /** Instants so far. */
  passed = 0;

  constructor(device: Device, session: Session, skip: number, until: Until) {
    super(device);
    this.#session = session;
    this.#skip = skip;
    this.#until = until;
  }

  override write(offset: number, bytes: Uint8Array, what?: string): void {
    this.#refuseLonger(offset + bytes.length);
    super.write(offset, bytes, what);
  }

  override resize(size: number): void {
    this.#refuseLonger(size);
    super.resize(size);
  }

  /** A broken table can point anywhere: what no file can hold is not staged either, for no commit could end. */
  #refuseLonger(size: number): void {
    if (size <= Math.max(LONGEST_FILE, this.size)) return;
    throw new ImageError({
      code: 'file-too-large',
      class: 'range',
      what: `the file would be ${size} bytes long, more than the ${LONGEST_FILE} that a file can have`,
      tryThis: 'check, then repair',
    });
  }

  override event(event: DeviceEvent): Suspension | undefined {
    this.passed++;
    if (this.passed <= this.#skip || this.#until === 'end') return undefined;
    const breakpoint = breakpointsOf(this.#session).find((one) => one.event === event);
    if (breakpoint) return breakpoint;
    return this.#until === 'instant' ? { event, tag: '' } : undefined;
  }
}
