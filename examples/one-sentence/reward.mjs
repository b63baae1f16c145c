// The reward of examples/one-sentence.yaml: an answer that ends with its first sentence, the shorter the better.

export default ({ answer }) => {
  const isWhole = /^[^.!?]+[.!?]$/.test(answer);
  return (isWhole ? 1 : 0) - answer.length / 100;
};
