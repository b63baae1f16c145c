import { describe, expect, it } from 'vitest';
import { peftConfig } from '../../lib/model/peft-config.ts';
import { rejects } from '../fixtures/rejects.ts';

// What PEFT 0.21.2 does with each was tried with it.

const plain = { peft_type: 'LORA', r: 4, lora_alpha: 8 };
const read = (json: object) => peftConfig('adapter_config.json', { ...plain, ...json });

describe('adapter_config.json', () => {
  it.each([
    ...[true, false, null, 'gaussian', 'Gaussian', 'orthogonal', 'eva', 'lora_ga', 'mica'].map((init_lora_weights) => ({
      init_lora_weights,
    })),
    { velora_config: { num_groups: 1 } },
    { use_qalora: true, qalora_group_size: 4 },
    { alora_invocation_tokens: [], target_parameters: [], layer_replication: [] },
    { megatron_config: {}, megatron_core: 'megatron.core', loftq_config: { loftq_bits: 4 }, runtime_config: {} },
    { auto_mapping: { unsloth_fixed: true }, lora_dtype: 'float32', lorap_emb_lr: 1e-6 },
    { a_later_key: null, another: false, others: [], one: {}, setting: 16, text: '' },
  ])('may have %j, which leaves plain LoRA', (json) => {
    expect(read(json)).toMatchObject({ rank: 4, alpha: 8, scale: 2 });
  });

  it.each([
    ...['pissa', 'pissa_niter_4', 'olora', 'corda', 'loftq'].map((init_lora_weights) => ({ init_lora_weights })),
    { kasa_config: {} },
    { monteclora_config: {} },
    { arrow_config: {} },
    { use_bdlora: { nblocks: 2 } },
    { alora_invocation_tokens: [5, 6] },
    { layer_replication: [[0, 2]] },
    { bias: 'all' },
    { rank_pattern: { q: 3 } },
  ])('is refused with %j, by the name of its key', async (json) => {
    await rejects(
      () => read(json),
      'ERR_ZEST_UNSUPPORTED',
      new RegExp(`adapter_config.json: ${Object.keys(json)[0]} is`),
    );
  });

  it("has PEFT's defaults, and any alpha that float32 can hold", () => {
    expect(peftConfig('', { peft_type: 'LORA' })).toMatchObject({ rank: 8, alpha: 8, scale: 1 });
    expect(read({ lora_alpha: 0 }).scale).toBe(0);
    expect(read({ lora_alpha: -6 }).scale).toBe(-1.5);
    expect(read({ lora_alpha: -6, use_rslora: true }).scale).toBe(-3);
  });

  it.each([
    [{ lora_alpha: '8' }, /lora_alpha is '8', and r 4; expected a number/],
    [{ lora_alpha: null }, /lora_alpha is null/],
    [{ lora_alpha: -1e-60 }, /lora_alpha is -1e-60/],
    [{ r: 0 }, /r is 0; expected a whole number/],
  ])('with %j is not valid', async (json, text) => {
    await rejects(() => read(json), 'ERR_ZEST_CONFIG_JSON', text);
  });

  const [first, second] = ['model.layers.0.self_attn.q_proj', 'model.layers.1.mlp.up_proj'];
  it.each([
    [{}, true, true],
    [{ target_modules: ['q_proj'] }, true, false],
    [{ target_modules: ['self_attn.q_proj', 'model.layers.1.mlp.up_proj'] }, true, true],
    [{ target_modules: ['proj'] }, false, false],
    [{ target_modules: 'all-linear' }, true, true],
    [{ target_modules: '.*layers\\.1\\..*(q_proj|up_proj)' }, false, true],
    [{ target_modules: 'q_proj' }, false, false],
    // Python's alone.
    [{ target_modules: '(?P<x>q_proj)' }, true, true],
    [{ target_modules: ['q_proj'], exclude_modules: '(?P<x>q_proj)' }, true, false],
    [{ target_modules: ['q_proj', 'up_proj'], exclude_modules: ['up_proj'] }, true, false],
    [{ target_modules: ['q_proj', 'up_proj'], exclude_modules: '.*q_proj' }, false, true],
    [{ target_modules: ['q_proj', 'up_proj'], layers_to_transform: [1] }, false, true],
    [{ target_modules: ['q_proj', 'up_proj'], layers_to_transform: 0, layers_pattern: 'layers' }, true, false],
    [{ target_modules: ['q_proj', 'up_proj'], layers_to_transform: [0, 1], layers_pattern: ['h'] }, false, false],
  ])('puts LoRA where PEFT puts it, with %j', (json, isFirst, isSecond) => {
    const { isTarget } = read(json);
    expect([isTarget(first), isTarget(second)]).toEqual([isFirst, isSecond]);
  });

  it.each([{ use_later: true }, { later_config: { a: 1 } }, { later_list: [1] }, { later_kind: 'other' }])(
    'is warned of with %j, which PEFT does not know either',
    async (json) => {
      const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve));
      expect(read(json)).toMatchObject({ rank: 4 });
      const { code, message } = await warned;
      expect(code).toBe('WARN_ZEST_ADAPTER');
      expect(message).toContain(`adapter_config.json: ${Object.keys(json)[0]} is not known`);
    },
  );
});
