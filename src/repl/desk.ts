/**
 * What all panels share: the session and the picture of it, the one place under the cursor, and who has the keys.
 * Hot state: it lives outside React, and whoever changes it calls `changed`, which asks the screen for a frame.
 *
 * Invariants:
 *  1. There is one place: the cursor in the table, in the map and in the inspector are the same bytes.
 *  2. While a command runs (`busy`) the image under the picture may be changing: nobody reads it, panels show what they
 *     showed before.
 */
import type { Debugger } from '../session/debugger.ts';
import type { ExtentTable } from '../session/extent-table.ts';
import type { ExtentRows, RowOrder, Side } from '../session/panels.ts';
import type { Picture } from '../session/picture.ts';
import type { Session } from '../session/session.ts';
import { type Stop, Trail } from '../session/trail.ts';
import { Entry } from './entry.ts';
import type { PanelName } from './layout.ts';
import type { Theme } from './theme.ts';
import type { Kept, Walk } from './trail.ts';

export type Focus = PanelName | 'prompt';

/** A byte, as far as it is known on either side. */
export interface Place {
  readonly side: Side;
  readonly guest?: number;
  readonly host?: number;
}

const BY_GUEST: RowOrder = { sort: 'guest' };
const ROWS_KEPT = 6;

interface MadeRows {
  readonly side: Side;
  readonly order: RowOrder;
  readonly table: ExtentTable;
  readonly rows: ExtentRows;
}

export class Desk {
  readonly host: Debugger;
  readonly picture: Picture;
  readonly theme: Theme;
  /** A command runs. */
  busy = false;
  /** One sentence for the row of hints, until the next key. */
  note = '';
  /** Counts changes of the place: panels scroll to it when it moved. */
  moves = 0;
  /** Counts everything that may change a panel: all but typing into the prompt. */
  deeds = 0;
  readonly #changed: () => void;
  #rows: readonly MadeRows[] = [];
  /** For while no image is open. */
  readonly #nowhere = new Trail();
  /** As the cursor was put last: another one in the trail is where a command went. */
  #stop: Stop | undefined;
  #place: Place = { side: 'source' };
  #focus: Focus = 'prompt';
  #entry: Entry | undefined;
  #walk: Walk | undefined;

  constructor(host: Debugger, picture: Picture, theme: Theme, changed: () => void) {
    this.host = host;
    this.picture = picture;
    this.theme = theme;
    this.#changed = changed;
  }

  get session(): Session | undefined {
    return this.host.session;
  }

  /** Who has the keys. */
  get focus(): Focus {
    return this.#focus;
  }

  set focus(focus: Focus) {
    if (focus !== this.#focus) this.#entry = undefined;
    this.#focus = focus;
  }

  /** What is being typed into the panel that has the keys. */
  get entry(): Entry | undefined {
    return this.#entry;
  }

  /** Asks for a few characters; `take` gets them after Enter. */
  ask(label: string, text: string, take: (text: string) => void): void {
    this.#entry = new Entry(label, text, take);
    this.changed();
  }

  /** The entry is taken or dropped. */
  answered(): void {
    this.#entry = undefined;
  }

  get place(): Place {
    return this.#place;
  }

  /** The walk from a guest byte to its host byte, while it goes on. */
  get walk(): Walk | undefined {
    return this.#walk;
  }

  /** Rows of a side's table, in some order; undefined while there is no table. */
  rows(side: Side, order: RowOrder = BY_GUEST): ExtentRows | undefined {
    const table = this.picture.extents(side);
    if (!table) return undefined;
    const slot = this.#rows.find((kept) => kept.side === side && kept.order === order);
    if (slot?.table === table) return slot.rows;
    const made = { side, order, table, rows: table.rows(order) };
    // Orders come and go with filters: a few are kept.
    this.#rows = [made, ...this.#rows.filter((kept) => kept !== slot)].slice(0, ROWS_KEPT);
    return made.rows;
  }

  /** Something that is shown has changed. */
  changed(): void {
    this.#changed();
  }

  get #trail(): Trail {
    return this.session?.trail ?? this.#nowhere;
  }

  /** Another image, or none: places of before mean nothing. */
  reset(): void {
    const { here } = this.#trail;
    const went = here === this.#stop ? undefined : here;
    this.#trail.clear();
    this.#walk = undefined;
    this.#move({ side: 'source', guest: 0 });
    // The line that opened it may have gone somewhere already.
    if (went) this.#trail.here = went;
  }

  /** The side looked at; the target's only while there is one. */
  get side(): Side {
    return this.picture.clusters?.target ? this.#place.side : 'source';
  }

