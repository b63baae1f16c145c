"""Writes a causal model with the mean loss of each sequence's next tokens as ONNX: python make_causal_onnx.py FOLDER FILE

The graph is that of torch.onnx, which onnxruntime's session optimizes as it loads it.
"""

import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


class NextTokenLosses(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        logits = self.model(input_ids=input_ids, use_cache=False).logits[:, :-1]
        taken = logits.gather(-1, input_ids[:, 1:, None])[..., 0]
        return (logits.logsumexp(-1) - taken).mean(-1)


folder, file = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
torch.onnx.export(
    NextTokenLosses(model),
    (torch.randint(5, 100, (2, 8)),),
    file,
    dynamo=True,
    external_data=False,
    input_names=["input_ids"],
    output_names=["losses"],
    dynamic_shapes=({0: torch.export.Dim("batch", min=2), 1: torch.export.Dim("tokens", min=2)},),
)
