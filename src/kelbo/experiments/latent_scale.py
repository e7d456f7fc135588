"""Scaled latents of a run: their statistics are measured as training ends, kept with the run, and applied here alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.evaluation.latent_statistics import COUNT, LatentStatistics, latent_statistics
from kelbo.evaluation.tiles import decode_tiled, encode_tiled
from kelbo.experiments.experiment import Experiment, open_run
from kelbo.experiments.measure import measure
from kelbo.experiments.parts import Parts
from kelbo.latents.grouped import Spatial, spatial
from kelbo.latents.merge import GroupGaussian
from kelbo.latents.noise import standard_normal
from kelbo.protocols import Generator
from kelbo.runs import Run
from kelbo.seeds import seeded

NAME = "latent-statistics"


def statistics_of(experiment: Experiment, *, fabric: Fabric | None = None) -> LatentStatistics:
    """Those that the run keeps for these weights; else they are measured on training images, and kept.

    ScoreError if the latents do not keep the layout of pictures. Raises as reading the data does.
    """
    spatial(experiment.generator)
    settings = {"split": "train", "images": COUNT}

    def compute() -> dict[str, Any]:
        return latent_statistics(experiment.generator, experiment.data.train, fabric=fabric)._asdict()

    return LatentStatistics(**measure(experiment, NAME, settings, compute, fabric=fabric).value)


def keep_statistics(run: Run, model: Generator, data: ImageSet, fabric: Fabric, parts: Parts) -> None:
    """Measure them for the weights that a finished run is opened with, if its latents keep the layout of pictures."""
    if isinstance(model, Spatial):
        trained = open_run(run.path, device=str(fabric.device), fabric=fabric, read_data=False, parts=parts)
        own: Callable[[], ImageSet] = lambda: data  # noqa: E731
        statistics_of(replace(trained, images=own), fabric=fabric)


class ScaledLatents:
    """Pictures to latents of standard deviation 1 and back, by a run's encoder and decoder.

    `encode` multiplies by the run's scaling factor and `decode` divides by it; nothing else does. tile: in tiles of so many
    latents a side, for large pictures.
    """

    def __init__(self, experiment: Experiment, *, tile: int | None = None) -> None:
        self.model, self.tile = experiment.model, tile
        self.statistics = statistics_of(experiment)

    def encode(self, x: Tensor, *, draw: bool = True, seed: int = 0) -> Tensor:
        """Scaled latents (B, c, H/f, W/f) of intensities (B, C, H, W): a draw of the posterior, or its mean."""
        with self.model.evaluating(), seeded(seed, "pictures"):
            posterior = self._posterior(x)
            z = posterior.at(standard_normal(torch.zeros_like(posterior.mean))) if draw else posterior.mean
        return self.statistics.factor * z

    def decode(self, z: Tensor) -> Tensor:
        """Intensities (B, C, f·h, f·w) of scaled latents (B, c, h, w)."""
        z = z / self.statistics.factor
        with self.model.evaluating():
            if self.tile is not None:
                return decode_tiled(self.model, z, self.tile)
            return self.model.mean(self.model.decode((z,)))

    def _posterior(self, x: Tensor) -> GroupGaussian:
        if self.tile is None:
            return spatial(self.model).posterior(Batch(x))
        return encode_tiled(self.model, x, self.tile)