  /** The other side of the same guest byte (or of the same byte of the file, where no guest byte is known). */
  turn(): void {
    const side = this.side === 'source' ? 'target' : 'source';
    if (!this.picture.clusters?.target) {
      this.note = 'there is one side only: no target is open';
      this.changed();
      return;
    }
    const { guest, host } = this.#place;
    if (guest !== undefined) this.toGuest(guest, side);
    else this.toHost(host ?? 0, side);
  }

  /** The picture is another one: the guest byte under the cursor may lie elsewhere now, or have come into sight. */
  settle(): void {
    const { guest, host, side } = this.#place;
    if (this.#walk) return;
    if (guest === undefined) {
      const last = Math.max(0, (this.picture.clusters?.size ?? 0) - 1);
      if (host !== undefined && host > last) this.toHost(last, side);
      return;
    }
    const place = this.#ofGuest(guest, side);
    if (place.host === host) return;
    this.#place = place;
    this.#stop = this.#asStop();
    this.#trail.here = this.#stop;
    this.moves++;
  }

  /** Tables are others now: ways through the old ones lead nowhere. */
  forgetWalks(): void {
    this.#walk = undefined;
    this.#trail.rekeep((kept) => (kept ? { ...(kept as Kept), walk: undefined } : kept));
  }

  /** Puts the cursor on a guest byte. */
  toGuest(guest: number, side: Side = this.side): void {
    this.#walk = undefined;
    this.#move(this.#ofGuest(guest, side));
  }

  /** Puts the cursor on a byte of the file. */
  toHost(host: number, side: Side = this.side): void {
    this.#walk = undefined;
    this.#move(this.#ofHost(host, side));
  }

  /** Goes somewhere as one goes by a pointer: `back` leads back here. */
  jump(place: Place): void {
    this.#leave();
    this.#walk = undefined;
    this.#move(place);
  }

  /** After a command: the cursor goes where the command went. */
  adopt(): void {
    const { here } = this.#trail;
    if (!here || here === this.#stop) return;
    this.#walk = (here.kept as Kept | undefined)?.walk;
    const { guest, host, side = this.side } = here.place;
    if (guest !== undefined) this.#move(host === undefined ? this.#ofGuest(guest, side) : { side, guest, host });
    else if (host !== undefined) this.#move(this.#ofHost(host, side));
  }

  jumpToHost(host: number): void {
    this.jump(this.#ofHost(host, this.side));
  }

  jumpToGuest(guest: number): void {
    this.jump(this.#ofGuest(guest, this.side));
  }

  /** The next stop of a walk; the first one begins it. */
  step(walk: Walk): void {
    const hop = walk.hops[walk.at];
    this.#leave();
    this.#walk = walk;
    const { side } = walk;
    this.#move(hop?.host === undefined ? { side, guest: walk.guest } : { side, guest: walk.guest, host: hop.host });
  }

  /** To where the last jump came from. Answers whether there was one. */
  back(): boolean {
    return this.#travel((trail) => trail.back());
  }

  /** To where `back` came from. Answers whether there was one. */
  forward(): boolean {
    return this.#travel((trail) => trail.forward());
  }

  #travel(go: (trail: Trail) => Stop | undefined): boolean {
    const trail = this.#trail;
    trail.here = this.#asStop();
    const next = go(trail);
    if (!next) return false;
    const kept = next.kept as Kept | undefined;
    this.#walk = kept?.walk;
    // Keys that walk the trail go on walking it, though a place was left from the prompt.
    if (kept && kept.focus !== 'prompt') this.focus = kept.focus;
    const { side = this.side, guest, host } = next.place;
    this.#move({ side, ...(guest !== undefined && { guest }), ...(host !== undefined && { host }) });
    return true;
  }

  /** What is here now is where `back` leads to. */
  #leave(): void {
    this.#trail.push(this.#asStop());
  }

  #asStop(): Stop {
    const kept: Kept = { walk: this.#walk, focus: this.focus };
    return { place: this.#place, kept };
  }

  #move(place: Place): void {
    this.#place = place;
    this.#stop = this.#asStop();
    this.#trail.here = this.#stop;
    this.moves++;
    this.changed();
  }

  #ofGuest(guest: number, side: Side): Place {
    const rows = this.rows(side);
    const index = rows?.indexOfGuest(guest) ?? -1;
    if (!rows || index < 0) return { side, guest };
    const row = rows.at(index);
    const inside = guest - row.guest;
    if (row.host === undefined || inside >= row.length || rows.hostIsElsewhere) return { side, guest };
    return { side, guest, host: row.kind === 'data' ? row.host + inside : row.host };
  }

  #ofHost(host: number, side: Side): Place {
    const rows = this.rows(side);
    if (!rows || rows.hostIsElsewhere) return { side, host };
    const index = rows.indexOfHost(host);
    if (index < 0) return { side, host };
    const row = rows.at(index);
    const guest = row.host === undefined || row.kind === 'compressed' ? row.guest : row.guest + host - row.host;
    return { side, host, guest };
  }
}
