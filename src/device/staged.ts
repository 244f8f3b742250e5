/**
 * Everything that was changed and not committed, as a tree of steps over a device that is only read: one step per
 * command, branches where the user forks (branches.ts). Undo takes the last step away, redo puts it back, a switch
 * goes back to the last step two branches share and forth along the other; nothing is ever inverted.
 *
 * How: one table says for each page which slot of the page store holds it now. A step keeps, for each page it
 * touched, the slot the page had before. Swapping the two is undo; swapping them again is redo. So a read costs
 * one look-up however many steps there are, and branches that share steps share their pages.
 *
 * Invariants:
 *  1. A page with a slot is read from it where its mask says so; all else is read from the base, below `baseLimit`
 *     only: the least size the device ever had. What a shrink cut off never shows again.
 *  2. A slot belongs to one step. Only the open step's slots are written, and it is behind all that are applied: no
 *     branch sees what is done on another.
 *  3. undo, redo, switch and abandon give back exactly the bytes and the size there were. They hold since a step is
 *     swapped only when exactly the steps before it are applied.
 *  4. Memory is bounded: pages past the limit lie in a temporary file, and a step keeps a bounded number of events
 *     (step.ts). The slots of a step that no branch reaches any more are freed.
 */
import { type Range, Ranges } from '../bytes/ranges.ts';
import { roundUp } from '../bytes/size.ts';
import { type Branch, Branches, type Moves, type StagedBranch } from './branches.ts';
import type { Device } from './device.ts';
import { endOfRun, PageReader } from './page-reader.ts';
import { PAGE, PageStore, SECTOR } from './page-store.ts';
import { rangesBetween, type StagedNow, stagedView } from './staged-view.ts';
import { type Extent, Layer, type Step } from './step.ts';

export type { Step } from './step.ts';

/** Bytes of staged pages kept in memory when nothing else is asked. */
export const STAGED_MEMORY_LIMIT = 64 * 2 ** 20;
/** No slot: the page is as in the base. */
const NONE = -1;
const SECTORS = PAGE / SECTOR;

export class StagedDevice implements Device {
  readonly #base: Device;
  readonly #store: PageStore;
  readonly #reader: PageReader;
  /** The slot each changed page has now. */
  readonly #slots = new Map<number, number>();
  readonly #slotOf = (page: number): number | undefined => this.#slots.get(page);
  readonly #branches = new Branches();
  #open: Layer | undefined;
  #now: Extent;
  #baseSize: number;
  /** The page last written and its slot, owned by the open step: small writes come in runs. */
  #lastPage = NONE;
  #lastSlot = NONE;
  readonly #sector = new Uint8Array(SECTOR);
  /** Counts what ends the life of views. */
  #turns = 0;

  constructor(base: Device, options: { readonly memoryLimit?: number } = {}) {
    this.#base = base;
    this.#baseSize = base.size;
    this.#now = { size: base.size, baseLimit: base.size };
    this.#store = new PageStore(options.memoryLimit ?? STAGED_MEMORY_LIMIT);
    this.#reader = new PageReader(base, this.#store);
  }

  get name(): string {
    return this.#base.name;
  }

  get base(): Device {
    return this.#base;
  }

  get size(): number {
    return this.#now.size;
  }

  /** Applied steps of the current branch, oldest first. */
  get steps(): readonly Step[] {
    const { steps, applied } = this.#branches.current;
    return steps.slice(0, applied);
  }

  /** Undone steps of the current branch, the next to be redone first. */
  get redoable(): readonly Step[] {
    const { steps, applied } = this.#branches.current;
    return steps.slice(applied);
  }

  /** In the order in which they were made; the first is the one the device began with. */
  get branches(): readonly StagedBranch[] {
    return this.#branches.all;
  }

  /** The one whose steps `steps` and `redoable` are. */
  get branch(): string {
    return this.#branches.current.name;
  }

  /** The step that is open, if any. */
  get current(): Step | undefined {
    return this.#open;
  }

  /** Bytes of pages that all steps of all branches, undone ones too, hold in memory or in the temporary file. */
  get stagedBytes(): number {
    return this.#store.used * PAGE;
  }

  /** Bytes of them that lie in the temporary file. */
  get spilledBytes(): number {
    return this.#store.spilled * PAGE;
  }

  /** Bytes of pages that are kept in memory at most. */
  get memoryLimit(): number {
    return this.#store.memoryPages * PAGE;
  }

