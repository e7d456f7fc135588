"""A very deep VAE's training step beside a plain transcription of the reference's loop, in one interleaved run.

    python benchmarks/vdvae_speed.py    # 19 groups, width 128, 32×32×3, batch 8 → results/vdvae_speed.json

The network is `tests/oracles/published_vdvae.py`, the loop what the release says of its own: the average of
the weights tensor by tensor, unfused AdamW, statistics that wait for the device after every step. Both have the same network,
weights, images and allocator; before anything is timed, their losses are compared at the same noise. Three warm-up steps (which
compile), then timed ones.

Two processes share the batch, with a thread each, as `kelbo train --devices 2` does; their memory is summed. The step's
convolutions alone are timed too, in the transcription's layout and in the fastest one found, as a floor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from interleave import interleaved, measure, write
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.oracles.published_vdvae import release

if TYPE_CHECKING:
    from kelbo.bound import Batch
    from kelbo.distributed.fabric import Fabric
    from kelbo.protocols import Model
    from kelbo.recipes import Recipe
    from kelbo.training import TrainState, Update

Weights = dict[str, Tensor]

ENCODER, DECODER = "32x4,32d2,16x3,16d2,8x2,8d2,4x2,4d4,1x2", "1x1,4m1,4x2,8m4,8x3,16m8,16x4,32m16,32x5"
WIDTH, LATENTS, BATCH, SIDE = 128, 16, 8, 32
DIMS = 3 * SIDE * SIDE
WARMUP, STEPS, FLOOR_STEPS, EMA, CLIP, SKIP = 3, 20, 5, 0.9999, 200.0, 400.0
WHAT = "Very deep VAE, 19 groups, width 128, 32×32×3, batch 8, AdamW, training"
RATE, BETAS, DECAY = 2e-4, (0.9, 0.9), 0.01


# ── the reference ─────────────────────────────────────────────────────────────────────────────────────────────────────


def reference_weights() -> Weights:
    """Those that kelbo's model begins with, by the release's names."""
    from kelbo.experiments.published_vdvae import published_name

    own = kelbo_model(kelbo_recipe(False)).state_dict()
    named = {published_name(name): value[None] if value.ndim == 3 else value for name, value in own.items()}
    plain = torch.contiguous_format  # the release's own layout, which a copy would take over from kelbo's otherwise
    return {name: value.detach().clone(memory_format=plain).requires_grad_() for name, value in named.items()}


def reference_values(weights: Weights, images: Tensor, noises: list[Tensor]) -> dict[str, Tensor]:
    """Loss, distortion and rate in nats per dimension; images (B, 3, H, W) on [-1, 1]."""
    from kelbo.networks.layer_lists import decoder_layers, encoder_layers

    layers = encoder_layers(ENCODER), decoder_layers(DECODER)
    rates, distortion = release(weights, *layers, images, images, noises)
    rate, distortion = rates.sum(1) / DIMS, distortion / DIMS
    return {"loss": (distortion + rate).mean(), "distortion": distortion.mean(), "rate": rate.mean()}


def noises(draw: Callable[[Tensor], Tensor], count: int = BATCH) -> list[Tensor]:
    """One of each layer's latents, in order."""
    from kelbo.networks.layer_lists import decoder_layers

    return [draw(torch.empty(count, LATENTS, side, side)) for side, _ in decoder_layers(DECODER)]


def reference_step(weights: Weights, average: Weights, optimizer: torch.optim.Optimizer, images: Tensor) -> None:
    """As the release steps: statistics of every step are read from the device, and the average is taken tensor by tensor."""
    begun = time.time()
    for value in weights.values():
        value.grad = None
    values = reference_values(weights, images * 2 - 1, noises(torch.randn_like))
    values["loss"].backward()
    norm = torch.nn.utils.clip_grad_norm_(weights.values(), CLIP).item()
    wrong = [torch.isnan(values[name]).sum() for name in ("distortion", "rate")]
    values |= {"nans": torch.stack(wrong).sum()}
    stats = {name: value.item() for name, value in values.items()}
    if stats["nans"] == 0 and norm < SKIP:
        optimizer.step()
        for own, new in zip(average.values(), weights.values(), strict=True):
            own.data.mul_(EMA)
            own.data.add_(new.data * (1 - EMA))
    stats["iter_time"] = time.time() - begun


