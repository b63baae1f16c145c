import { describe, expect, it } from 'vitest';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32 } from '../fixtures/safetensors.ts';
import { tinyClassifier, tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests, tinyBatch, tinyClasses } from '../fixtures/tiny-models.ts';

const { load, folderOf, logits } = modelTests();

describe('a head', () => {
  it('is the one that the checkpoint names, or else has', async () => {
    const both = { ...tinyTensors(), ...tinyClassifier() };
    const sequence = { architectures: ['BertForSequenceClassification'] };
    const model = await load(folderOf(both, sequence));
    expect((await model.logits(tinyClasses)).map(({ length }) => length)).toEqual([3, 3]);
    expect((await (await load(folderOf(both))).logits(tinyBatch)).map(({ length }) => length)).toEqual([11, 11, 11]);
    const unnamed = { architectures: undefined };
    expect(await logits(folderOf(both, unnamed), tinyClasses)).toEqual(
      await logits(folderOf(both, sequence), tinyClasses),
    );
    expect(await logits(folderOf(tinyTensors(), unnamed))).toEqual(await logits(folderOf(tinyTensors())));
    expect(await (await load(folderOf(both, sequence), { head: 'languageModel' })).logits(tinyBatch)).toHaveLength(3);
  });

  it('is made from its seed', async () => {
    const folder = folderOf(tinyTensors(), { initializer_range: 0.5 });
    const [one, same, other] = [
      await load(folder, { head: { classes: 40, seed: 5 } }),
      await load(folder, { head: { classes: 40, seed: 5 } }),
      await load(folder, { head: { classes: 40 } }),
    ];
    const added = one.parameterNames.filter((name) => !(name in tinyTensors()));
    expect(added).toEqual([
      'bert.pooler.dense.bias',
      'bert.pooler.dense.weight',
      'classifier.bias',
      'classifier.weight',
    ]);
    for (const name of added) {
      const values = await one.parameter(name);
      expect(await same.parameter(name)).toEqual(values);
      if (name.endsWith('bias')) expect(new Set(values)).toEqual(new Set([0]));
      else expect(await other.parameter(name)).not.toEqual(values);
    }
    const weights = await one.parameter('classifier.weight');
    const deviation = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
    expect(deviation).toBeGreaterThan(0.4);
    expect(deviation).toBeLessThan(0.6);
  });

  it('that is new uses the pooler that is there and replaces no tensor', async () => {
    const { 'classifier.weight': _, 'classifier.bias': __, ...pooler } = tinyClassifier();
    const bare = Object.fromEntries(
      Object.entries({ ...tinyTensors(), ...pooler }).map(([name, tensor]) => [name.replace('bert.', ''), tensor]),
    );
    const model = await load(folderOf(bare, { architectures: ['BertModel'] }), { head: { classes: 2 } });
    expect(model.parameterNames.filter((name) => /pooler|classifier/.test(name))).toEqual([
      ...['classifier.bias', 'classifier.weight', 'pooler.dense.bias', 'pooler.dense.weight'],
    ]);
    expect((await model.parameter('pooler.dense.weight'))[1]).toBeCloseTo(Math.sin(12.9898 + 101 * 78.233) / 2, 6);
    const roberta = await load(film, { head: { classes: 2 } });
    expect(roberta.parameterNames.filter((name) => name.startsWith('classifier'))).toEqual([
      ...['classifier.dense.bias', 'classifier.dense.weight', 'classifier.out_proj.bias', 'classifier.out_proj.weight'],
    ]);
  });

  it('must be chosen where the checkpoint has none, and is refused where it has one', async () => {
    const { file } = { file: folderOf({ ...tinyTensors(), ...tinyClassifier() }, { architectures: ['BertModel'] }) };
    await rejects(() => load(file), 'ERR_ZEST_OPTION', /no head/);
    await rejects(() => load(file, { head: { classes: 2 } }), 'ERR_ZEST_OPTION', /has a classifier/);
    const strange = folderOf(tinyTensors(), { architectures: ['BertForQuestionAnswering'] });
    await rejects(() => load(strange), 'ERR_ZEST_UNSUPPORTED', /BertForQuestionAnswering/);
    expect(await (await load(strange, { head: 'languageModel' })).logits(tinyBatch)).toHaveLength(3);
    const { 'cls.predictions.transform.dense.weight': _, ...headless } = tinyTensors();
    await rejects(
      () => load(folderOf(headless), { head: 'languageModel' }),
      'ERR_ZEST_TENSOR_MISSING',
      /cls.predictions.transform.dense.weight/,
    );
    const one = {
      ...tinyTensors(),
      ...tinyClassifier(),
      'classifier.weight': f32([1, 6], Array(6).fill(1)),
      'classifier.bias': f32([1], [0]),
    };
    await rejects(
      () => load(folderOf(one, { architectures: ['BertForSequenceClassification'] })),
      'ERR_ZEST_UNSUPPORTED',
      /one output/,
    );
  });
});