  /** Opens a step. There must be none open. */
  begin(name: string): void {
    if (this.#open) throw new Error(`step '${this.#open.name}' is still open`);
    this.#open = new Layer(name, this.#now);
    this.#turns++;
    this.#lastPage = NONE;
  }

  /** Keeps the open step. What was undone before it belonged to another past: where no other branch has it, it goes. */
  end(): Step {
    const step = this.#takeOpen();
    for (const layer of this.#branches.push(step)) this.#drop(layer);
    return step;
  }

  /** Takes back the open step as if it had never begun. What was undone before can still be redone. */
  abandon(): void {
    const step = this.#takeOpen();
    this.#swap(step);
    this.#drop(step);
  }

  /** Takes back the last step and answers it, or undefined when there is none. */
  undo(): Step | undefined {
    this.#refuseOpen('undo');
    const { applied } = this.#branches.current;
    return applied > 0 ? this.goTo(applied - 1).undone[0] : undefined;
  }

  /** Applies the step undone last and answers it, or undefined when there is none. */
  redo(): Step | undefined {
    this.#refuseOpen('redo');
    const { steps, applied } = this.#branches.current;
    return applied < steps.length ? this.goTo(applied + 1).redone[0] : undefined;
  }

  /** Undoes or redoes until `count` steps of the current branch are applied; it must have that many. */
  goTo(count: number): Moves {
    return this.#go(this.#branches.current, count);
  }

  /** A branch with the steps applied now; from now on it is the current one. Its name must be new. */
  fork(name: string): void {
    this.#refuseOpen('fork');
    this.#branches.fork(name);
  }

  /** Makes another branch current, with those of its steps applied that were when it was left. It must exist. */
  switchTo(name: string): Moves {
    return this.#go(this.#branchNamed(name));
  }

  /** Forgets a branch that is not current, and frees what only it held. It must exist. */
  dropBranch(name: string): void {
    this.#refuseOpen('drop');
    for (const layer of this.#branches.drop(this.#branchNamed(name))) this.#drop(layer);
  }

  /**
   * The device as it is with `count` steps of the current branch applied; it must have that many. Nothing is undone
   * for it, and it is good until a step begins or something is undone, redone, switched or dropped (staged-view.ts).
   */
  asOf(count: number): Device {
    return stagedView(this.#whole(count), count);
  }

  /** Where the device may differ between two numbers of applied steps: whole pages, clipped to the larger size. */
  between(a: number, b: number): Ranges {
    return rangesBetween(this.#whole(Math.max(a, b)), a, b);
  }

  /** Forgets every step and every branch: after a commit, when the base holds them, or to discard them. */
  reset(): void {
    this.#open = undefined;
    this.#turns++;
    this.#branches.reset();
    this.#slots.clear();
    this.#store.clear();
    this.#lastPage = NONE;
    this.#baseSize = this.#base.size;
    this.#now = { size: this.#base.size, baseLimit: this.#base.size };
  }

  /**
   * Where the device differs, or may differ, from the base: whole sectors, clipped to the size. Bytes that a shrink
   * and a later growth turned into zeros are among them; bytes past the base's end that nobody wrote are not.
   */
  dirtyRanges(): Ranges {
    const { size, baseLimit } = this.#now;
    const runs: Range[] = [];
    for (const page of [...this.#slots.keys()].sort((a, b) => a - b)) {
      const mask = this.#store.mask(this.#slots.get(page) as number);
      for (let sector = 0; sector < SECTORS; ) {
        const end = endOfRun(mask, sector);
        const offset = page * PAGE + sector * SECTOR;
        const stop = Math.min(page * PAGE + end * SECTOR, size);
        if ((mask >>> sector) & 1 && stop > offset) runs.push({ offset, length: stop - offset });
        sector = end;
      }
    }
    const dirty = Ranges.of(runs);
    dirty.add(baseLimit, Math.min(size, this.#baseSize) - baseLimit);
    return dirty;
  }

  read(offset: number, target: Uint8Array): void {
    this.#reader.read(this.#slotOf, this.#now, offset, target);
  }

  write(offset: number, bytes: Uint8Array, what = ''): void {
    const step = this.#takesWrites();
    if (bytes.length === 0) return;
    for (let at = 0; at < bytes.length; ) {
      const page = Math.floor((offset + at) / PAGE);
      const from = (offset + at) % PAGE;
      const count = Math.min(PAGE - from, bytes.length - at);
      const slot = page === this.#lastPage ? this.#lastSlot : this.#ownSlot(step, page);
      this.#fillEdges(page, slot, from, from + count);
      this.#store.write(slot, from, bytes.subarray(at, at + count));
      at += count;
    }
    if (offset + bytes.length > this.#now.size) this.#now.size = offset + bytes.length;
    step.recordWrite(offset, bytes.length, what);
  }

  resize(size: number): void {
    const step = this.#takesWrites();
    if (size < this.#now.size) this.#hideFrom(step, size);
    this.#now.size = size;
    this.#now.baseLimit = Math.min(this.#now.baseLimit, size);
    step.record({ kind: 'resize', size });
  }

  /** Recorded as a barrier; the disk is reached by `commit` only. */
  flush(): void {
    this.#takesWrites().record({ kind: 'flush' });
  }

  #whole(count: number): StagedNow {
    this.#refuseOpen('a view');
    const { steps: layers, applied } = this.#branches.current;
    if (count > layers.length) throw new Error(`no place ${count} of ${layers.length} steps`);
    const turn = this.#turns;
    return {
      ...{ name: this.name, layers, applied, slots: this.#slots, extent: this.#now, reader: this.#reader },
      isCurrent: () => this.#turns === turn,
    };
  }

  #takesWrites(): Layer {
    if (!this.#open) throw new Error(`a write to ${this.name} outside of any step`);
    return this.#open;
  }

  #takeOpen(): Layer {
    const step = this.#takesWrites();
    step.sizeAfter = this.#now.size;
    this.#open = undefined;
    this.#lastPage = NONE;
    return step;
  }

  #refuseOpen(what: string): void {
    if (this.#open) throw new Error(`${what} while step '${this.#open.name}' is open`);
  }

  #branchNamed(name: string): Branch {
    const branch = this.#branches.named(name);
    if (!branch) throw new Error(`there is no branch ${name}`);
    return branch;
  }

  /** Goes to a place in the tree, one step at a time: each is swapped with exactly the steps before it applied. */
  #go(to: Branch, applied = to.applied): Moves {
    this.#refuseOpen('a move');
    const { undone, redone } = this.#branches.route(to, applied);
    this.#branches.arrive(to, applied);
    for (const layer of undone) this.#swap(layer);
    for (const layer of redone) this.#swap(layer);
    return { undone, redone };
  }

  /** Exchanges what the step made with what was there before it: undo, and redo. */
  #swap(layer: Layer): void {
    this.#turns++;
    for (const [page, other] of layer.pages) {
      const slot = this.#slots.get(page) ?? NONE;
      if (other === NONE) this.#slots.delete(page);
      else this.#slots.set(page, other);
      layer.pages.set(page, slot);
    }
    const now = this.#now;
    this.#now = layer.other;
    layer.other = now;
    this.#lastPage = NONE;
  }

  /** Frees the slots of a step that is not applied. */
  #drop(layer: Layer): void {
    this.#turns++;
    for (const slot of layer.pages.values()) if (slot !== NONE) this.#store.free(slot);
  }

  /** The page's slot in the open step, made now (a copy of what the page was) when the step has none yet. */
  #ownSlot(step: Layer, page: number): number {
    const before = this.#slots.get(page) ?? NONE;
    let slot = before;
    if (!step.pages.has(page)) {
      slot = before === NONE ? this.#store.allocate() : this.#store.copy(before);
      step.pages.set(page, before);
      this.#slots.set(page, slot);
    } else if (before === NONE) {
      slot = this.#store.allocate();
      this.#slots.set(page, slot);
    }
    this.#lastPage = page;
    this.#lastSlot = slot;
    return slot;
  }

  /** Makes the sectors of [from, to) valid, taking from the base what a write will leave of the outer two. */
  #fillEdges(page: number, slot: number, from: number, to: number): void {
    const mask = this.#store.mask(slot);
    const first = Math.floor(from / SECTOR);
    const last = Math.floor((to - 1) / SECTOR);
    const covered = (2 ** (last + 1) - 1) & ~(2 ** first - 1);
    if ((mask & covered) === covered) return;
    if (from % SECTOR !== 0 && !((mask >>> first) & 1)) this.#copySector(page, slot, first);
    if (to % SECTOR !== 0 && !((mask >>> last) & 1) && (last !== first || from % SECTOR === 0)) {
      this.#copySector(page, slot, last);
    }
    this.#store.setMask(slot, mask | covered);
  }

  #copySector(page: number, slot: number, sector: number): void {
    this.#reader.base(this.#now, page * PAGE + sector * SECTOR, this.#sector);
    this.#store.write(slot, sector * SECTOR, this.#sector);
  }

  /** Hides every staged byte from `size` on. */
  #hideFrom(step: Layer, size: number): void {
    const boundary = Math.floor(size / PAGE);
    this.#lastPage = NONE;
    for (const [page, slot] of this.#slots) {
      if (page * PAGE < size) continue;
      if (step.pages.has(page)) this.#store.free(slot);
      else step.pages.set(page, slot);
      this.#slots.delete(page);
    }
    if (this.#slots.has(boundary)) this.#cutPage(this.#ownSlot(step, boundary), size - boundary * PAGE);
    this.#lastPage = NONE;
  }

  /** Clears what lies in the slot from `at` (bytes) on; whole sectors are left to the base, which shows zeros there. */
  #cutPage(slot: number, at: number): void {
    const mask = this.#store.mask(slot);
    const whole = roundUp(at, SECTOR);
    if (whole > at && (mask >>> Math.floor(at / SECTOR)) & 1) {
      this.#store.write(slot, at, new Uint8Array(whole - at));
    }
    this.#store.setMask(slot, mask & (2 ** (whole / SECTOR) - 1));
  }
}
