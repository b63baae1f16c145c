/**
 * How many tokens of each text to keep so that `excess` fewer are left: one at a time goes from the end of whichever
 * text is longest then, the last of equals. Undefined if there are not that many tokens.
 */
export const cutLongest = (lengths: readonly number[], excess: number): number[] | undefined => {
  const kept = [...lengths];
  for (let cut = 0; cut < excess; cut++) {
    const longest = Math.max(0, ...kept);
    if (longest === 0) return undefined;
    kept[kept.lastIndexOf(longest)] = longest - 1;
  }
  return kept;
};
