/**
 * Whether a glob matches the whole of a text: `*` any characters, `?` one, all others themselves. It goes back to the
 * last star only, so that no glob takes more than its length times the text's steps.
 */
export const matchesGlob = (glob: string, text: string): boolean => {
  let [at, star] = [0, -1];
  let [position, resume] = [0, 0];
  while (position < text.length) {
    if (glob[at] === '*') {
      star = at++;
      resume = position;
    } else if (at < glob.length && (glob[at] === '?' || glob[at] === text[position])) {
      at++;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else {
      return false;
    }
  }
  while (glob[at] === '*') at++;
  return at === glob.length;
};
