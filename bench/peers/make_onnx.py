"""Writes a RobertaForMaskedLM with its head at one position a sequence, as ONNX: python make_onnx.py [plain] FOLDER FILE

The graph is that of eager attention, since onnxruntime's optimizer knows it and makes its own fused attention of it;
`plain` leaves it as it is exported.
"""

import sys

import torch
from onnxruntime.transformers.optimizer import optimize_model
from transformers import RobertaForMaskedLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


class AtTheMask(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, positions):
        hidden = self.model.roberta(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.model.lm_head(hidden[torch.arange(input_ids.shape[0]), positions])


*plain, folder, file = sys.argv[1:]
model = RobertaForMaskedLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
ids = torch.tensor([[5, 6, 7, 8], [9, 10, 1, 1]])
names = ["input_ids", "attention_mask", "positions"]
torch.onnx.export(
    AtTheMask(model),
    (ids, (ids != 1).long(), torch.tensor([2, 1])),
    file,
    dynamo=False,
    opset_version=17,
    input_names=names,
    output_names=["logits"],
    dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names[:2]} | {"positions": {0: "batch"}, "logits": {0: "batch"}},
)
if plain:
    sys.exit()
config = model.config
optimized = optimize_model(
    file, model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
)
fused = optimized.get_fused_operator_statistics()["Attention"]
if fused != config.num_hidden_layers:
    sys.exit(f"onnxruntime fused the attention of {fused} layers of {config.num_hidden_layers}")
optimized.save_model_to_file(file)
