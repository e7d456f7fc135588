"""How large the latents of a model with spatial latents are: what whoever trains on them divides them by."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.evaluation.over_batches import over_batches
from kelbo.evaluation.reference import evenly
from kelbo.latents.grouped import spatial
from kelbo.protocols import Generator

COUNT = 2048
"""training images"""


class LatentStatistics(NamedTuple):
    """Of draws of the posterior over images and positions, in closed form.

    mean, deviation  of each channel, (c,)
    factor           1 / the standard deviation of all channels together, which latents are multiplied by for latent diffusion
                     (Rombach et al., 2022)
    images           how many they are from
    """

    mean: list[float]
    deviation: list[float]
    factor: float
    images: int


def latent_statistics(
    model: Generator,
    images: Images,
    *,
    count: int = COUNT,
    batch_size: int = 64,
    fabric: Fabric | None = None,
) -> LatentStatistics:
    """Of `count` images (all of a smaller set), spread evenly over the set. fabric: see `over_batches`.

    ScoreError if the latents do not keep the layout of pictures.
    """
    own = spatial(model)

    def moments(batch: Batch) -> Tensor:
        posterior = own.posterior(batch.as_intensities(images.levels))
        mean, scale = posterior.mean.cpu().double(), posterior.log_scale.exp().cpu().double()
        squares = mean.square() + scale.square()
        return torch.stack([part.mean((2, 3)).sum(0) for part in (mean, squares)])

    chosen = evenly(images, count)
    with model.evaluating():
        parts = over_batches(moments, chosen, batch_size, model.device, fabric=fabric)
    mean, squares = (torch.stack(parts).sum(0) / len(chosen)).unbind()
    deviation = (squares - mean.square()).clamp_min(0).sqrt()
    whole = float(squares.mean() - mean.mean().square())
    return LatentStatistics(mean.tolist(), deviation.tolist(), 1 / math.sqrt(whole), len(chosen))
