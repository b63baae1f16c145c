// The reward of examples/no-e.yaml: the share of words without the letter e, each counted once, so that saying one of
// them again and again earns nothing.

export default ({ answer }) => {
  const words = answer
    .toLowerCase()
    .split(/[^a-z']+/)
    .filter(Boolean);
  const good = new Set(words.filter((word) => !word.includes('e')));
  return words.length < 8 ? 0 : good.size / words.length;
};
