/**
 * One image under edit. Commands read `image`; what changes is staged as a step, can be undone and redone, on a fork
 * of its own where the user wants to try something, and reaches the file with `commit`.
 *
 * Invariants:
 *  1. The file is opened read-only, and not one byte of it changes before `commit`.
 *  2. After each step, undo, redo and switch the image is opened afresh on the staged bytes and the conversion target
 *     is resumed from its state: there is no cache to invalidate. Where that fails, the move has not happened.
 *  3. A step that throws or is cancelled leaves no trace.
 *  4. The format is decided once, at open; a step may change it (`copy-header`), probing never does.
 */
import type { Progress } from '../bytes/progress.ts';
import { afterOther, type ConversionPosition } from '../convert/position.ts';
import { conversionOf } from '../convert/refuse.ts';
import type { Moves } from '../device/branches.ts';
import type { Device } from '../device/device.ts';
import { FileDevice } from '../device/file.ts';
import { StagedDevice, type Step } from '../device/staged.ts';
import type { ConversionTarget, Driver, Image, OpenContext } from '../drivers/driver.ts';
import { driverNamed, probe } from '../drivers/registry.ts';
import type { ImageError } from '../errors.ts';
import { refuseStopped } from './breakpoints.ts';
import type { Draft, LastCheck, Mark } from './draft.ts';
import { type Chain, Follower, type FollowPolicy } from './follow.ts';
import {
  checkCount,
  checkDroppable,
  checkKnownName,
  checkNewName,
  checkStep,
  countApplied,
  type Fork,
  forksOf,
  type Moved,
  movedBy,
  type SessionStep,
  stepsOf,
} from './forks.ts';
import type { Moment } from './moment.ts';
import { adviceFor, advised, isRefusal, openLeniently, refuseFormless } from './refusal.ts';
import type { Sought } from './search.ts';
import { Trail } from './trail.ts';
import { refuseGuess, refuseJournal } from './trust.ts';

export type { SessionStep } from './forks.ts';

export interface SessionOptions {
  /** Forces the format: no probing. */
  readonly format?: string;
  readonly follow?: FollowPolicy;
  /** Unlocks the image, and encrypted ones below it. */
  readonly passphrase?: Uint8Array;
  /** An image that its driver refuses is opened all the same, as far as it has named fields; a file of no format too, as raw bytes, where it is `if-refused`. */
  readonly broken?: boolean | 'if-refused';
  /** Bytes of staged pages kept in memory; what is more goes to a temporary file. */
  readonly memoryLimit?: number;
}

/** No name that a user can give a fork. */
const ASIDE = '(aside)';

export class Session {
  readonly file: FileDevice;
  /** True when the format was found by probing, not given by the user. */
  readonly probed: boolean;
  readonly #follower: Follower;
  /** Why nothing can be changed: this is only a state to look at, or a commit broke off. Thrown at who tries. */
  readOnly: ImageError | undefined;
  /** Where the cursor has been. */
  readonly trail = new Trail();
  /** What was looked for last. */
  sought: Sought | undefined;
  /** How it was opened. */
  readonly options: SessionOptions;
  /** Of each step. What is not reached by any branch any more is forgotten. */
  readonly #marks = new WeakMap<Step, Mark>();
  #base: Mark;
  #staged: StagedDevice | undefined;
  #image: Image;
  #target: ConversionTarget | undefined;
  #check:
    | { readonly words: string; readonly isClean: boolean; readonly step: number; readonly at: unknown }
    | undefined;
  /** The step being staged finds out what the format is: that it was guessed is no reason against it. */
  settling = false;
  /** How often steps were committed. */
  commits = 0;

  /** Throws ImageError: what opening the file throws, `unknown-format`, or what the driver refuses. */
  static open(path: string, options: SessionOptions = {}): Session {
    const { format, broken } = options;
    const file = new FileDevice(path);
    try {
      refuseJournal(file, path);
      const driver = format === undefined ? probe(file) : driverNamed(format);
      if (broken === true && format === undefined) refuseFormless(file, driver);
      return new Session(file, driver, options);
    } catch (error) {
      const advice = isRefusal(error) && !broken ? advised(error, adviceFor(file, error)) : error;
      file.close();
      throw advice;
    }
  }

