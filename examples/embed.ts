// From strings to a trained and used model. Run: npm run build && node dist/examples/embed.js
import { loadTask, Model, Tokenizer, zest } from 'node-zest';

const folder = 'film-roberta-mini';
const model = await Model.load(folder);
const task = await loadTask('sst2', await Tokenizer.load(folder));

const examples = [
  { sentence: 'the battery lasts for days', label: 1 },
  { sentence: 'arrived broken , and nobody answers', label: 0 },
  { sentence: 'my daughter will not put it down', label: 1 },
  { sentence: 'it smells of glue', label: 0 },
  { sentence: 'cheap , sturdy and quiet', label: 1 },
  { sentence: 'the lid came off on the first day', label: 0 },
];
const unseen = ['it lasts and lasts', 'the zipper broke on the second day'];

const before = await task.score(model, examples);
const optimizer = zest({ learningRate: 4e-4, tilt: { tau: 1 }, seed: 1 });
for (let step = 0; step < 40; step++) await optimizer.step(model, task.batch(examples));
const after = await task.score(model, examples);

console.log(`loss ${before.loss.toFixed(3)} → ${after.loss.toFixed(3)}`);
for (const [i, { name, probabilities }] of (await task.classify(model, unseen)).entries()) {
  console.log(`${unseen[i]}: ${name} (${Math.max(...probabilities).toFixed(2)})`);
}
