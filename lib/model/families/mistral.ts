import type { Family } from './family.ts';
import { llama } from './llama.ts';

const bias = false;

/** transformers, modeling_mistral.py: Llama without biases, in which a token sees the last `sliding_window` alone. */
export const mistral: Family = {
  ...llama,
  architecture: 'Mistral',
  config: {
    ...llama.config,
    keyValueHeads: ['num_key_value_heads', 8],
    intermediate: ['intermediate_size', 14336],
    positions: ['max_position_embeddings', 131072],
  },
  window: ['sliding_window', 4096],
  layer: {
    ...llama.layer,
    query: { name: 'self_attn.q_proj', bias },
    key: { name: 'self_attn.k_proj', bias },
    value: { name: 'self_attn.v_proj', bias },
    attentionOutput: { name: 'self_attn.o_proj', bias },
    gate: { name: 'mlp.gate_proj', bias },
    intermediate: { name: 'mlp.up_proj', bias },
    output: { name: 'mlp.down_proj', bias },
  },
};
