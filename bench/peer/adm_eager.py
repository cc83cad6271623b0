#!/usr/bin/env python3
"""What Diffract's speed is compared with: the ADM U-Net in plain eager PyTorch.

One torch.nn module a layer, one kernel an operator, nothing fused or compiled: what a Python user gets from the published
code. Parameters have the names of the published guided-diffusion checkpoints, so `check` can run one. Needs torch alone
(Debian, Ubuntu: python3-torch, or pip's).

  adm_eager.py time  [--config full256|small32] [--block 24] [--batch 1] [--dtype float32|bfloat16] [--channels-last]
                     [--full] [--repeat 3] [--threads N]
      one pass without gradients, timed after two to warm up. It stops after --block; with --full it runs to the end of
      the net, as code does that takes features with hooks.
  adm_eager.py train [--config small32] [--batch 64] [--dtype float32|bfloat16] [--channels-last] [--repeat 5] [--threads N]
      whole steps of pre-training: noise, pass, mean squared error, gradients, AdamW.
  adm_eager.py feedback [--config full256] [--block 24] [--from 21,24,27,30,33,36] [--batch 1] [--dtype ...] [--channels-last] [--repeat 3]
      one training step of DifFeed's feedback layers (1x1 convolution, batch norm, ReLU) on the frozen net, as the papers' code
      does it: a pass without gradients to the last of --from, a second pass from the start with gradients, and the backward pass.
  adm_eager.py export FOLDER [--config full256] [--block 24] [--batch 4]
      FOLDER/net.onnx: the net as far as the block, its map pooled to one value a channel; FOLDER/x.bin and y.bin, float32: a
      batch and what this net makes of it. For onnx_time.js.
  adm_eager.py check CONFIG.json CHECKPOINT.pt INPUT.pt
      block outputs' norms for {"x": (N, 3, H, W), "timesteps": (N)}; CONFIG.json has the fields of Shape below.

`time` and `train` print one JSON line each.
"""
import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass


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


@dataclass
class Shape:
    """The net's shape; the defaults are those of the published 256x256 unconditional checkpoint."""
    image_size: int = 256
    num_channels: int = 256
    channel_mult: tuple = (1, 1, 2, 2, 4, 4)
    num_res_blocks: int = 2
    attention: tuple = (32, 16, 8)  # sides of the maps that have it
    num_head_channels: int = 64
    updown: bool = True             # residual blocks resample, else plain layers do
    scale_shift: bool = True
    out_channels: int = 6


SHAPES = {"full256": Shape(), "small32": Shape(image_size=32, num_channels=64, channel_mult=(1, 2, 2, 2), attention=(16, 8), num_head_channels=32)}


class FloatNorm(nn.GroupNorm):
    """Group norm over 32 groups that computes in float32 whatever the map's type."""

    def __init__(self, channels):
        super().__init__(32, channels)

    def forward(self, x):
        return F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps).type(x.dtype)


class ResidualBlock(nn.Module):
    def __init__(self, shape, channels, out, sampling=None):
        super().__init__()
        width = 4 * shape.num_channels
        self.modulates, self.sampling = shape.scale_shift, sampling
        self.in_layers = nn.Sequential(FloatNorm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(width, out * (2 if shape.scale_shift else 1)))
        self.out_layers = nn.Sequential(FloatNorm(out), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(out, out, 3, padding=1))
        self.skip_connection = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def resampled(self, x):
        if self.sampling is None:
            return x
        return F.interpolate(x, scale_factor=2.0, mode="nearest") if self.sampling == "up" else F.avg_pool2d(x, kernel_size=2)

    def forward(self, x, emb):
        norm, act, conv = self.in_layers
        h = conv(self.resampled(act(norm(x))))
        modulation = self.emb_layers(emb)[:, :, None, None]
        if self.modulates:
            norm, *rest = self.out_layers
            gain, offset = torch.chunk(modulation, 2, dim=1)
            h = norm(h) * (gain + 1) + offset
            for layer in rest:
                h = layer(h)
        else:
            h = self.out_layers(h + modulation)
        return h + self.skip_connection(self.resampled(x))


class SelfAttention(nn.Module):
    def __init__(self, shape, channels):
        super().__init__()
        self.width = shape.num_head_channels
        self.norm = FloatNorm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x, _):
        flat = x.flatten(2)                                                                # (N, C, L)
        parts = self.qkv(self.norm(flat)).reshape(len(x), -1, 3, self.width, flat.shape[2])  # heads outside, [q k v] inside each
        q, k, v = (part.flatten(0, 1) for part in parts.unbind(2))                         # each (N heads, width, L)
        each = self.width ** -0.25                                                         # on both sides, so that 16-bit products stay small
        weights = torch.bmm((q * each).transpose(1, 2), k * each).float().softmax(dim=-1).type(v.dtype)
        mixed = torch.bmm(v, weights.transpose(1, 2)).reshape(flat.shape)
        return (flat + self.proj_out(mixed)).view(x.shape)


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x, _):
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, _):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.ModuleList):
    """A block in the papers' sense: layers that follow one another."""

    def forward(self, x, emb):
        for layer in self:
            x = layer(x) if isinstance(layer, nn.Conv2d) else layer(x, emb)
        return x


