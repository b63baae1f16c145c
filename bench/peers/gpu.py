"""PyTorch on the workloads of zest_gpu_check: python3 bench/peers/gpu.py OUTPUT.json

An encoder of RoBERTa's shape with random weights in bfloat16, scaled_dot_product_attention, the head at one position a
sequence. A forward is timed as it is, as a CUDA graph, and compiled with one; MeZO's step perturbs the weights in place
with torch.randn, evaluates, restores and updates, as MeZO's own code does. CUDA events, medians of 20.

Where transformers is there, its Llama of SmolLM2-135M's shape too: a forward of 16 x 128 with the loss of all next
tokens, and a token of 1 and of 64 sequences after prompts of 128 with a static cache, each as it is and compiled with
CUDA graphs.
"""

import importlib.util
import json
import statistics
import sys

import torch
from torch import nn
from torch.nn import functional

WORKLOADS = [
    # name, hidden, heads, layers, intermediate, vocabulary, sequences, tokens
    ("roberta-base 64 x 128", 768, 12, 12, 3072, 50265, 64, 128),
    ("roberta-base 16 x 64", 768, 12, 12, 3072, 50265, 16, 64),
    ("film-roberta-mini 16 x 32", 192, 3, 4, 768, 8192, 16, 32),
]
REPEATS = 20
RHO = 1e-3


class Layer(nn.Module):
    def __init__(self, hidden, heads, intermediate):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(hidden, hidden) for _ in range(4))
        self.up, self.down = nn.Linear(hidden, intermediate), nn.Linear(intermediate, hidden)
        self.attention_norm, self.output_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.out(attended))
        return self.output_norm(x + self.down(functional.gelu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self, hidden, heads, layers, intermediate, vocabulary, tokens):
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, hidden), nn.Embedding(tokens, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.layers = nn.Sequential(*(Layer(hidden, heads, intermediate) for _ in range(layers)))
        self.dense, self.head_norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden)

    def forward(self, ids, labels):
        x = self.norm(self.words(ids) + self.positions.weight)
        x = self.layers(x)[:, 0]
        x = self.head_norm(functional.gelu(self.dense(x)))
        return functional.cross_entropy((x @ self.words.weight[:2].T).float(), labels)


def median_ms(call):
    times = []
    for i in range(-3, REPEATS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        if i >= 0:
            times.append(begin.elapsed_time(end))
    return statistics.median(times)


@torch.no_grad()
def measure(name, hidden, heads, layers, intermediate, vocabulary, sequences, tokens):
    torch.manual_seed(0)
    model = Encoder(hidden, heads, layers, intermediate, vocabulary, tokens).to("cuda", torch.bfloat16).eval()
    ids = torch.randint(vocabulary, (sequences, tokens), device="cuda")
    labels = torch.randint(2, (sequences,), device="cuda")
    parameters = list(model.parameters())

    def perturb(seed, scale):
        torch.manual_seed(seed)
        for p in parameters:
            p.add_(torch.randn_like(p), alpha=scale)

    def mezo():
        perturb(1, RHO)
        plus = model(ids, labels)
        perturb(1, -2 * RHO)
        minus = model(ids, labels)
        perturb(1, RHO)
        perturb(1, -1e-7 * ((plus - minus) / (2 * RHO)).item())

    eager = median_ms(lambda: model(ids, labels))
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        model(ids, labels)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model(ids, labels)
    mezo_ms, graph_ms, call = median_ms(mezo), median_ms(graph.replay), compiled(model)
    compiled_ms = median_ms(lambda: call(ids, labels))
    return {"name": name, "forward": eager, "forwardGraph": graph_ms, "forwardCompiled": compiled_ms, "mezo": mezo_ms}


def smollm2():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, max_position_embeddings=8192, tie_word_embeddings=True, attn_implementation="sdpa",
    )  # fmt: skip
    return LlamaForCausalLM(config).to("cuda", torch.bfloat16).eval()


def compiled(model):
    torch._dynamo.reset()
    return torch.compile(model, mode="reduce-overhead", fullgraph=True)


@torch.no_grad()
def measure_decoder():
    model = smollm2()
    ids = torch.randint(49152, (16, 128), device="cuda")

    def loss_of(call):
        logits = call(input_ids=ids, use_cache=False).logits[:, :-1]
        return functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())

    eager, graph = median_ms(lambda: loss_of(model)), compiled(model)
    return {"name": "smollm2-135m 16 x 128", "forward": eager, "forwardCompiled": median_ms(lambda: loss_of(graph))}


@torch.no_grad()
def measure_generation(sequences, prompt=128):
    from transformers import StaticCache

    model = smollm2()
    ids = torch.randint(49152, (sequences, prompt), device="cuda")

    def token_ms(call):
        cache = StaticCache(config=model.config, max_cache_len=prompt + REPEATS + 3)
        place = torch.arange(prompt, device="cuda")
        model(input_ids=ids, past_key_values=cache, position_ids=place[None], use_cache=True)
        last, place = ids[:, :1].clone(), torch.tensor([prompt], device="cuda")

        def token():
            torch.compiler.cudagraph_mark_step_begin()
            logits = call(input_ids=last, past_key_values=cache, position_ids=place[None], use_cache=True).logits
            last.copy_(logits[:, -1:].argmax(-1))
            place.add_(1)

        return median_ms(token)

    name = f"smollm2-135m a token of {sequences} after prompts of {prompt}"
    return {"name": name, "token": token_ms(model), "tokenCompiled": token_ms(compiled(model))}


def main():
    measures = [lambda workload=workload: measure(*workload) for workload in WORKLOADS]
    if importlib.util.find_spec("transformers"):
        measures += [measure_decoder, lambda: measure_generation(1), lambda: measure_generation(64)]
    else:
        print("transformers was not found: no decoder was measured")
    results = []
    for taken in measures:
        results.append(taken())
        print(results[-1], flush=True)
        # After each, since compiling may take longer than there is time for.
        with open(sys.argv[1], "w") as file:
            json.dump(
                {"torch": torch.__version__, "device": torch.cuda.get_device_name(), "milliseconds": results},
                file,
                indent=2,
            )


if __name__ == "__main__":
    main()
