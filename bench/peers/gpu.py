"""PyTorch on the workloads of zest_gpu_check: python3 bench/peers/gpu.py OUTPUT.json

An encoder of RoBERTa's shape with random weights in bfloat16, scaled_dot_product_attention, the head at one position a
sequence. A forward is timed as it is and as a CUDA graph; MeZO's step perturbs the weights in place with torch.randn,
evaluates, restores and updates, as MeZO's own code does. CUDA events, medians of 20.
"""

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
    return {"name": name, "forward": eager, "forwardGraph": median_ms(graph.replay), "mezo": median_ms(mezo)}


def main():
    results = [measure(*workload) for workload in WORKLOADS]
    for result in results:
        print(result)
    with open(sys.argv[1], "w") as file:
        json.dump(
            {"torch": torch.__version__, "device": torch.cuda.get_device_name(), "milliseconds": results}, file, indent=2
        )


if __name__ == "__main__":
    main()
