/** The styles in force at a place of a text: what a row that begins there has to open. */

/** Attribute codes that each have a slot, with the code that ends them. */
const SLOT: Readonly<Record<number, string>> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  5: 'blink',
  6: 'blink',
  7: 'inverse',
  8: 'hidden',
  9: 'strike',
};
const ENDS: Readonly<Record<number, readonly string[]>> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  25: ['blink'],
  27: ['inverse'],
  28: ['hidden'],
  29: ['strike'],
  39: ['fg'],
  49: ['bg'],
};

export class Sgr {
  #slots = new Map<string, string>();
  #open: string | undefined = '';

  /** Of the styles in force: the sequence that opens them all, '' when there are none. */
  get open(): string {
    this.#open ??= this.#slots.size === 0 ? '' : `\x1b[${[...this.#slots.values()].join(';')}m`;
    return this.#open;
  }

  /** Takes one sequence `ESC [ … m`. Unknown codes change nothing. */
  take(sequence: string): void {
    this.#open = undefined;
    const inner = sequence.slice(2, -1);
    if (inner.length <= 2) {
      // `ESC [ 31 m` and its like: nearly all there are.
      if ((Number(inner) || 0) === 0) this.#slots.clear();
      else this.#plain(Number(inner), inner);
      return;
    }
    const codes = inner.split(';');
    for (let i = 0; i < codes.length; i++) {
      const code = Number(codes[i]?.split(':')[0] ?? 0);
      if (code === 0) this.#slots.clear();
      else if (code === 38 || code === 48) i += this.#extended(code === 38 ? 'fg' : 'bg', codes, i);
      else this.#plain(code, codes[i] ?? '');
    }
  }

  #plain(code: number, text: string): void {
    const slot = SLOT[code];
    if (slot !== undefined) this.#slots.set(slot, text);
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) this.#slots.set('fg', text);
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) this.#slots.set('bg', text);
    else for (const ended of ENDS[code] ?? []) this.#slots.delete(ended);
  }

  /** 38 and 48 take what follows: `5;n` or `2;r;g;b`, or the same with colons. Answers how many codes that was. */
  #extended(slot: string, codes: readonly string[], at: number): number {
    const own = codes[at] ?? '';
    if (own.includes(':')) {
      this.#slots.set(slot, own);
      return 0;
    }
    const more = codes[at + 1] === '5' ? 2 : codes[at + 1] === '2' ? 4 : 0;
    if (more > 0 && at + more < codes.length) this.#slots.set(slot, codes.slice(at, at + more + 1).join(';'));
    return more;
  }
}
