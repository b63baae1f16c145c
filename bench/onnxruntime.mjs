import { createRequire } from 'node:module';

const require = createRequire(new URL('peers/package.json', import.meta.url));

/** onnxruntime-node of bench/peers; undefined if it is not installed. */
export const findOnnxruntime = () => {
  try {
    return { ...require('onnxruntime-node'), version: require('onnxruntime-node/package.json').version };
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
};

/** Cross-entropy of two or more logits. */
const crossEntropy = (logits, label) => {
  const largest = Math.max(...logits);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)) - logits[label];
};

/** Options of a session of that many threads. */
export const sessionOptions = (threads) => ({
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  extra: { session: { force_spinning_stop: '1' } }, // or its threads would spin into the next contestant's time
});

/** A model of make_onnx.py. `forward` takes a batch as peer.py's op `batch` does and answers as its op `forward`. */
export const openOnnx = async (onnxruntime, file, threads) => {
  const session = await onnxruntime.InferenceSession.create(file, sessionOptions(threads));
  return {
    forward: async ({ sequences, positions, words, labels, padding }) => {
      const count = sequences.length;
      const longest = Math.max(...sequences.map(({ length }) => length));
      const cells = (value) =>
        BigInt64Array.from(sequences.flatMap((ids) => Array.from({ length: longest }, (_, i) => value(ids[i]))));
      const tensor = (data, shape) => new onnxruntime.Tensor('int64', data, shape);
      const feeds = {
        input_ids: tensor(
          cells((id) => BigInt(id ?? padding)),
          [count, longest],
        ),
        attention_mask: tensor(
          cells((id) => (id === undefined ? 0n : 1n)),
          [count, longest],
        ),
        positions: tensor(BigInt64Array.from(positions, BigInt), [count]),
      };
      const start = performance.now();
      const { logits } = await session.run(feeds);
      const vocabulary = logits.dims[1];
      const losses = labels.map((label, s) =>
        crossEntropy(
          words.map((word) => logits.data[s * vocabulary + word]),
          label,
        ),
      );
      return { ms: performance.now() - start, losses };
    },
  };
};
