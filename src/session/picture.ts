/**
 * What the panels show of a session: the extent tables and the cluster map, read anew after every step, undo, redo, switch
 * and commit, in slices, with what the step changed marked.
 *
 * Invariants:
 *  1. While a refresh runs, panels show the picture before it, whole; only where two tables would not fit in memory,
 *     or there was none, the new table shows as it grows.
 *  2. A refresh can be dropped at any yield and started again: what is shown stays valid, and marks are told against
 *     the last picture that was completed.
 *  3. Nothing is marked in the first picture, nor after a commit: the bytes are those that were shown before.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Range } from '../bytes/ranges.ts';
import type { Image } from '../drivers/driver.ts';
import { ClusterMap } from './cluster-map.ts';
import { ExtentTable } from './extent-table.ts';
import { inspect } from './inspect.ts';
import type { ClusterView, Inspection, Side } from './panels.ts';
import { isAt, type Scene, sceneOf, stepsBetween, writtenBy } from './scene.ts';
import type { Session, SessionStep } from './session.ts';
import type { SideMap } from './side-map.ts';
import { learn } from './step-changes.ts';
import { mappingUntouched } from './untouched.ts';

/** Rows: two tables of this size side by side are too much. */
const LARGE = 4_000_000;

/** What is shown of a moment. */
interface Shown {
  readonly scene: Scene;
  readonly clusters: Partial<Record<Side, SideMap>>;
  readonly tables: Partial<Record<Side, ExtentTable>>;
}

export class Picture {
  /** Grows whenever there is something else to paint. */
  version = 0;
  /** Of the refresh that runs. */
  progress: Progress | undefined;
  #session: Session | undefined;
  #steps: readonly SessionStep[] = [];
  #fork: string | undefined;
  #tables: Partial<Record<Side, ExtentTable>> = {};
  #clusters: ClusterMap | undefined;
  /** The scene that is shown, or being read. */
  #scene: Scene | undefined;
  /** The last picture that was completed. */
  #settled: Shown | undefined;

  /** The table of one side; undefined when there is no such side, or nothing of it was read yet. */
  extents(side: Side): ExtentTable | undefined {
    return this.#tables[side];
  }

  /** The image of one side, as it was when the picture was read. */
  image(side: Side): Image | undefined {
    return side === 'target' ? this.#scene?.target : this.#scene?.source;
  }

  get clusters(): ClusterView | undefined {
    return this.#clusters;
  }

  get steps(): readonly SessionStep[] {
    return this.#steps;
  }

  /** The fork whose steps they are, where there is more than one. */
  get fork(): string | undefined {
    return this.#fork;
  }

  /** Everything shown is as the session was at the last refresh. */
  get complete(): boolean {
    return this.#settled !== undefined && this.#settled.scene === this.#scene;
  }

  /** Whether `refresh` has something to do: steps were taken, undone, switched or committed, or another image was opened. */
  isStale(session: Session): boolean {
    return this.#session !== session || !this.#settled || !isAt(this.#settled.scene, session);
  }

  /** Reads what has changed. Small images take a few milliseconds. */
  *refresh(session: Session): Generator<Progress, void> {
    if (this.#session !== session) this.clear();
    this.#session = session;
    this.#steps = session.steps;
    this.#fork = session.forks.length > 1 ? session.forks.find(({ isCurrent }) => isCurrent)?.name : undefined;
    this.version++;
    if (this.isStale(session)) yield* this.#follow(session);
    // The panels are whole; what steps changed comes when it is found.
    yield* learn(session);
    this.version++;
  }

  *#follow(session: Session): Generator<Progress, void> {
    try {
      for (const progress of this.#read(sceneOf(session))) {
        this.progress = progress;
        this.version++;
        yield progress;
      }
    } finally {
      this.progress = undefined;
      this.version++;
    }
  }

