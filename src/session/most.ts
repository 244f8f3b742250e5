/**
 * What most units of a cell are, for a map whose cells stand for many: counted when a cell is first shown, and kept as
 * long as cells have that size. What is wrong is shown however little there is of it: it would be lost among thousands.
 */
import { MARK } from './pyramid.ts';

/** Above any code. */
const UNKNOWN = 0xff;
const CODES = 32;

export class Most {
  readonly #units: Uint8Array;
  readonly #grave: number;
  #perCell = 0;
  #cells = new Uint8Array(0);
  readonly #counts = new Uint32Array(CODES);

  /** `units` must not change any more; codes below `grave` win over any number of others. */
  constructor(units: Uint8Array, grave: number) {
    this.#units = units;
    this.#grave = grave;
  }

  /** The code of cell number `cell`, of `perCell` units each; of equals the least. There must be such a cell. */
  at(cell: number, perCell: number): number {
    if (perCell !== this.#perCell) {
      this.#perCell = perCell;
      this.#cells = new Uint8Array(Math.ceil(this.#units.length / perCell)).fill(UNKNOWN);
    }
    const known = this.#cells[cell] as number;
    if (known !== UNKNOWN) return known;
    const found = this.#count(cell * perCell, Math.min((cell + 1) * perCell, this.#units.length));
    this.#cells[cell] = found;
    return found;
  }

  #count(from: number, to: number): number {
    const counts = this.#counts.fill(0);
    const units = this.#units;
    for (let i = from; i < to; i++) {
      const code = (units[i] as number) & ~MARK;
      counts[code] = (counts[code] as number) + 1;
    }
    let most = 0;
    for (let code = 0; code < CODES; code++) {
      const count = counts[code] as number;
      if (count > 0 && code < this.#grave) return code;
      if (count > (counts[most] as number)) most = code;
    }
    return most;
  }
}
