// A task of one's own, from a template and label words. Run: npm run build && node dist/examples/custom-task.js
import { loadTask, Model, Tokenizer, zest } from 'node-zest';

const folder = 'film-roberta-mini';
const model = await Model.load(folder);
const task = await loadTask(
  {
    template: '{review} what i liked was the {mask} .',
    labelWords: ['acting', 'music'],
    labels: ['acting', 'music'],
    metrics: ['accuracy', 'f1'],
  },
  await Tokenizer.load(folder),
);

// Data may name a label.
const train = [
  ['the lead gives a quiet , honest performance', 'acting'],
  ['every song stays in your head for days', 'music'],
  ['she plays the mother without a false note', 'acting'],
  ['strings and drums carry the chase', 'music'],
  ['the two brothers are cast to perfection', 'acting'],
  ['a piano theme that returns when you least expect it', 'music'],
  ['he says everything with his eyes', 'acting'],
  ['the jazz club scenes swing', 'music'],
].map(([review, label]) => ({ review, label }));
const test = [
  ['a star turn by an unknown actress', 'acting'],
  ['the songs are better than the story', 'music'],
  ['he disappears into the role', 'acting'],
  ['an orchestra at full volume', 'music'],
  ['she makes you believe every word', 'acting'],
  ['the guitar never stops', 'music'],
].map(([review, label]) => ({ review, label }));

const report = async (when: string): Promise<void> => {
  const { accuracy, f1, loss } = await task.score(model, test);
  console.log(`${when}: accuracy ${accuracy.toFixed(2)}, F1 ${f1?.toFixed(2)}, loss ${loss.toFixed(3)}`);
};

await report('before');
const optimizer = zest({ learningRate: 4e-4, tilt: { tau: 1 }, seed: 1 });
for (let step = 0; step < 50; step++) await optimizer.step(model, task.batch(train));
await report('after');
