"""A very deep VAE's training step beside a plain transcription of the reference's loop, in one interleaved run.

    python benchmarks/vdvae_speed.py    # 19 groups, width 128, 32×32×3, batch 8 → results/vdvae_speed.json

The transcription is made from the published description (Child, 2021) and what its release says of its loop: the average of
the weights tensor by tensor, unfused AdamW, statistics that wait for the device after every step. Both have the same network,
weights, images and allocator; before anything is timed, their losses are compared at the same noise. Three warm-up steps (which
compile), then timed ones.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from interleave import interleaved, measure, write
from torch import Tensor, nn

ENCODER, DECODER = "32x4,32d2,16x3,16d2,8x2,8d2,4x2,4d4,1x2", "1x1,4m1,4x2,8m4,8x3,16m8,16x4,32m16,32x5"
WIDTH, LATENTS, MIXTURES, BATCH, SIDE = 128, 16, 10, 8, 32
WARMUP, STEPS, EMA, CLIP, SKIP = 3, 20, 0.9999, 200.0, 400.0
WHAT = "Very deep VAE, 19 groups, width 128, 32×32×3, batch 8, AdamW, training"
RATE, BETAS, DECAY = 2e-4, (0.9, 0.9), 0.01


# ── the reference, from its description ───────────────────────────────────────────────────────────────────────────────


def conv(before: int, after: int, side: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, side, 1, side // 2)
    nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    def __init__(self, before, after, resolution, residual=False, down=None):
        super().__init__()
        side, middle = (3 if resolution > 2 else 1), WIDTH // 4
        self.residual, self.down = residual, down
        self.c1, self.c2 = conv(before, middle, 1), conv(middle, middle, side)
        self.c3, self.c4 = conv(middle, middle, side), conv(middle, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in (self.c1, self.c2, self.c3, self.c4):
            y = layer(F.gelu(y))
        y = x + y if self.residual else y
        return F.avg_pool2d(y, self.down, self.down) if self.down else y


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_conv = conv(3, WIDTH, 3)
        layers = [(resolution, down) for resolution, down, _ in parsed(ENCODER)]
        self.enc_blocks = nn.ModuleList(Block(WIDTH, WIDTH, r, residual=True, down=down) for r, down in layers)
        for block in self.enc_blocks:
            block.c4.weight.data *= (1 / len(layers)) ** 0.5

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        x = self.in_conv(x)
        features = {x.shape[2]: x}
        for block in self.enc_blocks:
            x = block(x)
            features[x.shape[2]] = x
        return features


class DecoderBlock(nn.Module):
    def __init__(self, resolution, mixin, count):
        super().__init__()
        self.resolution, self.mixin = resolution, mixin
        self.enc = Block(2 * WIDTH, 2 * LATENTS, resolution)
        self.prior = Block(WIDTH, 2 * LATENTS + WIDTH, resolution)
        self.z_proj = conv(LATENTS, WIDTH, 1)
        self.resnet = Block(WIDTH, WIDTH, resolution, residual=True)
        self.prior.c4.weight.data *= 0
        self.z_proj.weight.data *= (1 / count) ** 0.5
        self.resnet.c4.weight.data *= (1 / count) ** 0.5

    def forward(self, xs: dict[int, Tensor], features: dict[int, Tensor], draw) -> Tensor:
        acts = features[self.resolution]
        x = xs[self.resolution]
        if len(x) != len(acts):
            x = x.repeat(len(acts), 1, 1, 1)
        if self.mixin:
            x = x + F.interpolate(xs[self.mixin], scale_factor=self.resolution // self.mixin)
        qm, qv = self.enc(torch.cat([x, acts], 1)).chunk(2, 1)
        answer = self.prior(x)
        pm, pv, xpp = answer[:, :LATENTS], answer[:, LATENTS : 2 * LATENTS], answer[:, 2 * LATENTS :]
        x = x + xpp
        z = qv.exp() * draw(qm) + qm
        kl = -0.5 + pv - qv + 0.5 * (qv.exp() ** 2 + (qm - pm) ** 2) / pv.exp() ** 2
        xs[self.resolution] = self.resnet(x + self.z_proj(z))
        return kl


class Reference(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        layers = [(resolution, mixin) for resolution, _, mixin in parsed(DECODER)]
        self.dec_blocks = nn.ModuleList(DecoderBlock(r, mixin, len(layers)) for r, mixin in layers)
        self.resolutions = list(dict.fromkeys(r for r, _ in layers))
        self.bias_xs = nn.ParameterList(nn.Parameter(torch.zeros(1, WIDTH, r, r)) for r in self.resolutions)
        self.gain = nn.Parameter(torch.ones(1, WIDTH, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, WIDTH, 1, 1))
        self.out_conv = conv(WIDTH, MIXTURES * 10, 1)

    def forward(self, seen: Tensor, scored: Tensor, draw=torch.randn_like) -> dict[str, Tensor]:
        """Loss, distortion and rate in nats per dimension; seen: to the encoder, scored: pixels on [-1, 1], (B, H, W, 3)."""
        features = self.encoder(seen)
        xs = dict(zip(self.resolutions, self.bias_xs, strict=True))
        kls = [block(xs, features, draw) for block in self.dec_blocks]
        output = self.out_conv(xs[SIDE] * self.gain + self.bias)
        dims = scored[0].numel()
        distortion = mixture_loss(scored, output.permute(0, 2, 3, 1)) / dims
        rate = sum(kl.sum((1, 2, 3)) for kl in kls) / dims
        return {"loss": (distortion + rate).mean(), "distortion": distortion.mean(), "rate": rate.mean()}


def mixture_loss(x: Tensor, output: Tensor) -> Tensor:
    """Minus the log-mass of pixels x (B, H, W, 3) on [-1, 1] under ten mixed logistics, nats per image."""
    logits, rest = output[..., :MIXTURES], output[..., MIXTURES:].reshape(*x.shape, 3 * MIXTURES)
    mean, raw = rest[..., :MIXTURES], torch.tanh(rest[..., 2 * MIXTURES :])
    log_scale = rest[..., MIXTURES : 2 * MIXTURES].clamp(min=-7.0)
    x = x[..., None] + torch.zeros_like(mean)
    green = mean[..., 1, :] + raw[..., 0, :] * x[..., 0, :]
    blue = mean[..., 2, :] + raw[..., 1, :] * x[..., 0, :] + raw[..., 2, :] * x[..., 1, :]
    centred = x - torch.stack([mean[..., 0, :], green, blue], 3)
    inverse = torch.exp(-log_scale)
    upper, lower, middle = inverse * (centred + 1 / 255), inverse * (centred - 1 / 255), inverse * centred
    mass = torch.sigmoid(upper) - torch.sigmoid(lower)
    first, last = upper - F.softplus(upper), -F.softplus(lower)
    narrow = middle - log_scale - 2 * F.softplus(middle) - torch.log(torch.tensor(127.5))
    inside = torch.where(mass > 1e-5, torch.log(mass.clamp(min=1e-12)), narrow)
    each = torch.where(x < -0.999, first, torch.where(x > 0.999, last, inside))
    return -torch.logsumexp(each.sum(3) + F.log_softmax(logits, -1), -1).sum((1, 2))


def parsed(text: str) -> list[tuple[int, int | None, int | None]]:
    """(resolution, averaged over, mixed in from) of each layer."""
    found = []
    for part in text.split(","):
        for letter in "xdm":
            if letter in part:
                side, number = map(int, part.split(letter))
                plain = [(side, None, None)] * number
                found += {"x": plain, "d": [(side, number, None)], "m": [(side, None, number)]}[letter]
    return found


def reference_step(model: Reference, average: Reference, optimizer, images: Tensor) -> None:
    """As the release steps: statistics of every step are read from the device, and the average is taken tensor by tensor."""
    begun = time.time()
    scored = images.permute(0, 2, 3, 1) * 2 - 1
    model.zero_grad()
    values = model(images * 2 - 1, scored)
    values["loss"].backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item()
    wrong = [torch.isnan(values[name]).sum() for name in ("distortion", "rate")]
    values |= {"nans": sum(wrong)}
    stats = {name: value.item() for name, value in values.items()}
    if stats["nans"] == 0 and norm < SKIP:
        optimizer.step()
        for own, new in zip(average.parameters(), model.parameters(), strict=True):
            own.data.mul_(EMA)
            own.data.add_(new.data * (1 - EMA))
    stats["iter_time"] = time.time() - begun


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pictures(count: int) -> Tensor:
    """Drawn colour pictures (N, 3, 32, 32), uint8: smooth waves, so that no data set is needed."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    return (F.interpolate(coarse, SIDE, mode="bicubic").clamp(0, 1) * 255).round().to(torch.uint8)


