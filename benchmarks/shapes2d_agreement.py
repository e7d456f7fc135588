"""How nearly the drawn 2-D shapes agree with original frames of dSprites, and how fast the whole set is drawn.

    python benchmarks/shapes2d_agreement.py --data-root DIR [--picture FILE.png]

DIR holds dsprites_frames.npz: `imgs` (N, 64, 64) and `latents_classes` (N, 6: colour, then the five factors), as in the
published archive. Writes benchmarks/results/shapes2d_agreement.json and prints the table of docs/shapes2d.md.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kelbo.data.shapes2d import FACTORS, SHAPES, covers, render, shapes2d

RESULT = Path(__file__).parent / "results" / "shapes2d_agreement.json"


def agreement(drawn: Tensor, frames: Tensor, classes: Tensor) -> dict:
    """Figures of one shape: bool frames (N, 64, 64) of both kinds, factors (N, 5)."""
    overlap = (drawn & frames).sum((1, 2)) / (drawn | frames).sum((1, 2))
    unequal = torch.nonzero(drawn != frames)
    return {
        "frames": len(frames),
        "positions": len(classes[:, 3:].unique(dim=0)),
        "frames_equal": int((drawn == frames).all(2).all(1).sum()),
        "iou_mean": round(overlap.mean().item(), 6),
        "iou_min": round(overlap.min().item(), 6),
        "pixels_equal": round((drawn == frames).double().mean().item(), 8),
        "pixels_along_the_outline": int(near_outline(frames).sum()),
        "unequal": [
            describe(classes[n], row, column, bool(frames[n, row, column])) for n, row, column in unequal.tolist()
        ],
    }


def near_outline(frames: Tensor) -> Tensor:
    """Pixels with a neighbour (of eight) of the other value."""
    level = frames.float()[:, None]
    highest, lowest = (sign * torch.nn.functional.max_pool2d(sign * level, 3, 1, 1)[:, 0] for sign in (1, -1))
    return highest != lowest


def describe(factors: Tensor, row: int, column: int, original: bool) -> dict:
    """An unequal pixel, and how far its centre lies from our outline (px, to 0.0005)."""
    shape, scale, orientation, x, y = factors.tolist()
    size, angle = (5 + scale) / 10, 2 * math.pi * orientation / 39
    across, down = column - 15.5 - 32 * x / 31, row - 15.5 - 32 * y / 31
    turns = torch.arange(720, dtype=torch.float64) * (math.pi / 360)
    for distance in np.arange(0.0005, 1, 0.0005):
        dx, dy = across + distance * turns.cos(), down + distance * turns.sin()
        u, v = math.cos(angle) * dx - math.sin(angle) * dy, math.sin(angle) * dx + math.cos(angle) * dy
        if (covers(shape, u / size, v / size) == original).any():
            break
    named = dict(zip(FACTORS.names, factors.tolist(), strict=True))
    return {**named, "row": row, "column": column, "original": int(original), "px_from_outline": round(distance, 4)}


def speed() -> dict:
    """Seconds to draw the whole set (best of three), its bytes, and milliseconds to take a batch of 256 (median)."""
    draws, images = [], None
    for _ in range(3):
        del images  # before the next is drawn: the peak is that of one
        start = time.perf_counter()
        images = shapes2d().images
        draws.append(time.perf_counter() - start)
    batches = torch.randint(0, len(images), (400, 256), generator=torch.Generator().manual_seed(0))
    same = torch.equal(images.take(batches[0]), render(FACTORS.of(batches[0])))
    takes = []
    for index in batches:
        start = time.perf_counter()
        images.take(index)
        takes.append(time.perf_counter() - start)
    return {
        "images": len(images),
        "render_seconds": round(min(draws), 2),
        "bytes": images.nbytes,
        "peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "take_256_milliseconds": round(float(np.median(takes)) * 1e3, 3),
        "first_batch_equals_render": same,
    }


def hardware() -> dict:
    names = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "cpu": names[0],
        "cores": len(names),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def save_picture(path: Path, drawn: Tensor, frames: Tensor, classes: Tensor) -> None:
    """Pairs of frames, the original above ours; a pixel that only one of them has is red or blue."""
    from PIL import Image

    chosen = torch.cat(
        [torch.nonzero(classes[:, 0] == shape)[:, 0][:: 8 + 16 * (shape == 2)][:7] for shape in range(3)]
    )
    chosen = torch.cat([chosen, torch.nonzero((drawn != frames).any(2).any(1))[:, 0]])
    ours = torch.stack([drawn, drawn & frames, frames], dim=-1)  # red: ours alone, blue: the original's alone
    theirs = frames[..., None].expand_as(ours)
    cells = torch.stack([theirs, ours], 1)[chosen].to(torch.uint8) * 255
    cells = torch.nn.functional.pad(cells, (0, 0, 1, 1, 1, 1), value=90)
    cells = torch.cat([cells, cells.new_zeros(-len(cells) % 8, *cells.shape[1:])])
    rows, _, side = cells.shape[0] // 8, *cells.shape[1:3]
    grid = cells.view(rows, 8, 2, side, side, 3).permute(0, 2, 3, 1, 4, 5).reshape(rows * 2 * side, 8 * side, 3)
    Image.fromarray(grid.numpy()).resize((grid.shape[1] * 2, grid.shape[0] * 2), Image.Resampling.NEAREST).save(path)


def table(shapes: dict) -> str:
    """The figures as Markdown."""
    heads = ["shape", "frames", "at positions", "equal in every pixel", "mean IoU", "lowest IoU", "unequal pixels"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, found in shapes.items():
        counts = f"{found['frames']} | {found['positions']} | {found['frames_equal']}"
        overlaps = f"{found['iou_mean']:.5f} | {found['iou_min']:.4f}"
        lines.append(f"| {name} | {counts} | {overlaps} | {len(found['unequal'])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="the folder that holds dsprites_frames.npz")
    parser.add_argument("--picture", type=Path, help="also save originals and drawings side by side")
    arguments = parser.parse_args()
    with np.load(arguments.data_root / "dsprites_frames.npz") as archive:
        frames, classes = torch.from_numpy(archive["imgs"]).bool(), torch.from_numpy(archive["latents_classes"][:, 1:])
    drawn = render(classes)[:, 0].bool()
    of_shape = [classes[:, 0] == shape for shape in range(len(SHAPES))]
    shapes = {name: agreement(drawn[k], frames[k], classes[k]) for name, k in zip(SHAPES, of_shape, strict=True)}
    result = {"shapes": shapes, "whole_set": speed(), "hardware": hardware()}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    if arguments.picture:
        save_picture(arguments.picture, drawn, frames, classes)
    print(table(shapes))


if __name__ == "__main__":
    main()
