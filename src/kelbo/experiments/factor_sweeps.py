"""Images with one factor at a time moved: the data's own, the model's reconstructions, and their codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from kelbo import evaluation
from kelbo.data.batches import batch_at
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import SubsetImages
from kelbo.evaluation.encode import encode
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.plane import Plane, plane_of
from kelbo.seeds import generator

VALUES = 11
"""images of a sweep that are shown, evenly spread over a factor's values"""

ENCODED, DRAWS = 64, 8
"""values of a factor that are encoded, and draws from the posterior of each"""


def base(factors: Factors) -> torch.Tensor:
    """The middle value of every factor, int64 (F,)."""
    return torch.tensor(factors.sizes) // 2


def sweep(factors: Factors, column: int, most: int) -> torch.Tensor:
    """The base with one factor at up to `most` of its values, evenly spread with the ends, in order: int64 (values, F)."""
    last = factors.sizes[column] - 1
    values = np.linspace(0, last, min(most, last + 1)).round().astype(int)
    rows = base(factors).repeat(len(values), 1)
    rows[:, column] = torch.from_numpy(values)
    return rows


def sweeps(factors: Factors, most: int) -> list[torch.Tensor]:
    """The sweep of each factor."""
    return [sweep(factors, column, most) for column in range(len(factors.sizes))]


def swept_images(experiment: Experiment, whole: FactorImages) -> dict[str, Any]:
    """Each factor's sweep, one after the other, and the decoder's means at their codes: intensities (N, C, H, W) each."""
    moved = sweeps(whole.factors, VALUES)
    index = whole.index(torch.cat(moved)).to(whole.images.device)
    batch = batch_at(whole.images, index, experiment.device).as_intensities(whole.images.levels)
    made = evaluation.reconstruct(experiment.model, batch)
    return {"values": [len(rows) for rows in moved], "images": batch.x.cpu().numpy(), "made": made}


def on_a_plane(experiment: Experiment, whole: FactorImages) -> Plane:
    """Codes of each factor's sweep through the base, up to 64 values with 8 draws from each posterior: see `plane_of`."""
    factors, moved = whole.factors, sweeps(whole.factors, ENCODED)
    index = whole.index(torch.cat([base(factors)[None], *moved])).to(whole.images.device)
    means, scales = (part.astype(np.float64) for part in encode(experiment.model, SubsetImages(whole.images, index)))
    noise = torch.randn(DRAWS, *means.shape, generator=generator(0, "pictures"), dtype=torch.float64).numpy()
    return plane_of(means, scales, noise, [len(rows) for rows in moved], has_rate=experiment.model.has_rate)
