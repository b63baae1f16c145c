/** What a user's program computes: noise, and the weights after a step. */
module.exports = async ({ Model, noise, zest }) => {
  const model = await Model.load('film-roberta-mini');
  const batch = { sequences: [[5, 6, 7]], targets: [{ kind: 'maskedTokens', positions: [1], ids: [9] }] };
  await zest({ learningRate: 1e-4 }).step(model, batch);
  return { noise: [...noise({ seed: 0, stream: 0n, offset: 0, length: 8 })], digest: String(await model.digest()) };
};
