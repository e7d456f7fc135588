"""Speed of the Burgess encoder alone, which is what evaluation runs, beside a stock evaluation loop.

    python benchmarks/encode_speed.py             # writes benchmarks/results/burgess_encode.json

The stock loop is what one writes: plain layers, a DataLoader of float images, batch 1,024, `torch.no_grad()`. kelbo's is
`kelbo.evaluation.encode` over images held as uint8, which also turns log-variances into standard deviations.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from interleave import interleaved, measure, write
from train_speed import frames

BATCH, BATCHES = 1024, 8


def stock() -> tuple[int, float]:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    layers = []
    for before in (1, 32, 32, 32):
        layers += [nn.Conv2d(before, 32, 4, 2, 1), nn.ReLU()]
    linear = [nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 20)]
    encoder = nn.Sequential(*layers, nn.Flatten(), *linear).eval()
    images = torch.from_numpy(frames(BATCH * BATCHES)).float()

    def run(data: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [encoder(batch) for (batch,) in DataLoader(TensorDataset(data), BATCH)]

    run(images[: 2 * BATCH])
    begun = time.perf_counter()
    run(images)
    return len(images), time.perf_counter() - begun


def kelbo() -> tuple[int, float]:
    from kelbo.data.image_set import ImageSet
    from kelbo.data.images import ArrayImages
    from kelbo.evaluation import encode
    from kelbo.machine import keep_freed_memory
    from kelbo.recipes import build
    from kelbo.recipes.named import shapes2d_beta

    keep_freed_memory()
    images = ArrayImages(frames(BATCH * BATCHES), levels=2)
    model = build.model(shapes2d_beta(), ImageSet("discs", {"train": images}, "drawn"))
    encode(model, ArrayImages(images.pixels[: 2 * BATCH], levels=2), BATCH)
    begun = time.perf_counter()
    encode(model, images, BATCH)
    return len(images), time.perf_counter() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=("stock", "kelbo"))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.variant:
        measure({"stock": stock, "kelbo": kelbo}[arguments.variant])
    else:
        rows = interleaved(Path(__file__), {n: ["--variant", n] for n in ("stock", "kelbo")}, arguments.rounds)
        write("burgess_encode", "Burgess encoder, 64×64×1, inference, beside a stock loop", rows, "kelbo", "stock")
