/** The word a person probably meant: the one with the fewest typing errors between, if they are few enough. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const scored = words.map((word) => ({ word, errors: editDistance(typed, word) }));
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (a, b) => (a && a.errors <= b.errors ? a : b),
    undefined,
  );
  return best && best.errors <= Math.max(1, Math.floor(best.word.length / 3)) ? best.word : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  // Longer words are no typing error of a command's name.
  if (a.length > 40) return Number.POSITIVE_INFINITY;
  let twoAgo: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const replaced = (previous[j - 1] as number) + (same ? 0 : 1);
      let least = Math.min((previous[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (twoAgo[j - 2] as number) + 1);
      }
      row.push(least);
    }
    twoAgo = previous;
    previous = row;
  }
  return previous[b.length] as number;
}
