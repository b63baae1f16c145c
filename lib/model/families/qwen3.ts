import type { Family } from './family.ts';
import { llama } from './llama.ts';
import { qwen2 } from './qwen2.ts';

/** transformers, modeling_qwen3.py: Llama with a norm of each head's queries and keys. */
export const qwen3: Family = {
  ...qwen2,
  architecture: 'Qwen3',
  config: { ...qwen2.config, headWidth: ['head_dim', 128] },
  layer: {
    ...qwen2.layer,
    query: llama.layer.query,
    key: llama.layer.key,
    value: llama.layer.value,
    attentionOutput: llama.layer.attentionOutput,
    queryNorm: 'self_attn.q_norm',
    keyNorm: 'self_attn.k_norm',
  },
};
