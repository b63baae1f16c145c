/** Edit distance (insertions, deletions, replacements, neighbours that changed places). */
const distance = (a: string, b: string): number => {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? i) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, row[j]! + 1, next[j - 1]! + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
};

/** The choice that a mistyped word most likely meant, if one is close. */
export const nearest = (word: string, choices: readonly string[]): string | undefined => {
  const most = Math.max(1, word.length / 3);
  const ranked = choices
    .filter((choice) => Math.abs(choice.length - word.length) <= most)
    .map((choice) => ({ choice, edits: distance(word.toLowerCase(), choice.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= most ? best.choice : undefined;
};