def convolutions() -> Counter[tuple[torch.Size, torch.Size, int]]:
    """Of one step of the transcription: shapes of input and weight, and padding."""
    found, plain = Counter[tuple[torch.Size, torch.Size, int]](), F.conv2d

    def noted(x: Tensor, weight: Tensor, bias: Tensor, padding: int = 0) -> Tensor:
        found[x.shape, weight.shape, padding] += 1
        return plain(x, weight, bias, padding=padding)

    F.conv2d = noted
    try:
        with torch.no_grad():
            reference_values(reference_weights(), torch.zeros(BATCH, 3, SIDE, SIDE), noises(torch.randn_like))
    finally:
        F.conv2d = plain
    return found


def only_convolutions(channels_last: bool) -> tuple[int, float]:
    """The step's convolutions alone, forward and backward, each on tensors that stay in the cache: a floor of its time."""
    from kelbo.networks.pointwise import pointwise

    layout, seconds = torch.channels_last if channels_last else torch.contiguous_format, 0.0
    for (shape, weight_shape, padding), count in convolutions().items():
        x, weight = (torch.randn(*size).to(memory_format=layout).requires_grad_() for size in (shape, weight_shape))
        bias = torch.randn(weight_shape[0], requires_grad=True)
        product = channels_last and weight_shape[2] == 1

        def both(x: Tensor = x, weight: Tensor = weight, bias: Tensor = bias, padding: int = padding) -> Tensor:
            return pointwise(x, weight, bias) if product else F.conv2d(x, weight, bias, padding=padding)  # noqa: B023

        slope = torch.randn_like(both())
        for _ in range(WARMUP):
            torch.autograd.grad(both(), (x, weight, bias), slope)
        begun = time.perf_counter()
        for _ in range(count * FLOOR_STEPS):
            torch.autograd.grad(both(), (x, weight, bias), slope)
        seconds += time.perf_counter() - begun
    return BATCH * FLOOR_STEPS, seconds


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pictures(count: int) -> Tensor:
    """Drawn colour pictures (N, 3, 32, 32), uint8: smooth waves, so that no data set is needed."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    return (F.interpolate(coarse, SIDE, mode="bicubic").clamp(0, 1) * 255).round().to(torch.uint8)


def kelbo_recipe(compiled: bool) -> Recipe:
    from kelbo.recipes import change, find

    settings = [
        *("model.kind=hierarchical", f"model.encoder='{ENCODER}'", f"model.decoder='{DECODER}'"),
        *(f"model.width={WIDTH}", f"model.latents={LATENTS}", "likelihood.kind=logistic_mixture_as_published"),
        *("objective.kind=elbo", "optimizer.kind=adamw", f"optimizer.learning_rate={RATE}", "schedule.kind=constant"),
        *(f"optimizer.betas={list(BETAS)}", f"optimizer.weight_decay={DECAY}", f"training.batch_size={BATCH}"),
        *(f"training.ema={EMA}", f"training.clip={CLIP * DIMS}", f"training.compile={str(compiled).lower()}"),
    ]
    return change(find("cifar10-sigma"), settings)


def kelbo_model(recipe: Recipe) -> Model:
    from kelbo.recipes import build
    from kelbo.recipes.build import Outline
    from kelbo.seeds import seeded

    with seeded(0, "init"):
        return build.model(recipe, Outline("waves", (3, SIDE, SIDE), 256))


def kelbo_training(compiled: bool, fabric: Fabric) -> tuple[TrainState, Update]:
    """A state with the transcription's weights, and its update."""
    from kelbo.recipes import build
    from kelbo.training import Ema, TrainState
    from kelbo.training.compiling import compile_networks

    recipe = kelbo_recipe(compiled)
    model = kelbo_model(recipe)
    if compiled:
        compile_networks(model)
    wrapped, optimizer = fabric.setup(model, build.optimizers(recipe, model)["model"])
    memory = build.objective(recipe).initial()
    return TrainState(wrapped, {"model": optimizer}, memory, Ema(model, EMA)), build.update(recipe, fabric)


def launched(processes: int) -> Fabric:
    """Starts the other processes, which run this script too. Threads are shared out, as `kelbo train --devices` does it."""
    from kelbo.distributed.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=processes)
    fabric.launch()
    return fabric


