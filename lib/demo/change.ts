/** What became of the answers to some words: of those right or wrong before, which are right after. */
export interface Change<T> {
  /** Wrong before, right after. */
  turnedRight: T[];
  /** Right before, wrong after. */
  turnedWrong: T[];
  stayedRight: T[];
  stayedWrong: T[];
}

/** Sorts items by whether their answers, labels from 0, were right before and are right after. */
export const changeOf = <T extends { label: number }>(
  items: readonly T[],
  before: readonly number[],
  after: readonly number[],
): Change<T> => {
  const change: Change<T> = { turnedRight: [], turnedWrong: [], stayedRight: [], stayedWrong: [] };
  for (const [i, item] of items.entries()) {
    const [was, is] = [before[i] === item.label, after[i] === item.label];
    const kind = is ? (was ? 'stayedRight' : 'turnedRight') : was ? 'turnedWrong' : 'stayedWrong';
    change[kind].push(item);
  }
  return change;
};
