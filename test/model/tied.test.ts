import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32, type Written } from '../fixtures/safetensors.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load, folderOf, logits } = modelTests();

const WORDS = 'bert.embeddings.word_embeddings.weight';
const DECODER = 'cls.predictions.decoder.weight';
const BIAS = 'cls.predictions.bias';
const DECODER_BIAS = 'cls.predictions.decoder.bias';
const tensors = tinyTensors() as Record<string, Written>;
const [words, bias] = [tensors[WORDS]!, tensors[BIAS]!];
// All but the last value are the same.
const changed = ({ shape, bytes }: Written): Written => {
  const values = new Float32Array(Uint8Array.from(bytes).buffer);
  return f32(shape, [...values.slice(0, -1), 9]);
};
const saved = async (folder: string) => {
  const to = join(scratchFolder(), 'saved');
  const model = await load(folder);
  await model.save(to);
  const { tie_word_embeddings } = JSON.parse(readFileSync(join(to, 'config.json'), 'utf8'));
  return { logits: await logits(to), names: model.parameterNames, tied: tie_word_embeddings };
};

describe('what is tied and stored twice', () => {
  it('is one parameter where both are the same', async () => {
    const twice = folderOf({ ...tensors, [DECODER]: words, [DECODER_BIAS]: bias });
    expect((await load(twice)).parameterNames).toEqual(Object.keys(tensors).sort());
    expect(await logits(twice)).toEqual(await logits(folderOf(tensors)));
  });

  it('is not tied where they differ, as in transformers 5, and nothing of it is lost', async () => {
    const decoder = { [DECODER]: changed(words), [DECODER_BIAS]: bias };
    const expected = await logits(folderOf({ ...tensors, ...decoder }, { tie_word_embeddings: false }));
    expect(expected).not.toEqual(await logits(folderOf(tensors)));
    for (const stored of [decoder, { [DECODER]: changed(words) }]) {
      const folder = folderOf({ ...tensors, ...stored });
      expect(await logits(folder)).toEqual(expected);
      // transformers reads the bias of a decoder that is not tied under its name alone.
      expect(await saved(folder)).toMatchObject({
        logits: expected,
        names: [...Object.keys(tensors), DECODER, DECODER_BIAS].sort(),
        tied: false,
      });
    }
  });

  it('may be the bias alone', async () => {
    const folder = folderOf({ ...tensors, [DECODER_BIAS]: changed(bias) });
    const expected = await logits(folderOf({ ...tensors, [BIAS]: changed(bias) }));
    expect(await logits(folder)).toEqual(expected);
    expect(await saved(folder)).toMatchObject({ logits: expected, tied: true });
  });
});
