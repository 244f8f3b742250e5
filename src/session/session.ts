/**
 * One image under edit. Commands read `image`; what changes is staged as a step, can be undone and redone, and
 * reaches the file with `commit`.
 *
 * Invariants:
 *  1. The file is opened read-only, and not one byte of it changes before `commit`.
 *  2. After each step, undo and redo the image is opened afresh on the staged bytes and the conversion target is
 *     resumed from its state: there is no cache to invalidate.
 *  3. A step that throws or is cancelled leaves no trace.
 *  4. The format is decided once, at open; a step may change it (`copy-header`), probing never does.
 */
import type { Progress } from '../bytes/progress.ts';
import { conversionOf } from '../convert/refuse.ts';
import { type Device, readBytes } from '../device/device.ts';
import { FileDevice } from '../device/file.ts';
import { findJournal } from '../device/journal-path.ts';
import { StagedDevice, type Step } from '../device/staged.ts';
import type { ConversionTarget, Driver, Image, TargetState } from '../drivers/driver.ts';
import { DRIVERS, driverNamed, probe } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';
import { type Chain, Follower, type FollowPolicy } from './follow.ts';

export interface SessionOptions {
  /** Forces the format: no probing. */
  readonly format?: string;
  readonly follow?: FollowPolicy;
}

/** A step as the list of steps shows it. */
export interface SessionStep {
  /** From 1. */
  readonly number: number;
  /** The command as typed. */
  readonly line: string;
  /** False: undone, and can be redone. */
  readonly applied: boolean;
  readonly changes: Step;
}

/** What a step works on; it may give the image another format, or a target. */
export interface Draft {
  readonly device: Device;
  readonly image: Image;
  target: ConversionTarget | undefined;
  format: string;
  /** Set when the step changes what the file is: the image on disk is then the source, this one the target. */
  converted: boolean;
}

/** What the session has to know beside the bytes: as it is after a step. */
interface Mark {
  readonly format: string;
  readonly target: TargetState | undefined;
  readonly converted: boolean;
}

/** What the last `check` said, and of what. */
export interface LastCheck {
  /** `clean`, `2 errors, 1 leak`, `nothing to check`. */
  readonly words: string;
  readonly isClean: boolean;
  /** The number of steps that were applied. */
  readonly step: number;
  /** True when steps were taken, undone or committed since. */
  readonly isStale: boolean;
}

export class Session {
  readonly file: FileDevice;
  /** True when the format was found by probing, not given by the user. */
  readonly probed: boolean;
  readonly #follower: Follower;
  readonly #marks = new Map<Step, Mark>();
  #base: Mark;
  #staged: StagedDevice | undefined;
  #image: Image;
  #target: ConversionTarget | undefined;
  #check:
    | { readonly words: string; readonly isClean: boolean; readonly step: number; readonly at: unknown }
    | undefined;
  /** How often steps were committed. */
  commits = 0;