def reference_model() -> Reference:
    torch.manual_seed(0)
    return Reference()


def renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The transcription's weights by kelbo's names."""
    names = {
        "encoder.in_conv": "encoder.first",
        "encoder.enc_blocks": "encoder.blocks",
        "dec_blocks": "layers",
        ".enc.": ".posterior.",
        ".z_proj.": ".project.",
        ".resnet.": ".onwards.",
        "out_conv": "exit.output",
    }
    found = {}
    for name, value in weights.items():
        if name in ("gain", "bias"):
            found[f"exit.{name}"] = value[0]
        elif name.startswith("bias_xs."):
            found[f"entries.{name.removeprefix('bias_xs.')}.map"] = value[0]
        else:
            for old, new in names.items():
                name = name.replace(old, new)
            found[name] = value
    return found


def kelbo_training(compiled: bool):
    """A state with the transcription's weights, its update, and the hook that averages."""
    from kelbo.data.image_set import ImageSet
    from kelbo.data.images import ArrayImages
    from kelbo.distributed.fabric import Fabric
    from kelbo.recipes import build, change
    from kelbo.recipes.named import cifar10_sigma
    from kelbo.training import Ema, TrainState
    from kelbo.training.compiling import compile_networks

    settings = [
        *("model.kind=hierarchical", f"model.encoder='{ENCODER}'", f"model.decoder='{DECODER}'"),
        *(f"model.width={WIDTH}", f"model.latents={LATENTS}", "likelihood.kind=logistic_mixture_as_published"),
        *("objective.kind=elbo", "optimizer.kind=adamw", f"optimizer.learning_rate={RATE}", "schedule.kind=constant"),
        *(f"optimizer.betas={list(BETAS)}", f"optimizer.weight_decay={DECAY}", f"training.batch_size={BATCH}"),
        *(
            f"training.ema={EMA}",
            f"training.clip={CLIP * 3 * SIDE * SIDE}",
            f"training.compile={str(compiled).lower()}",
        ),
    ]
    recipe = change(cifar10_sigma(), settings)
    fabric = Fabric(accelerator="cpu", devices=1)
    images = ArrayImages(pictures(BATCH).numpy())
    model = build.model(recipe, ImageSet("waves", {"train": images}, "drawn"))
    model.load_state_dict(renamed(reference_model().state_dict()))
    if compiled:
        compile_networks(model)
    wrapped, optimizer = fabric.setup(model, build.optimizers(recipe, model)["model"])
    memory = build.objective(recipe).initial()
    return TrainState(wrapped, {"model": optimizer}, memory, Ema(model, EMA)), build.update(recipe, fabric)


