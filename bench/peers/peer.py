"""PyTorch's side of the bench: a child process that answers one JSON object a line on stdin with one on stdout.

A request is {"op": NAME, ...arguments}; a reply is the op's result, or {"error": text}. Times are the op's own wall
time in milliseconds, without the pipe.
"""

import json
import platform
import sys
import time
from contextlib import contextmanager

import torch
import transformers
from transformers import AutoModelForCausalLM, RobertaForMaskedLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


@contextmanager
def timed(result):
    start = time.perf_counter()
    yield
    result["ms"] = (time.perf_counter() - start) * 1e3


class Peer:
    def __init__(self):
        self.models = {}
        self.batches = {}

    def start(self, threads):
        torch.set_num_threads(threads)
        return {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        }

    def load(self, model, folder, causal=False, dtype="float32"):
        model_class = AutoModelForCausalLM if causal else RobertaForMaskedLM
        self.models[model] = model_class.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="sdpa"
        ).eval()
        return {"parameters": sum(p.numel() for p in self.models[model].parameters())}

    def batch(self, batch, sequences, positions, words, labels, padding):
        """Padded to the longest sequence, with the mask at one position of each."""
        ids = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor(sequence) for sequence in sequences], batch_first=True, padding_value=padding
        )
        self.batches[batch] = {
            "inputs": {"input_ids": ids, "attention_mask": (ids != padding).long()},
            "positions": torch.tensor(positions),
            "words": torch.tensor(words),
            "labels": torch.tensor(labels),
        }
        return {}

    def word_logits(self, model, batch):
        """The head at the mask: MeZO's RobertaForPromptFinetuning."""
        hidden = model.roberta(**batch["inputs"]).last_hidden_state
        return model.lm_head(hidden[torch.arange(len(hidden)), batch["positions"]])[:, batch["words"]]

    def loss(self, model, batch):
        if "ids" in batch:
            return self.next_token_losses(model, batch).mean()
        return torch.nn.functional.cross_entropy(self.word_logits(model, batch), batch["labels"])

    def forward(self, model, batch):
        model, batch, result = self.models[model], self.batches[batch], {}
        with torch.inference_mode(), timed(result):
            logits = self.word_logits(model, batch)
            losses = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="none")
        return result | {"losses": losses.tolist()}

    def next_tokens(self, batch, sequences):
        """Sequences of one length, of which every token but the first is predicted."""
        self.batches[batch] = {"ids": torch.tensor(sequences)}
        return {}

    def next_token_losses(self, model, batch):
        ids = batch["ids"]
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        return losses.view(len(ids), -1).mean(1)

    def causal_forward(self, model, batch):
        model, batch, result = self.models[model], self.batches[batch], {}
        with torch.inference_mode(), timed(result):
            losses = self.next_token_losses(model, batch)
        return result | {"losses": losses.tolist()}

    def generate(self, model, prompts, tokens):
        """Greedy, with a cache; as many tokens as are asked for."""
        model, ids, result = self.models[model], torch.tensor(prompts), {}
        with torch.inference_mode(), timed(result):
            made = model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens, eos_token_id=None,
                pad_token_id=0)
        return result | {"ids": made[:, ids.shape[1]:].tolist()}

    def product(self, rows, depth, columns, calls):
        """The operands of bench/native/product.cc; the time is that of one call."""

        def eighths(step, *shape):
            indexes = torch.arange(torch.Size(shape).numel())
            return ((indexes * step % 17 - 8) / 8).float().reshape(shape)

        x, w, bias, result = eighths(5, rows, depth), eighths(3, columns, depth), eighths(7, columns), {}
        with torch.inference_mode():
            torch.nn.functional.linear(x, w, bias)
            with timed(result):
                for _ in range(calls):
                    y = torch.nn.functional.linear(x, w, bias)
        checksum = (y.double().flatten() * (torch.arange(y.numel()) % 7)).sum().item()
        return {"ms": result["ms"] / calls, "checksum": checksum}

    def step(self, model, batch, directions, rho, learning_rate, seed):
        """MeZO (princeton-nlp/MeZO, large_models/trainer.py) with n-SPSA's average over directions: each is perturbed
        in place, restored, and drawn again from its seed in the update. add_ saves the published code a temporary."""
        model, batch, result, projected = self.models[model], self.batches[batch], {}, []
        parameters = list(model.parameters())

        def perturb(direction, factor):
            torch.manual_seed(seed + direction)
            for parameter in parameters:
                z = torch.normal(mean=0, std=1, size=parameter.size(), dtype=parameter.dtype)
                parameter.data.add_(z, alpha=factor)

        with torch.inference_mode(), timed(result):
            losses = []
            for direction in range(directions):
                perturb(direction, rho)
                losses.append(self.loss(model, batch).item())
                perturb(direction, -2 * rho)
                losses.append(self.loss(model, batch).item())
                perturb(direction, rho)
                projected.append((losses[-2] - losses[-1]) / (2 * rho * directions))
            for direction in range(directions):
                perturb(direction, -learning_rate * projected[direction])
        return result | {"losses": losses}

    def apply(self, model, directions, coefficient, seed):
        """The update alone."""
        model, result = self.models[model], {}
        with torch.inference_mode(), timed(result):
            for direction in range(directions):
                torch.manual_seed(seed + direction)
                for parameter in model.parameters():
                    z = torch.normal(mean=0, std=1, size=parameter.size(), dtype=parameter.dtype)
                    parameter.data.add_(z, alpha=-coefficient)
        return result

    def noise(self, length, calls, law, seed):
        torch.manual_seed(seed)
        values, result = torch.zeros(length), {}
        with timed(result):
            for _ in range(calls):
                if law == "gaussian":
                    values.normal_()
                else:
                    values.bernoulli_(0.5).mul_(2).sub_(1)
        return result

    def normal(self, length, seed):
        torch.manual_seed(seed)
        result = {}
        with timed(result):
            torch.normal(mean=0, std=1, size=(length,))
        return result


def main():
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(peer, request.pop("op"))(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