  /** Throws ImageError: what opening the file throws, `unknown-format`, or what the driver refuses. */
  static open(path: string, { format, follow = 'none' }: SessionOptions = {}): Session {
    const file = new FileDevice(path);
    try {
      refuseJournal(file, path);
      return new Session(file, format === undefined ? probe(file) : driverNamed(format), format === undefined, follow);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(file: FileDevice, driver: Driver, probed: boolean, follow: FollowPolicy) {
    this.file = file;
    this.probed = probed;
    this.#follower = new Follower(follow);
    this.#base = { format: driver.name, target: undefined, converted: false };
    try {
      this.#image = driver.open(file, this.#follower.context(file));
    } catch (error) {
      this.#follower.close();
      throw error;
    }
  }

  /** The image as it is with every applied step. Replaced after each change: do not keep it. */
  get image(): Image {
    return this.#image;
  }

  /** The conversion target that `open-target` opened, until `copy-header`. */
  get target(): ConversionTarget | undefined {
    return this.#target;
  }

  /** Whether an applied step has changed what the file is: `original()` is the source then, and `image` the target. */
  get converted(): boolean {
    return this.#markNow().converted;
  }

  /** What `check` said last, if it ran. */
  get lastCheck(): LastCheck | undefined {
    if (!this.#check) return undefined;
    const { at, ...said } = this.#check;
    return { ...said, isStale: at !== this.#state };
  }

  /** For `check`: keeps its verdict for who shows it. */
  checked(words: string, isClean: boolean): void {
    this.#check = { words, isClean, step: this.#staged?.steps.length ?? 0, at: this.#state };
  }

  /** Applied steps, oldest first, then those that can be redone. */
  get steps(): readonly SessionStep[] {
    const done = this.#staged?.steps ?? [];
    const undone = this.#staged?.redoable ?? [];
    return [...done, ...undone].map((changes, i) => ({
      number: i + 1,
      line: changes.name,
      applied: i < done.length,
      changes,
    }));
  }

  /** The staged bytes; undefined while nothing was ever staged. */
  get staged(): StagedDevice | undefined {
    return this.#staged;
  }

  /** The image on the file itself, without any step. For `commit`, which must know what the file claims. */
  original(): Image {
    return driverNamed(this.#base.format).open(this.file, this.#follower.context(this.file));
  }

  /** The image and its backing files, as far as the follow policy opens them. */
  chain(): Chain {
    return this.#follower.chain(this.#image, this.file);
  }

  /** Runs `work` as one step named `line`. */
  *step<T>(line: string, work: (draft: Draft) => Generator<Progress, T>): Generator<Progress, T> {
    this.checkWritable();
    this.#staged ??= new StagedDevice(this.file);
    const staged = this.#staged;
    const before = this.#markNow();
    staged.begin(line);
    let kept = false;
    try {
      const draft: Draft = {
        device: staged,
        image: this.#openOn(staged, before.format),
        target: this.#target,
        format: before.format,
        converted: before.converted,
      };
      const result = yield* work(draft);
      const image = this.#openOn(staged, draft.format);
      const { format, converted } = draft;
      this.#marks.set(staged.end(), { format, target: draft.target?.state, converted });
      kept = true;
      this.#image = image;
      this.#target = draft.target;
      return result;
    } finally {
      if (!kept) {
        staged.abandon();
        this.#restore(before);
      }
    }
  }

  /** Takes the last step back. Throws ImageError `nothing-to-undo`. */
  undo(): SessionStep {
    const changes = this.#staged?.undo();
    if (!changes) throw new ImageError({ code: 'nothing-to-undo', what: 'there is no step to undo' });
    return this.#moved(changes);
  }

  /** Throws ImageError `nothing-to-redo`. */
  redo(): SessionStep {
    const changes = this.#staged?.redo();
    if (!changes) throw new ImageError({ code: 'nothing-to-redo', what: 'there is no undone step to redo' });
    return this.#moved(changes);
  }

  /** Forgets every step, the undone ones too; answers how many were applied. */
  discard(): number {
    const count = this.#staged?.steps.length ?? 0;
    this.#forget();
    this.#restore(this.#base);
    return count;
  }

  /** After a commit: the file holds every applied step. */
  committed(): void {
    const { format } = this.#markNow();
    this.#forget();
    this.commits++;
    this.#base = { format, target: undefined, converted: false };
    this.#restore(this.#base);
  }

  close(): void {
    this.#staged?.reset();
    this.#follower.close();
    this.file.close();
  }

  #moved(changes: Step): SessionStep {
    this.#restore(this.#markNow());
    return this.steps.find((step) => step.changes === changes) as SessionStep;
  }

  /** Equal as long as the bytes are the same: the last applied step, or the base. */
  get #state(): unknown {
    return this.#staged?.steps.at(-1) ?? this.#base;
  }

  #markNow(): Mark {
    const last = this.#staged?.steps.at(-1);
    return (last && this.#marks.get(last)) ?? this.#base;
  }

  #restore({ format, target }: Mark): void {
    const device = this.#staged ?? this.file;
    this.#image = this.#openOn(device, format);
    this.#target = target && conversionOf(driverNamed(target.format)).resume(device, target);
  }

  #openOn(device: Device, format: string): Image {
    return driverNamed(format).open(device, this.#follower.context(this.file));
  }

  #forget(): void {
    this.#staged?.reset();
    this.#staged = undefined;
    this.#marks.clear();
  }

  /**
   * A guessed format is good enough to look at, not to write: a raw disk whose guest wrote an image's first bytes
   * must not be taken for that image, and a file that is nothing known is not therefore raw.
   */
  checkWritable(): void {
    if (!this.probed) return;
    const doubt = doubtAbout(this.file, this.#base.format);
    if (doubt === undefined) return;
    throw new ImageError({
      code: 'guessed-format',
      class: 'unsupported',
      what: `${this.file.name} ${doubt}; that is not enough to write it`,
      tryThis: `open it with -f ${this.#base.format} if that is what it is`,
    });
  }
}

/** A commit that was interrupted comes before anything else. */
function refuseJournal(file: FileDevice, path: string): void {
  const journal = findJournal(file);
  if (journal === undefined) return;
  throw new ImageError({
    code: 'journal-found',
    what: `${journal} lies beside the image: a commit was interrupted, and the file may be neither the old nor the new image`,
    tryThis: `recover ${path}`,
  });
}

/** A driver that recognises its own signature scores this. */
const CERTAIN = 100;

/** Why the format found by probing may not be the right one. */
function doubtAbout(file: FileDevice, format: string): string | undefined {
  const head = readBytes(file, 0, 512);
  const score = (name: string): number => driverNamed(name).probe(head, file.size);
  if (score(format) < CERTAIN) return `was taken for ${format} because nothing in it speaks for another format`;
  const named = DRIVERS.find(({ name }) => name !== format && file.path.toLowerCase().endsWith(`.${name}`));
  if (!named || score(named.name) === 0) return undefined;
  return `is named as ${named.name}, and could be that, but begins like ${format}`;
}
