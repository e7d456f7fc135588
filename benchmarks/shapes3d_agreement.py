"""How nearly the rendered 3-D shapes agree with original frames of 3D Shapes, and how fast the set is rendered.

    python benchmarks/shapes3d_agreement.py --data-root DIR [--picture FILE.png]

DIR holds shapes3d_frames.npz: `images` (N, 64, 64, 3) uint8 and `latents_classes` (N, 6), the factors of each. Writes
benchmarks/results/shapes3d_agreement.json and prints the tables of docs/shapes3d.md. The frames at hand are those of a
GIF: their palette and dither alone move colours by some levels.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from kelbo.data.shapes3d import FACTORS, GEOMETRIES, SHAPES, SKY, light_of, render, shapes3d

RESULT = Path(__file__).parent / "results" / "shapes3d_agreement.json"
SURFACES = ("floor", "wall", "object")


def hue_and_saturation(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RGB (…, 3) in levels to hue in degrees and saturation in [0, 1], (…) each."""
    red, green, blue = np.moveaxis(pixels.astype(float), -1, 0)
    high, low = pixels.max(-1).astype(float), pixels.min(-1).astype(float)
    hue = np.degrees(np.arctan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
    return hue, (high - low) / np.maximum(high, 1)


def apart(one: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """Degrees between hues."""
    return np.abs((one - other + 180) % 360 - 180)


def colour_of(pixels: np.ndarray) -> float:
    """Hue of the mean colour of pixels (n, 3), degrees."""
    return float(hue_and_saturation(pixels.mean(0))[0])


def hue_errors(frames: np.ndarray, drawn: np.ndarray, factors: np.ndarray) -> dict:
    """Per surface: degrees between the mean colours of the pixels that it fills in our picture."""
    light = light_of(torch.from_numpy(FACTORS.index(torch.from_numpy(factors)).numpy() % GEOMETRIES)).numpy()
    light = light.reshape(-1, 5, 64, 64)
    alone = {"floor": (light[:, 1:4] == 0).all(1), "wall": (light[:, [0, 2, 3]] == 0).all(1)}
    alone["object"] = (light[:, [0, 1, 3]] == 0).all(1)
    found = {}
    for surface in SURFACES:
        errors = [
            float(apart(np.array(colour_of(frame[mask])), colour_of(ours[mask])))
            for frame, ours, mask in zip(frames, drawn, alone[surface], strict=True)
        ]
        found[surface] = {"mean": round(float(np.mean(errors)), 2), "max": round(max(errors), 2)}
    return found


def silhouette(pixels: np.ndarray, hue: int) -> np.ndarray:
    """Pixels of the object's hue (0 … 9) and of a surface's saturation; the sky's is 0.39."""
    found, saturation = hue_and_saturation(pixels)
    return (apart(found, 36.0 * hue) < 18) & (saturation > 0.6)


def overlaps(frames: np.ndarray, drawn: np.ndarray, factors: np.ndarray) -> dict:
    """Intersection over union of the object's silhouettes, of frames whose object differs in hue from its room."""
    found: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    for frame, ours, (floor, wall, own, _, shape, _) in zip(frames, drawn, factors, strict=True):
        if own not in (floor, wall):
            one, other = silhouette(frame, own), silhouette(ours, own)
            found[SHAPES[shape]].append((one & other).sum() / (one | other).sum())
    return {
        shape: {"frames": len(ious), "mean": round(float(np.mean(ious)), 4), "min": round(float(min(ious)), 4)}
        for shape, ious in found.items()
    }


def edge(column: np.ndarray, above: np.ndarray, below: np.ndarray) -> float:
    """Rows (to fractions) that a column of pixels (n, 3) has in the colour above an edge: its place."""
    way = above - below
    return float(((column - below) @ way / (way @ way)).clip(0, 1).sum())


def edges(pixels: np.ndarray, clear: np.ndarray) -> Iterator[tuple[float, float]]:
    """Of each clear column: the row at which the wall begins, and that at which it meets the floor."""
    for column in np.flatnonzero(clear):
        line = pixels[:, column].astype(float)
        wall_top, wall_foot, floor = line[22:26].mean(0), line[34:38].mean(0), line[44:48].mean(0)
        yield edge(line[:30], 255 * np.array(SKY), wall_top), 30 + edge(line[30:48], wall_foot, floor)


def edge_errors(frames: np.ndarray, drawn: np.ndarray, factors: np.ndarray) -> dict:
    """Pixels between the edges of the two, over columns that the object leaves free in frames of unlike floor and wall."""
    errors = []
    for frame, ours, (floor, wall, *_) in zip(frames, drawn, factors, strict=True):
        if floor != wall:
            clear = np.r_[0:18, 46:64]  # the largest object spans columns 20 to 44
            mask = np.isin(np.arange(64), clear)
            errors += [np.subtract(a, b) for a, b in zip(edges(frame, mask), edges(ours, mask), strict=True)]
    top, foot = np.array(errors).T
    return {
        name: {"mean_absolute": round(float(np.abs(e).mean()), 3), "mean": round(float(e.mean()), 3)}
        for name, e in (("wall_top", top), ("horizon", foot))
    }


def speed() -> dict:
    """Seconds to render the set, its bytes, and milliseconds to take a batch of 256, of processor and by the clock."""
    clock, processor = time.perf_counter(), time.process_time()
    images = shapes3d().images
    setup = {
        "seconds": round(time.perf_counter() - clock, 2),
        "processor_seconds": round(time.process_time() - processor, 2),
    }
    batches = torch.randint(0, len(images), (200, 256), generator=torch.Generator().manual_seed(0))
    takes = []
    for index in batches:
        start = time.perf_counter(), time.process_time()
        images.take(index)
        takes.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = np.median(takes, axis=0) * 1e3
    return {
        "images": len(images),
        "bytes": images.nbytes,
        "setup": setup,
        "take_256": {"milliseconds": round(clock, 2), "processor_milliseconds": round(processor, 2)},
        "peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "first_pictures_equal_render": torch.equal(images.take(batches[0, :16]), render(FACTORS.of(batches[0, :16]))),
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


def save_picture(path: Path, frames: np.ndarray, drawn: np.ndarray, columns: int = 9, zoom: int = 2) -> None:
    """Pairs of pictures, the original above ours."""
    from PIL import Image

    cells = np.pad(np.stack([frames, drawn], 1), ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), constant_values=90)
    cells = np.concatenate([cells, np.full((-len(cells) % columns, *cells.shape[1:]), 90, np.uint8)])
    rows, side = len(cells) // columns, cells.shape[2]
    grid = cells.reshape(rows, columns, 2, side, side, 3).transpose(0, 2, 3, 1, 4, 5)
    grid = grid.reshape(rows * 2 * side, columns * side, 3)
    Image.fromarray(grid).resize((grid.shape[1] * zoom, grid.shape[0] * zoom), Image.Resampling.NEAREST).save(path)


def table(result: dict) -> str:
    """The figures as Markdown."""
    lines = ["| shape | frames | mean IoU | lowest IoU |", "|---|---|---|---|"]
    for shape, found in result["silhouette_iou"].items():
        lines.append(f"| {shape} | {found['frames']} | {found['mean']:.3f} | {found['min']:.3f} |")
    lines += ["", "| surface | mean hue error | largest |", "|---|---|---|"]
    for surface, found in result["hue_error_degrees"].items():
        lines.append(f"| {surface} | {found['mean']:.1f}° | {found['max']:.1f}° |")
    for name, found in result["edge_error_px"].items():
        lines.append(f"\n{name}: {found['mean_absolute']:.2f} px")
    lines.append(f"\nmean absolute colour error: {result['colour_error_levels']['mean']:.1f} levels")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="the folder that holds shapes3d_frames.npz")
    parser.add_argument("--picture", type=Path, help="also save originals and renderings, one above the other")
    arguments = parser.parse_args()
    path = arguments.data_root / "shapes3d_frames.npz"
    if not path.exists():
        sys.exit(f"{path} is absent, so there is nothing to compare with: skipped.")
    with np.load(path) as archive:
        frames, factors = archive["images"], archive["latents_classes"]
    drawn = render(torch.from_numpy(factors)).permute(0, 2, 3, 1).numpy()
    per_frame = np.abs(frames.astype(float) - drawn).mean((1, 2, 3))
    result = {
        "frames": len(frames),
        "hue_error_degrees": hue_errors(frames, drawn, factors),
        "edge_error_px": edge_errors(frames, drawn, factors),
        "silhouette_iou": overlaps(frames, drawn, factors),
        "colour_error_levels": {"mean": round(float(per_frame.mean()), 2), "max": round(float(per_frame.max()), 2)},
        "whole_set": speed(),
        "hardware": hardware(),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    if arguments.picture:
        save_picture(arguments.picture, frames, drawn)
    print(table(result))


if __name__ == "__main__":
    main()
