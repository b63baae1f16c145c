import type { Family } from './family.ts';
import { mistral } from './mistral.ts';

/** transformers, modeling_qwen2.py: Llama with biases of queries, keys and values. */
export const qwen2: Family = {
  ...mistral,
  architecture: 'Qwen2',
  config: {
    ...mistral.config,
    keyValueHeads: ['num_key_value_heads', 32],
    intermediate: ['intermediate_size', 22016],
    vocabulary: ['vocab_size', 151936],
    positions: ['max_position_embeddings', 32768],
    only: { ...mistral.config.only, use_sliding_window: false },
  },
  window: undefined,
  layer: {
    ...mistral.layer,
    query: 'self_attn.q_proj',
    key: 'self_attn.k_proj',
    value: 'self_attn.v_proj',
  },
};
