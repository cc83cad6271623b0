#!/usr/bin/env python3
"""What Diffract's training of heads is compared with: the same heads on the same features in plain eager PyTorch.

Features are read once into memory, as a Python user would keep them, and each batch is indexed from there. Needs torch alone.

  probe_eager.py linear    --features STORE [--batch 128] [--epochs 2] [--threads N]
      the grid of learning rates and weight decays, one head after another, each with torch.optim.AdamW.
  probe_eager.py batched   --features STORE ...
      the same heads as one: weights side by side in one product, AdamW written out so that each has its own step and decay.
  probe_eager.py attention --features STORE ...
      one attention head: layer norm over the map, 1x1 convolution, CLS token, two pre-norm transformer blocks.

Each prints a JSON line: seconds for an epoch of all heads over the number of pictures, after an epoch of warm-up.
"""
import argparse
import itertools
import json
import os
import struct
import time


def best_cpu_settings():
    """Debian's libraries choose slow kernels on some processors unless told; they read this when they are loaded."""
    try:
        with open("/proc/cpuinfo") as file:
            wide = "avx512f" in file.read()
    except OSError:
        wide = False
    if wide:
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
        os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512")


best_cpu_settings()
import torch  # noqa: E402
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

CLASSES = 50
CANDIDATES = list(itertools.product((1e-4, 3e-4, 1e-3, 3e-3, 1e-2), (0, 0.03, 0.3, 3)))  # learning rate, weight decay


def read_store(folder):
    """The one map and the labels of a store of one shard."""
    types = {"F32": torch.float32, "I64": torch.int64}
    with open(os.path.join(folder, "shard-00000.safetensors"), "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        start, found = file.tell(), {}
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] in types:
                first, last = entry["data_offsets"]
                file.seek(start + first)
                found[name] = torch.frombuffer(bytearray(file.read(last - first)), dtype=types[entry["dtype"]]).view(entry["shape"])
    (maps,) = (tensor for name, tensor in found.items() if name.startswith("t"))
    return maps, found["label"]


def epochs_of(arguments, rows):
    for _ in range(arguments.epochs):
        yield from torch.randperm(rows).split(arguments.batch)


def train_one_by_one(arguments, maps, labels):
    x = maps.flatten(1)
    for rate, decay in CANDIDATES:
        head = nn.Linear(x.shape[1], CLASSES)
        optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=decay)
        for batch in epochs_of(arguments, len(x)):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(head(x[batch]), labels[batch]).backward()
            optimizer.step()


def train_batched(arguments, maps, labels):
    x, k = maps.flatten(1), len(CANDIDATES)
    first = nn.Linear(x.shape[1], CLASSES)
    weight, bias = (p.detach().repeat(k, *[1] * (p.dim() - 1)).requires_grad_() for p in (first.weight, first.bias))
    rates, decays = (torch.tensor(column).repeat_interleave(CLASSES) for column in zip(*CANDIDATES))
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in (weight, bias)]
    for step, batch in enumerate(epochs_of(arguments, len(x)), 1):
        logits = F.linear(x[batch], weight, bias).view(-1, CLASSES)                        # (N K, classes)
        (F.cross_entropy(logits, labels[batch].repeat_interleave(k)) * k).backward()
        with torch.no_grad():
            for p, (mean, square) in zip((weight, bias), moments):
                rate, decay = (v.view(-1, *[1] * (p.dim() - 1)) for v in (rates, decays))
                p.mul_(1 - rate * decay)
                mean.lerp_(p.grad, 0.1)
                square.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
                size = square.div(1 - 0.999 ** step).sqrt_().add_(1e-8)
                p.addcdiv_(mean * rate, size, value=-1 / (1 - 0.9 ** step))
                p.grad = None


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        n, t, dim = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q * (dim // self.heads) ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(n, t, dim))
        return x + self.mlp(self.norm2(x))


class AttentionHead(nn.Module):
    def __init__(self, channels, side):
        super().__init__()
        self.norm, self.conv = nn.LayerNorm((channels, side, side)), nn.Conv2d(channels, channels, 1)
        self.cls = nn.Parameter(torch.zeros(1, 1, channels))
        self.blocks = nn.Sequential(*(Block(channels, max(1, channels // 128)) for _ in range(2)))
        self.logits = nn.Linear(channels, CLASSES)

    def forward(self, x):
        tokens = self.conv(self.norm(x)).flatten(2).transpose(1, 2)
        return self.logits(self.blocks(torch.cat((self.cls.expand(len(x), -1, -1), tokens), dim=1))[:, 0])


def train_attention(arguments, maps, labels):
    x = F.adaptive_avg_pool2d(maps, 16) if maps.shape[-1] > 16 else maps
    head = AttentionHead(x.shape[1], x.shape[-1])
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.05)
    for batch in epochs_of(arguments, len(x)):
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(head(x[batch]), labels[batch]).backward()
        optimizer.step()


def main():
    ways = {"linear": train_one_by_one, "batched": train_batched, "attention": train_attention}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=ways)
    parser.add_argument("--features", required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    maps, labels = read_store(arguments.features)
    train, asked = ways[arguments.way], arguments.epochs
    arguments.epochs = 1
    train(arguments, maps[:2 * arguments.batch], labels[:2 * arguments.batch])             # warm-up
    arguments.epochs = asked
    start = time.perf_counter()
    train(arguments, maps, labels)
    print(json.dumps(dict(way=arguments.way, pictures=len(maps), batch=arguments.batch, epochs=asked, threads=torch.get_num_threads(), torch=torch.__version__,
                          median=(time.perf_counter() - start) / (asked * len(maps)))))


if __name__ == "__main__":
    main()
