"""Writes a RobertaForMaskedLM of RoBERTa-base's shape with random float32 weights: python make_checkpoint.py FOLDER"""

import sys

import torch
from transformers import RobertaConfig, RobertaForMaskedLM

SEED = 1

folder = sys.argv[1]
torch.manual_seed(SEED)
config = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
model = RobertaForMaskedLM(config)
with torch.no_grad():  # transformers starts biases at zero
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(std=0.02)
model.save_pretrained(folder)
