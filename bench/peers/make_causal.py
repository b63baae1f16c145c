"""Writes a LlamaForCausalLM of SmolLM2-135M's shape with random float32 weights: python make_causal.py FOLDER"""

import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SEED = 1

torch.manual_seed(SEED)
config = LlamaConfig(
    vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
    intermediate_size=1536, max_position_embeddings=8192, rms_norm_eps=1e-5, tie_word_embeddings=True,
    rope_parameters={"rope_theta": 100000.0, "rope_type": "default"})
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
