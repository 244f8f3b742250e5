/** The labels of several writes as one: the first few spelled out, the others counted. */

/** Labels that are spelled out. */
const SHOWN = 3;

export class Labels {
  readonly #all = new Set<string>();
  #last: string | undefined;

  /** Undefined and '' are no label. */
  add(label: string | undefined): void {
    if (label === this.#last || !label) return;
    this.#last = label;
    this.#all.add(label);
  }

  get text(): string {
    const shown = [...this.#all].slice(0, SHOWN).join(', ');
    return this.#all.size > SHOWN ? `${shown} and ${this.#all.size - SHOWN} more` : shown;
  }

  clear(): void {
    if (this.#last === undefined) return;
    this.#all.clear();
    this.#last = undefined;
  }
}