class AdmUNet(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        base, levels = shape.num_channels, len(shape.channel_mult)
        self.time_embed = nn.Sequential(nn.Linear(base, 4 * base), nn.SiLU(), nn.Linear(4 * base, 4 * base))

        width, side = base * shape.channel_mult[0], shape.image_size
        self.input_blocks, kept = nn.ModuleList([Stage([nn.Conv2d(3, width, 3, padding=1)])]), [width]

        def body(channels, out):
            return [ResidualBlock(shape, channels, out)] + ([SelfAttention(shape, out)] if side in shape.attention else [])

        for level in range(levels):
            for _ in range(shape.num_res_blocks):
                out = base * shape.channel_mult[level]
                self.input_blocks.append(Stage(body(width, out)))
                width = out
                kept.append(width)
            if level + 1 < levels:
                self.input_blocks.append(Stage([ResidualBlock(shape, width, width, "down") if shape.updown else Downsample(width)]))
                kept.append(width)
                side //= 2

        self.middle_block = Stage([ResidualBlock(shape, width, width), SelfAttention(shape, width), ResidualBlock(shape, width, width)])

        self.output_blocks = nn.ModuleList()
        for level in range(levels - 1, -1, -1):
            for i in range(shape.num_res_blocks + 1):
                out = base * shape.channel_mult[level]
                layers = body(width + kept.pop(), out)
                width = out
                if level > 0 and i == shape.num_res_blocks:
                    layers.append(ResidualBlock(shape, width, width, "up") if shape.updown else Upsample(width))
                    side *= 2
                self.output_blocks.append(Stage(layers))
        self.out = nn.Sequential(FloatNorm(width), nn.SiLU(), nn.Conv2d(width, shape.out_channels, 3, padding=1))

    def embedding(self, t):
        half = self.shape.num_channels // 2
        frequency = 10000.0 ** (-torch.arange(half, dtype=torch.float32) / half)
        angle = t.float().unsqueeze(1) * frequency
        return self.time_embed(torch.cat((torch.cos(angle), torch.sin(angle)), dim=1))

    def blocks(self, x, t, dtype=torch.float32):
        """Yields the output of block 1, 2, ... as it is computed; who stops asking stops the pass."""
        emb, h, skips = self.embedding(t).to(dtype), x.to(dtype), []
        for stage in self.input_blocks:
            h = stage(h, emb)
            skips.append(h)
            yield h
        h = self.middle_block(h, emb)
        yield h
        for stage in self.output_blocks:
            h = stage(torch.cat((h, skips.pop()), dim=1), emb)
            yield h

    def features(self, x, t, last=None, dtype=torch.float32):
        """The output of block `last`, from 1; None: of the last one there is."""
        for number, h in enumerate(self.blocks(x, t, dtype), 1):
            if number == last:
                break
        return h

    def fed_back(self, x, t, maps, last, dtype=torch.float32):
        """Block `last` of a pass in which maps[e] is added to the output of input block e."""
        emb, h, skips = self.embedding(t).to(dtype), x.to(dtype), []
        for number, stage in enumerate(self.input_blocks, 1):
            h = stage(h, emb)
            if number in maps:
                h = h + F.interpolate(maps[number], h.shape[2:], mode="bilinear", align_corners=False).to(h.dtype)
            skips.append(h)
        h = self.middle_block(h, emb)
        for stage in self.output_blocks[:last - len(self.input_blocks) - 1]:
            h = stage(torch.cat((h, skips.pop()), dim=1), emb)
        return h

    def forward(self, x, t):
        return self.out(self.features(x, t).float())


def seconds_of(action, repeat, warm_up):
    for _ in range(warm_up):
        action()
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return taken


def report(arguments, **figures):
    print(json.dumps(dict(config=arguments.config, batch=arguments.batch, dtype=arguments.dtype, channels_last=arguments.channels_last,
                          threads=torch.get_num_threads(), torch=torch.__version__, **figures)))


def frozen(arguments):
    """The net and a batch for it."""
    torch.manual_seed(0)
    shape, dtype = SHAPES[arguments.config], getattr(torch, arguments.dtype)
    net = AdmUNet(shape).eval().requires_grad_(False)
    for trunk in (net.input_blocks, net.middle_block, net.output_blocks):
        for layer in trunk.modules():
            if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear)):
                layer.to(dtype)                                                            # norms and the time embedding stay float32
    x, t = torch.randn(arguments.batch, 3, shape.image_size, shape.image_size), torch.full((arguments.batch,), 150)
    if arguments.channels_last:
        net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    return net, x, t, dtype


