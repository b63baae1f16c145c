// The reward of examples/one-sentence.yaml: an answer that is one sentence of plain words and ends there.

export default ({ answer }) => {
  const sentence = answer.match(/^[A-Z][a-z]*( [A-Za-z'-]+,?)+\.(?= |$)/)?.[0] ?? '';
  const words = sentence.toLowerCase().split(/\W+/).filter(Boolean);
  if (words.length < 4 || new Set(words).size < 0.8 * words.length) return 0;
  return sentence.length === answer.length ? 1 : 0.3;
};