def share(fabric: Fabric) -> Batch:
    """This process's part of the batch."""
    from kelbo.bound import Batch

    return Batch(pictures(BATCH).chunk(fabric.world_size)[fabric.global_rank]).as_intensities(256)


def train_kelbo(compiled: bool, processes: int) -> tuple[int, float]:
    from kelbo.seeds import Source, drawing_from
    from kelbo.training import average_weights, fit

    fabric = launched(processes)
    state, update = kelbo_training(compiled, fabric)
    batch = share(fabric)
    with drawing_from(Source(fabric.global_rank)):
        fit(state, update, iter([batch] * WARMUP + [batch]), WARMUP, [average_weights])
        begun = time.perf_counter()
        fit(state, update, iter([batch] * (STEPS + 1)), WARMUP + STEPS, [average_weights])
    return BATCH * STEPS, time.perf_counter() - begun


def train_reference() -> tuple[int, float]:
    weights, average = reference_weights(), reference_weights()
    optimizer = torch.optim.AdamW(
        weights.values(), lr=RATE, betas=BETAS, weight_decay=DECAY, foreach=False, fused=False
    )
    images = pictures(BATCH).float() / 255
    for _ in range(WARMUP):
        reference_step(weights, average, optimizer, images)
    begun = time.perf_counter()
    for _ in range(STEPS):
        reference_step(weights, average, optimizer, images)
    return BATCH * STEPS, time.perf_counter() - begun


def print_losses(processes: int) -> None:
    """Of the transcription and of kelbo at the same weights, images and noise, nats per image."""
    from kelbo.latents.noise import standard_normal
    from kelbo.seeds import Source, drawing_from

    fabric = launched(processes)
    state, update = kelbo_training(False, fabric)
    with drawing_from(Source(fabric.global_rank)):
        ours = float(update(state, share(fabric))["loss"])
    if fabric.is_global_zero:
        drawn = list[list[Tensor]]()
        for rank in range(processes):
            with drawing_from(Source(rank)):
                drawn.append(noises(standard_normal, BATCH // processes))
        with torch.no_grad():
            whole = [torch.cat(parts) for parts in zip(*drawn, strict=True)]
            theirs = reference_values(reference_weights(), pictures(BATCH) / 127.5 - 1, whole)["loss"].item() * DIMS
        print(json.dumps([theirs, ours]))


def require_equal_losses(processes: int) -> None:
    command = [sys.executable, __file__, "--losses", str(processes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs, ours = json.loads(done.stdout.splitlines()[-1])
    print(
        f"loss of {processes} process(es) at the same noise: reference {theirs:,.4f}, kelbo {ours:,.4f} nats per image"
    )
    if abs(ours / theirs - 1) > 1e-5:
        raise SystemExit("The losses differ, so the speeds do not compare.")


VARIANTS = {
    "reference": train_reference,
    "only convolutions": partial(only_convolutions, False),
    "only convolutions, channels-last": partial(only_convolutions, True),
    **{
        f"kelbo{' compiled' * compiled}{', 2 processes' * (processes - 1)}": partial(train_kelbo, compiled, processes)
        for processes in (1, 2)
        for compiled in (False, True)
    },
}
RESULTS = {
    "vdvae_speed": ("kelbo", ""),
    "vdvae_speed_compiled": ("kelbo compiled", ", compiled"),
    "vdvae_speed_processes": ("kelbo, 2 processes", ", two processes"),
    "vdvae_floor": ("only convolutions, channels-last", ", its convolutions alone"),
    "vdvae_speed_processes_compiled": ("kelbo compiled, 2 processes", ", compiled, two processes"),
}

if __name__ == "__main__":
    from kelbo.machine import keep_freed_memory

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--losses", type=int, help="print the losses of so many processes")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.variant:
        measure(VARIANTS[arguments.variant])
    elif arguments.losses:
        print_losses(arguments.losses)
    else:
        for processes in (1, 2):
            require_equal_losses(processes)
        rows = interleaved(Path(__file__), {name: ["--variant", name] for name in VARIANTS}, arguments.rounds)
        for name, (variant, more) in RESULTS.items():
            write(name, WHAT + more, rows, variant, "reference")