  /** A session to look around in, on a state of a file that is not what is on the disk; `why` it cannot be changed. */
  static toLookAt(file: FileDevice, options: SessionOptions & { readonly format: string }, why: ImageError): Session {
    return new Session(file, driverNamed(options.format), options, why);
  }

  private constructor(file: FileDevice, driver: Driver, options: SessionOptions, readOnly?: ImageError) {
    const { format, follow = 'none', passphrase } = options;
    this.file = file;
    this.probed = format === undefined;
    this.readOnly = readOnly;
    this.options = options;
    this.#follower = new Follower(follow, passphrase);
    this.#base = { format: driver.name, target: undefined, converted: false };
    try {
      this.#image = this.openOn(file, driver.name);
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

  /** How far the conversion has come that `convert` began, until the next commit. */
  get conversion(): ConversionPosition | undefined {
    return this.#markNow().conversion;
  }

  /** What `check` said last, if it ran. */
  get lastCheck(): LastCheck | undefined {
    if (!this.#check) return undefined;
    const { at, ...said } = this.#check;
    return { ...said, isStale: at !== this.state };
  }

  /** For `check`: keeps its verdict for who shows it. */
  checked(words: string, isClean: boolean): void {
    this.#check = { words, isClean, step: this.#staged?.steps.length ?? 0, at: this.state };
  }

  /** Of the current branch: applied steps, oldest first, then those that can be redone. */
  get steps(): readonly SessionStep[] {
    return stepsOf(this.#staged);
  }

  /** The branches of the steps, `main` first; one of them is the current one. */
  get forks(): readonly Fork[] {
    return forksOf(this.#staged);
  }

  /** Applied steps of all branches: what would be lost with the session. */
  get uncommitted(): number {
    return countApplied(this.#staged);
  }

  /** The staged bytes; undefined while nothing was ever staged. */
  get staged(): StagedDevice | undefined {
    return this.#staged;
  }

  /** The image on the file itself, without any step. For `commit`, which must know what the file claims. */
  original(): Image {
    return this.openOn(this.file, this.#base.format);
  }

  /** Opens another state of the same file as `original` and `image` are opened. Throws as the driver does. */
  openOn(device: Device, format: string): Image {
    const driver = driverNamed(format);
    const context = this.#follower.context(this.file);
    return this.options.broken ? openLeniently(driver, device, context) : driver.open(device, context);
  }

  /** The image and its backing files, as far as the follow policy opens them. */
  chain(): Chain {
    return this.#follower.chain(this.#image, this.file);
  }

  /** How the file's image is opened: what it names, as far as the follow policy allows, and what unlocks it. */
  get context(): OpenContext {
    return this.#follower.context(this.file);
  }

  /** Runs `work` as one step named `line`. */
  *step<T>(line: string, work: (draft: Draft) => Generator<Progress, T>): Generator<Progress, T> {
    this.checkWritable();
    refuseStopped(this);
    const staged = this.#staging();
    const before = this.#markNow();
    staged.begin(line);
    let kept = false;
    try {
      const draft: Draft = {
        device: staged,
        image: this.openOn(staged, before.format),
        target: this.#target,
        format: before.format,
        converted: before.converted,
        conversion: before.conversion,
      };
      const result = yield* work(draft);
      const image = this.#openResult(staged, draft.format);
      const { format, converted, target } = draft;
      const isOther = draft.conversion === before.conversion;
      const conversion = isOther ? afterOther(draft.conversion, target) : draft.conversion;
      this.#marks.set(staged.end(), { format, target: target?.state, converted, conversion });
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

  /** Takes the last steps back. Throws ImageError `nothing-to-undo`: nothing is undone then. */
  undo(count = 1): Moved {
    checkCount(count, this.#applied, 'undo');
    return this.#moved(this.#applied - count);
  }

  /** Applies the steps undone last. Throws ImageError `nothing-to-redo`: nothing is redone then. */
  redo(count = 1): Moved {
    checkCount(count, this.steps.length - this.#applied, 'redo');
    return this.#moved(this.#applied + count);
  }

  /** Undoes or redoes until `step` is the last one applied; 0 is the image on disk. Throws ImageError `no-such-step`. */
  goTo(step: number): Moved {
    checkStep(step, this.steps.length, 'goto');
    return this.#moved(step);
  }

  /** The image with the steps up to `step` of the current branch, and no others; 0 is the image on disk. Throws ImageError `no-such-step`. */
  momentAt(step: number): Moment {
    checkStep(step, this.steps.length, 'diff');
    const { steps = [], redoable = [] } = this.#staged ?? {};
    const last = [...steps, ...redoable][step - 1];
    const { format, target } = (last && this.#marks.get(last)) ?? this.#base;
    return {
      device: this.#staged?.asOf(step) ?? this.file,
      open: (device) => this.openOn(device, format),
      ...{ format, target },
    };
  }

  /**
   * Names a new branch that has the steps applied now, and makes it the current one. Throws ImageError
   * `bad-fork-name` or `fork-exists`.
   */
  fork(name: string): void {
    checkNewName(name, this.#staged);
    this.#staging().fork(name);
  }

  /** Makes another branch the current one, with the steps applied that were. Throws ImageError `no-such-fork`. */
  switchTo(name: string): Moved {
    checkKnownName(name, this.#staged);
    if (!this.#staged) return { undone: [], redone: [], at: 0 };
    const from = this.#staged.branch;
    return this.#move(
      (staged) => staged.switchTo(name),
      (staged) => staged.switchTo(from),
    );
  }

  /** Forgets a branch. Throws ImageError `no-such-fork`, or `current-fork` for the one that is current. */
  dropFork(name: string): void {
    checkDroppable(name, this.#staged);
    this.#staged?.dropBranch(name);
  }

  /** Runs `work` on a branch of its own and forgets it: nothing that is staged there, and nothing undone here, is changed. */
  *aside<T>(work: () => Generator<Progress, T>): Generator<Progress, T> {
    const staged = this.#staging();
    const from = staged.branch;
    staged.fork(ASIDE);
    try {
      return yield* work();
    } finally {
      this.switchTo(from);
      staged.dropBranch(ASIDE);
    }
  }

  /** Forgets every step and every fork, undone steps too. Answers how many were applied, on all of them. */
  discard(): number {
    const count = this.uncommitted;
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

  /** The image that a step has made. Throws ImageError with how a refused one could be kept. */
  #openResult(staged: Device, format: string): Image {
    try {
      return this.openOn(staged, format);
    } catch (error) {
      throw isRefusal(error) ? advised(error, 'if it is to be so, open the file with --broken') : error;
    }
  }

  get #applied(): number {
    return this.#staged?.steps.length ?? 0;
  }

  #staging(): StagedDevice {
    const { memoryLimit } = this.options;
    this.#staged ??= new StagedDevice(this.file, memoryLimit === undefined ? {} : { memoryLimit });
    return this.#staged;
  }

  /** To a place on the current branch that is there. */
  #moved(to: number): Moved {
    if (!this.#staged) return { undone: [], redone: [], at: 0 };
    const before = this.#applied;
    return this.#move(
      (staged) => staged.goTo(to),
      (staged) => staged.goTo(before),
    );
  }

  #move(there: (staged: StagedDevice) => Moves, back: (staged: StagedDevice) => Moves): Moved {
    const staged = this.#staging();
    const before = this.#applied;
    const moves = there(staged);
    try {
      if (moves.undone.length + moves.redone.length > 0) this.#restore(this.#markNow());
    } catch (error) {
      back(staged);
      throw error;
    }
    return movedBy(moves, before);
  }

  /** Equal as long as the bytes are the same: the last applied step, or the base. */
  get state(): unknown {
    return this.#staged?.steps.at(-1) ?? this.#base;
  }

  #markNow(): Mark {
    const last = this.#staged?.steps.at(-1);
    return (last && this.#marks.get(last)) ?? this.#base;
  }

  #restore({ format, target }: Mark): void {
    const device = this.#staged ?? this.file;
    const image = this.openOn(device, format);
    this.#target = target && conversionOf(driverNamed(target.format)).resume(device, target);
    this.#image = image;
  }

  #forget(): void {
    this.#staged?.reset();
    this.#staged = undefined;
  }

  /** Throws ImageError `guessed-format` where the format was guessed and the file could be something else. */
  checkWritable(): void {
    if (this.readOnly) throw this.readOnly;
    const isGuess = this.probed && !this.settling && this.#markNow().format === this.#base.format;
    if (isGuess) refuseGuess(this.file, this.#base.format);
  }
}
