"""Memory and speed of training in parts and through torch.compile, beside whole eager steps.

    python benchmarks/accumulate_memory.py        # conv VAE, 64×64×1, batch 1024, Adam → results/accumulate_memory.json

Peak memory is the process's, with Python, PyTorch and the images; "idle" is that of a process that makes all this and takes no
step. A compiled variant's peak is that of its compiler, so only its speed means something.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from interleave import interleaved, measure, write
from train_speed import frames

BATCH, WARMUP, STEPS = 1024, 2, 6
VARIANTS = {
    "whole": [],
    "4 parts": ["training.accumulate=4"],
    "16 parts": ["training.accumulate=16"],
    "optimal σ, whole": ["likelihood.kind=optimal_gaussian"],
    "optimal σ, 4 parts": ["likelihood.kind=optimal_gaussian", "training.accumulate=4"],
    "compiled": ["training.compile=true"],
    "idle": [],
}


def train(variant: str) -> tuple[int, float]:
    """Images and seconds of STEPS steps, as `kelbo train` takes them, without files."""
    import torch

    from kelbo.data.batches import Batches
    from kelbo.data.image_set import ImageSet
    from kelbo.data.images import ArrayImages
    from kelbo.distributed.fabric import Fabric
    from kelbo.experiments.running import beginning
    from kelbo.machine import keep_freed_memory
    from kelbo.recipes import build, change
    from kelbo.recipes.named import shapes2d_beta
    from kelbo.training import fit
    from kelbo.training.compiling import compile_networks

    keep_freed_memory()
    recipe = change(shapes2d_beta(), [f"training.batch_size={BATCH}", *VARIANTS[variant]])
    fabric = Fabric(accelerator="cpu", devices=1)
    images = ArrayImages(frames(BATCH), levels=2)
    torch.manual_seed(0)
    state, update = (
        beginning(recipe, ImageSet("discs", {"train": images}, "drawn"), fabric),
        build.update(recipe, fabric),
    )
    if recipe.training.compile:
        compile_networks(state.network)
    warmup, steps = (0, 0) if variant == "idle" else (WARMUP, STEPS)
    order = Batches(images, BATCH, seed=0, device=fabric.device)
    fit(state, update, (batch.as_intensities(2) for batch in order), warmup)
    begun = time.perf_counter()
    fit(state, update, (batch.as_intensities(2) for batch in order.at(warmup)), warmup + steps)
    return BATCH * steps, time.perf_counter() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if asked.variant:
        measure(lambda: train(asked.variant))
    else:
        what = f"Burgess conv VAE, 64×64×1, batch {BATCH}, Adam: training in parts, and compiled"
        rows = interleaved(Path(__file__), {name: ["--variant", name] for name in VARIANTS}, asked.rounds)
        write("accumulate_memory", what, rows, "4 parts", "whole")
