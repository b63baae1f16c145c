import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32 } from '../fixtures/safetensors.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
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

  it('must be chosen where the checkpoint has none, or one that is not known', async () => {
    const { file } = { file: folderOf({ ...tinyTensors(), ...tinyClassifier() }, { architectures: ['BertModel'] }) };
    await rejects(() => load(file), 'ERR_ZEST_OPTION', /no head/);
    const strange = folderOf(tinyTensors(), { architectures: ['BertForQuestionAnswering'] });
    await rejects(() => load(strange), 'ERR_ZEST_UNSUPPORTED', /BertForQuestionAnswering/);
    expect(await (await load(strange, { head: 'languageModel' })).logits(tinyBatch)).toHaveLength(3);
    const { 'cls.predictions.transform.dense.weight': _, ...headless } = tinyTensors();
    await rejects(
      () => load(folderOf(headless), { head: 'languageModel' }),
      'ERR_ZEST_TENSOR_MISSING',
      /cls.predictions.transform.dense.weight/,
    );
    // What ELECTRA is published as tells words that were replaced.
    const discriminator = Object.fromEntries(
      Object.entries(tinyTensors())
        .filter(([name]) => name.startsWith('bert.'))
        .map(([name, tensor]) => [name.replace('bert.', 'electra.'), tensor]),
    );
    const published = folderOf(
      { ...discriminator, 'discriminator_predictions.dense.weight': f32([6, 6], Array(36).fill(1)) },
      { architectures: ['ElectraForPreTraining'], model_type: 'electra', embedding_size: 6 },
    );
    await rejects(
      () => load(published),
      'ERR_ZEST_UNSUPPORTED',
      /ElectraForPreTraining, whose head is not known \(ElectraForMaskedLM, .* put a new one on with head: { classes }/,
    );
    expect(await (await load(published, { head: { classes: 3 } })).logits(tinyClasses)).toHaveLength(2);

    const one = {
      ...tinyTensors(),
      ...tinyClassifier(),
      'classifier.weight': f32([1, 6], Array(6).fill(1)),
      'classifier.bias': f32([1], [0]),
    };
    // One output is a number, to which no class belongs.
    const number = await load(folderOf(one, { architectures: ['BertForSequenceClassification'] }));
    await rejects(() => number.evaluate(tinyClasses, [[]]), 'ERR_ZEST_TARGET', /this one's is regression/);
  });
});

const sequence = { architectures: ['BertForSequenceClassification'] };
const both = () => ({ ...tinyTensors(), ...tinyClassifier() });

describe('a new head', () => {
  const widths = async (folder: string, classes = 2) => {
    const model = await load(folder, { head: { classes } });
    expect(model.parameterNames).toContain('classifier.weight');
    const targets = tinyClasses.targets.map(() => ({ kind: 'class', label: 0 }) as const);
    return (await model.logits({ ...tinyClasses, targets })).map(({ length }) => length);
  };

  it('takes the place of any that the checkpoint has, and keeps what is before it', async () => {
    const one = { 'classifier.weight': f32([1, 6], Array(6).fill(1)), 'classifier.bias': f32([1], [0]) };
    const folders = {
      sequence: folderOf(both(), sequence),
      tokens: folderOf(both(), { architectures: ['BertForTokenClassification'] }),
      regression: folderOf({ ...both(), ...one }, { ...sequence, problem_type: 'regression' }),
      several: folderOf(both(), { ...sequence, problem_type: 'multi_label_classification' }),
    };
    for (const folder of Object.values(folders)) expect(await widths(folder)).toEqual([2, 2]);
    expect(await widths(folders.sequence, 5)).toEqual([5, 5]);
    const model = await load(folders.sequence, { head: { classes: 3 } });
    const plain = await load(folders.sequence);
    expect(await model.parameter('bert.pooler.dense.weight')).toEqual(
      await plain.parameter('bert.pooler.dense.weight'),
    );
    expect(await model.parameter('classifier.weight')).not.toEqual(await plain.parameter('classifier.weight'));
    expect(new Set(await model.parameter('classifier.bias'))).toEqual(new Set([0]));
    const strange = folderOf(both(), { ...sequence, problem_type: 'ranking' });
    await rejects(() => load(strange), 'ERR_ZEST_UNSUPPORTED', /problem_type is "ranking".*head: \{ classes \}/);
  });

  it('in place of a classifier is warned of', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    await load(folderOf(both(), sequence), { head: { classes: 3 } });
    expect(await warned).toMatchObject({ code: 'WARN_ZEST_HEAD', message: expect.stringContaining('leave head out') });
  });

  it('is saved with the names of its classes', async () => {
    const folder = folderOf(both(), { ...sequence, problem_type: 'regression', id2label: { 0: 'a', 1: 'b', 2: 'c' } });
    const model = await load(folder, { head: { classes: 2 }, labels: ['bad', 'good'] });
    const saved = join(scratchFolder(), 'saved');
    await model.save(saved);
    const json = JSON.parse(readFileSync(join(saved, 'config.json'), 'utf8'));
    expect(json).toMatchObject({ id2label: { 0: 'bad', 1: 'good' }, label2id: { bad: 0, good: 1 }, num_labels: 2 });
    expect(Object.keys(json.id2label)).toHaveLength(2);
    expect(json.problem_type).toBe('single_label_classification');
    expect((await load(saved)).labels).toEqual(['bad', 'good']);
  });
});

describe('names of classes', () => {
  const names = { 0: 'Contradiction', 1: 'neutral', 2: 'entailment' };
  const folder = () => folderOf(both(), { ...sequence, id2label: names });
  const labelsOf = async (labels?: string[]) => (await load(folder(), { labels })).labels;

  it("are the checkpoint's, or new ones, which are saved", async () => {
    expect(await labelsOf()).toEqual(Object.values(names));
    expect(await labelsOf(['contradiction', 'neutral', 'entailment'])).toEqual([
      'contradiction',
      'neutral',
      'entailment',
    ]);
    expect(await labelsOf(['no', 'perhaps', 'yes'])).toEqual(['no', 'perhaps', 'yes']);
    const unnamed = folderOf(both(), { ...sequence, id2label: { 0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2' } });
    expect((await load(unnamed)).labels).toBeUndefined();
    expect((await load(folderOf(tinyTensors()), { labels: ['a', 'b'] })).labels).toBeUndefined();
  });

  it('may not stand in another order, or be others in number', async () => {
    await rejects(
      () => labelsOf(['entailment', 'neutral', 'contradiction']),
      'ERR_ZEST_OPTION',
      /'entailment' is output 2 of the checkpoint; expected the order of id2label in .*: Contradiction, neutral, entail/,
    );
    await rejects(() => labelsOf(['yes', 'no']), 'ERR_ZEST_OPTION', /2 names.*3 classes.*head: \{ classes: 2 \}/);
  });
});

it('a target that the head does not serve says what would', async () => {
  const classifier = { ...tinyClassifier(), ...tinyTensors() };
  const { 'cls.predictions.transform.dense.weight': _, ...mute } = classifier;
  const spoken = await load(folderOf(classifier, sequence));
  await rejects(() => spoken.evaluate(tinyBatch, [[]]), 'ERR_ZEST_TARGET', /load the model with head: 'languageModel'/);
  const silent = await load(folderOf(mute, sequence));
  await rejects(() => silent.evaluate(tinyBatch, [[]]), 'ERR_ZEST_TARGET', /has no language model.*kind 'class'/);
  await rejects(
    () => load(folderOf(mute, sequence), { head: 'languageModel' }),
    'ERR_ZEST_TENSOR_MISSING',
    /has no language model/,
  );
});
