"""Calibration: the decoder's distribution compared with the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.errors import ScoreError
from kelbo.evaluation.reference import evenly
from kelbo.intervals import finite_or_none
from kelbo.metrics.calibration import central_coverage, integral_transform, uniformity, variance_bins
from kelbo.protocols import Model
from kelbo.seeds import generator, seeded
from kelbo.units import dequantize

PIXELS = 512
"""pixels that are used of each image, drawn with replacement; all if an image has fewer"""


def calibration(
    model: Model, images: Images, *, count: int = 2000, batch_size: int = 256, seed: int = 0
) -> dict[str, Any]:
    """The decoder's calibration on `count` images of a split, spread evenly over it.

    Latents are drawn from q(z | x) once for each image. Probability integral transforms: of a density at dequantised
    pixels (uniform within the level's bin, so that a σ below a grey level is not penalised for the levels) or a table's
    numbers as they are, of a mass randomised. Standard errors and counts are of images, since errors of one image's pixels
    depend on one another.

    Returns JSON: the PIT's histogram and its distances from uniform, the coverage of central intervals, and expected
    beside observed squared error by predicted variance (only the reason if no variance is positive).
    """
    chosen = evenly(images, count)
    with model.evaluating(), seeded(seed, "evaluation"):
        parts = [
            _transforms(model, batch, images.levels, number, seed)
            for number, batch in enumerate(passes(chosen, batch_size, model.device))
        ]
    u, variance, error = (np.concatenate([part[i] for part in parts]) for i in range(3))
    uniform, cover = uniformity(u), central_coverage(u)
    return {
        "images": len(u),
        "pixels": int(u.size),
        **uniform._asdict(),
        "histogram": uniform.histogram.tolist(),
        "coverage": {
            f"{level:g}": {"share": share, "standard_error": finite_or_none(mistake)}
            for level, share, mistake in zip(cover.levels, cover.shares, cover.standard_errors, strict=True)
        },
        "by_variance": _by_variance(variance, error),
    }


def _transforms(
    model: Model, shown: Batch, levels: int | None, number: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PIT, predicted variance and error of some pixels of each image, (B, pixels) each."""
    batch, likelihood = shown.x, model.likelihood
    x, _ = seen = shown.as_intensities(levels)
    output = model.read(seen).output
    target, below = x, None
    if likelihood.kind == "density" and levels is not None:
        target, _ = dequantize(batch, torch.rand(batch.shape, device=batch.device), likelihood.support, levels)
    else:
        below = likelihood.cdf(x, output, strict=True)
    error, variance = likelihood.standardised(x, output)
    pick = generator(seed, "evaluation", number)
    draw = _some(x, pick)
    u = integral_transform(
        _taken(likelihood.cdf(target, output), draw).clip(0, 1),
        None if below is None else _taken(below, draw).clip(0, 1),
        seed=number,
    )
    draw = draw if error.shape == x.shape else _some(error, pick)
    return u, _taken(variance, draw), _taken(error, draw)


def _some(values: Tensor, pick: torch.Generator) -> Tensor:
    """Which of each example's values are looked at, (B, pixels): all, or as many as a histogram needs."""
    dims = values[0].numel()
    if dims <= PIXELS:
        return torch.arange(dims).expand(len(values), -1)
    return torch.randint(dims, (len(values), PIXELS), generator=pick)


def _taken(values: Tensor, index: Tensor) -> np.ndarray:
    return values.flatten(1).cpu().double().gather(1, index).numpy()


def _by_variance(variance: np.ndarray, error: np.ndarray) -> dict[str, Any]:
    try:
        bins = variance_bins(variance, error)
    except ScoreError as reason:
        return {"reason": str(reason)}
    columns = {name: column.tolist() for name, column in bins._asdict().items()}
    return columns | {"standard_error": [finite_or_none(error) for error in bins.standard_error]}