  /** Forgets everything: the image was closed. */
  clear(): void {
    this.#session = undefined;
    this.#steps = [];
    this.#fork = undefined;
    this.#tables = {};
    this.#clusters = undefined;
    this.#scene = undefined;
    this.#settled = undefined;
    this.version++;
  }

  /** What lies at the byte `host` of the file, with `rows` lines of 16 bytes around it. */
  inspect(session: Session, side: Side, host: number, rows: number): Inspection {
    const scene = this.#scene ?? sceneOf(session);
    const map = side === 'target' ? this.#clusters?.target : this.#clusters?.source;
    return inspect({ session, scene, side, map, table: this.#tables[side] }, host, rows);
  }

  *#read(scene: Scene): Generator<Progress, void> {
    const before = this.#settled && asBefore(this.#settled, scene);
    this.#scene = scene;
    if (!scene.target) this.#tables = { source: this.#tables.source };
    const written = writtenBy(stepsBetween(before?.scene.applied ?? scene.applied, scene.applied)) ?? [];
    const kept = before && sourceTableOf(before, scene);
    const source = kept ?? (yield* this.#walk('source', scene.source, before));
    if (kept) kept.rebase(scene.source);
    const clusters = yield* this.#map(scene, before, written);
    const target = scene.target && (yield* this.#walk('target', scene.target, before));
    yield* source.orderByHost();
    if (target) yield* target.orderByHost();
    this.#settled = { scene, clusters: sidesOf(clusters), tables: { source, target } };
  }

  *#walk(side: Side, image: Image, settled: Shown | undefined): Generator<Progress, ExtentTable> {
    const before = settled?.tables[side];
    const consume = before !== undefined && before.count > LARGE;
    const table = new ExtentTable(image, { before, consume });
    if (consume || !this.#tables[side]) this.#show(side, table);
    if (consume && settled) {
      // What is compared away cannot be compared with again, should this refresh be dropped.
      delete settled.tables[side];
      this.#settled = undefined;
    }
    yield* table.walk();
    this.#show(side, table);
    return table;
  }

  *#map(scene: Scene, settled: Shown | undefined, written: readonly Range[]): Generator<Progress, ClusterMap> {
    const { source, target, sourceIsOnDisk } = scene;
    const clusters = new ClusterMap(source, target, { before: settled?.clusters, written, sourceIsOnDisk });
    this.#clusters ??= clusters;
    yield* clusters.build();
    this.#clusters = clusters;
    return clusters;
  }

  #show(side: Side, table: ExtentTable): void {
    this.#tables = { ...this.#tables, [side]: table };
    this.version++;
  }
}

function sidesOf({ source, target }: ClusterMap): Partial<Record<Side, SideMap>> {
  return target ? { source, target } : { source };
}

/** A picture to compare the scene with. What was the target is the source after a commit, and all steps are gone. */
function asBefore(settled: Shown, now: Scene): Shown {
  const { scene, clusters, tables } = settled;
  if (scene.commits === now.commits) return { scene, clusters, tables: { ...tables } };
  const side: Side = scene.sourceIsOnDisk ? 'target' : 'source';
  return {
    scene: { ...scene, applied: [] },
    clusters: { source: clusters[side] },
    tables: { source: tables[side] },
  };
}

/** The source's table, when no step between the two can have changed it. */
function sourceTableOf({ scene, clusters, tables }: Shown, now: Scene): ExtentTable | undefined {
  const table = tables.source;
  if (!table || !clusters.source || scene.commits !== now.commits) return undefined;
  const stepsIn = ({ sourceIsOnDisk, applied }: Scene) => (sourceIsOnDisk ? [] : applied);
  const hasInvalid = table.totals().some(({ kind }) => kind === 'invalid');
  const before = { image: scene.source, map: clusters.source, hasInvalid };
  return mappingUntouched(before, now.source, stepsBetween(stepsIn(scene), stepsIn(now))) ? table : undefined;
}
