"""Speed of the data path alone: seeded random batches of 256 as float32 on the device, 64×64×1, beside a DataLoader.

    python benchmarks/data_speed.py               # writes benchmarks/results/data_path.json

"bytes" takes them from a uint8 array, "bits" from bit-packed frames.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from interleave import interleaved, measure, write
from train_speed import frames

BATCH, COUNT, STEPS = 256, 20_000, 400


def loader() -> tuple[int, float]:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    data = DataLoader(TensorDataset(torch.from_numpy(frames(COUNT)).float()), BATCH, shuffle=True)
    next(iter(data))
    begun, images = time.perf_counter(), 0
    for (batch,) in data:
        images += len(batch)
    return images, time.perf_counter() - begun


def kelbo(packed: bool) -> tuple[int, float]:
    import torch

    from kelbo.data.batches import Batches
    from kelbo.data.images import ArrayImages
    from kelbo.data.packed import PackedImages
    from kelbo.machine import keep_freed_memory

    keep_freed_memory()
    pixels = torch.from_numpy(frames(COUNT))
    images = PackedImages.pack(pixels) if packed else ArrayImages(pixels, levels=2)
    batches = iter(Batches(images, BATCH, seed=0, device=torch.device("cpu")))
    next(batches).as_intensities(2)
    begun = time.perf_counter()
    for _ in range(STEPS):
        next(batches).as_intensities(2)
    return BATCH * STEPS, time.perf_counter() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=("loader", "bytes", "bits"))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.variant:
        measure(loader if arguments.variant == "loader" else lambda: kelbo(arguments.variant == "bits"))
    else:
        variants = {name: ["--variant", name] for name in ("loader", "bytes", "bits")}
        rows = interleaved(Path(__file__), variants, arguments.rounds)
        write("data_path", "data path, 64×64×1, batch 256, beside a DataLoader", rows, "bits", "loader")