def run_time(arguments):
    net, x, t, dtype = frozen(arguments)
    last = None if arguments.full else arguments.block
    with torch.no_grad():
        each = [s / arguments.batch for s in seconds_of(lambda: net.features(x, t, last, dtype), arguments.repeat, warm_up=2)]
    report(arguments, block=arguments.block, full=arguments.full, seconds_per_image=min(each), median=statistics.median(each))


def run_feedback(arguments):
    net, x, t, dtype = frozen(arguments)
    sources = [int(number) for number in arguments.sources.split(",")]
    total = len(net.input_blocks) + 1 + len(net.output_blocks)
    with torch.no_grad():
        channels = [h.shape[1] for h in net.blocks(x[:1], t[:1], dtype)]
    layers = nn.ModuleDict({str(b): nn.Sequential(nn.Conv2d(channels[b - 1], channels[total - b], 1, bias=False), nn.BatchNorm2d(channels[total - b]), nn.ReLU())
                            for b in sources})
    optimizer = torch.optim.SGD(layers.parameters(), lr=1e-2)

    def step():
        with torch.no_grad():
            first = {number: h for number, h in zip(range(1, max(sources) + 1), net.blocks(x, t, dtype)) if number in sources}
        maps = {total + 1 - b: layers[str(b)](first[b].float()) for b in sources}
        optimizer.zero_grad()
        net.fed_back(x, t, maps, arguments.block, dtype).float().square().mean().backward()
        optimizer.step()

    taken = seconds_of(step, arguments.repeat, warm_up=2)
    report(arguments, step="feedback", block=arguments.block, sources=sources, parameters=sum(p.numel() for p in layers.parameters()),
           pictures_per_second=arguments.batch / min(taken), median=arguments.batch / statistics.median(taken))


def run_train(arguments):
    torch.manual_seed(0)
    shape = SHAPES[arguments.config]
    net = AdmUNet(shape)
    if arguments.channels_last:
        net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), dim=0)
    pictures = (arguments.batch, 3, shape.image_size, shape.image_size)

    def step():
        x0, noise, t = torch.rand(pictures) * 2 - 1, torch.randn(pictures), torch.randint(len(kept), (arguments.batch,))
        signal = kept[t].view(-1, 1, 1, 1)
        x = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
        if arguments.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.dtype == "bfloat16"):
            predicted = net(x, t)[:, :3]
        optimizer.zero_grad()
        F.mse_loss(predicted.float(), noise).backward()
        optimizer.step()

    taken = seconds_of(step, arguments.repeat, warm_up=2)
    report(arguments, step="train", parameters=sum(p.numel() for p in net.parameters()),
           pictures_per_second=arguments.batch / min(taken), median=arguments.batch / statistics.median(taken))


class Pooled(nn.Module):
    def __init__(self, net, last):
        super().__init__()
        self.net, self.last = net, last

    def forward(self, x, t):
        return self.net.features(x, t, self.last).mean(dim=(2, 3))


def run_export(arguments):
    net, x, t, _ = frozen(arguments)
    pooled = Pooled(net, arguments.block).eval()
    path = lambda name: os.path.join(arguments.folder, name)
    with torch.no_grad():
        x.numpy().tofile(path("x.bin"))
        pooled(x, t).numpy().tofile(path("y.bin"))
        torch.onnx.export(pooled, (x, t), path("net.onnx"), input_names=["x", "t"], output_names=["y"], opset_version=16)


def run_check(arguments):
    with open(arguments.config) as file:
        net = AdmUNet(Shape(**json.load(file))).eval()
    net.load_state_dict(torch.load(arguments.checkpoint))
    given = torch.load(arguments.input)
    with torch.no_grad():
        for number, h in enumerate(net.blocks(given["x"], given["timesteps"]), 1):
            print(number, tuple(h.shape), float(h.norm()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)

    def verb(name, run, config, batch, repeat):
        it = verbs.add_parser(name)
        it.set_defaults(run=run)
        it.add_argument("--config", choices=sorted(SHAPES), default=config)
        it.add_argument("--batch", type=int, default=batch)
        it.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
        it.add_argument("--channels-last", action="store_true")
        it.add_argument("--repeat", type=int, default=repeat)
        it.add_argument("--threads", type=int)
        return it

    timing = verb("time", run_time, config="full256", batch=1, repeat=3)
    timing.add_argument("--block", type=int, default=24)
    timing.add_argument("--full", action="store_true")
    feedback = verb("feedback", run_feedback, config="full256", batch=1, repeat=3)
    feedback.add_argument("--block", type=int, default=24)
    feedback.add_argument("--from", dest="sources", default="21,24,27,30,33,36")
    export = verb("export", run_export, config="full256", batch=4, repeat=1)
    export.add_argument("folder")
    export.add_argument("--block", type=int, default=24)
    verb("train", run_train, config="small32", batch=64, repeat=5)
    check = verbs.add_parser("check")
    check.set_defaults(run=run_check, threads=None)
    for name in ("config", "checkpoint", "input"):
        check.add_argument(name)

    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads or len(os.sched_getaffinity(0)))
    arguments.run(arguments)


if __name__ == "__main__":
    main()