def train_kelbo(compiled: bool) -> tuple[int, float]:
    from kelbo.bound import Batch
    from kelbo.seeds import Source, drawing_from
    from kelbo.training import average_weights, fit

    state, update = kelbo_training(compiled)
    batch = Batch(pictures(BATCH)).as_intensities(256)
    with drawing_from(Source(0)):
        fit(state, update, iter([batch] * WARMUP + [batch]), WARMUP, [average_weights])
        begun = time.perf_counter()
        fit(state, update, iter([batch] * (STEPS + 1)), WARMUP + STEPS, [average_weights])
    return BATCH * STEPS, time.perf_counter() - begun


def train_reference() -> tuple[int, float]:
    model, average = reference_model(), reference_model()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=BETAS, weight_decay=DECAY, foreach=False, fused=False
    )
    images = pictures(BATCH).float() / 255
    for _ in range(WARMUP):
        reference_step(model, average, optimizer, images)
    begun = time.perf_counter()
    for _ in range(STEPS):
        reference_step(model, average, optimizer, images)
    return BATCH * STEPS, time.perf_counter() - begun


def losses(compiled: bool) -> tuple[float, float]:
    """Of both at the same weights, images and noise, nats per image."""
    from kelbo.bound import Batch
    from kelbo.latents.noise import standard_normal
    from kelbo.seeds import Source, drawing_from

    batch, model = Batch(pictures(BATCH)).as_intensities(256), reference_model()
    with torch.no_grad(), drawing_from(Source(1)):
        scored = batch.x.permute(0, 2, 3, 1) * 2 - 1
        theirs = model(batch.x * 2 - 1, scored, standard_normal)["loss"].item() * scored[0].numel()
    state, update = kelbo_training(compiled)
    with drawing_from(Source(1)):
        ours = float(update(state, batch)["loss"])
    return theirs, ours


VARIANTS = {
    "reference": train_reference,
    "kelbo": lambda: train_kelbo(False),
    "kelbo compiled": lambda: train_kelbo(True),
}

if __name__ == "__main__":
    from kelbo.machine import keep_freed_memory

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.variant:
        measure(VARIANTS[arguments.variant])
    else:
        theirs, ours = losses(False)
        print(f"loss at the same noise: reference {theirs:,.4f}, kelbo {ours:,.4f} nats per image")
        if abs(ours / theirs - 1) > 1e-5:
            raise SystemExit("The losses differ, so the speeds do not compare.")
        rows = interleaved(Path(__file__), {name: ["--variant", name] for name in VARIANTS}, arguments.rounds)
        write("vdvae_speed", WHAT, rows, "kelbo", "reference")
        write("vdvae_speed_compiled", WHAT + ", compiled", rows, "kelbo compiled", "reference")
