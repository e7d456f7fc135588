"""Attributes of a run's images as directions in its latents, and images edited along them, kept in the run's folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kelbo.bound import Batch
from kelbo.data.attribute_values import attribute_values
from kelbo.data.images import SubsetImages, picture_shape
from kelbo.errors import ScoreError
from kelbo.evaluation.attributes import AttributeVectors, Method, attribute_vectors, edited, require_draws
from kelbo.evaluation.encode import encode
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.measure import measure
from kelbo.runs import Measurement
from kelbo.seeds import generator

IMAGES = 10_000
"""training images whose codes make the directions: the first ones, as published"""
LETTERS = 60
"""of attributes' names in a measurement's label"""


@dataclass(frozen=True)
class Directions:
    """How the directions of attributes are found: see `kelbo.evaluation.attributes`.

    images: so many of the first training images; all, if there are fewer. sampled: codes are draws of the posterior (of
    `seed`), not its means, of the training images and of those that are edited, as in the release of VAE/GAN.
    """

    names: tuple[str, ...]
    method: Method = "difference"
    orthogonal: bool = False
    sampled: bool = False
    images: int = IMAGES
    seed: int = 0

    def settings(self, experiment: Experiment) -> dict[str, Any]:
        """All that the directions depend on besides the weights, as JSON."""
        return {
            "attributes": list(self.names),
            "method": self.method,
            "orthogonal": self.orthogonal,
            "images": min(self.images, len(experiment.data.train)),
            "of": len(experiment.data.train),
            "sampled": self.sampled,
            **({"seed": self.seed} if self.sampled else {}),
        }

    def label(self, experiment: Experiment, *more: str) -> str:
        """Names a measurement with these directions."""
        names = re.sub(r"[^A-Za-z0-9._=-]+", "_", ",".join(self.names))[:LETTERS]
        fewer = f"{self.images}images" if self.images < min(IMAGES, len(experiment.data.train)) else ""
        how = ["" if self.method == "difference" else self.method, "orthogonal" * self.orthogonal]
        drawn = ["sampled", f"seed{self.seed}" if self.seed else ""] if self.sampled else []
        return "-".join(filter(None, [names, *how, *drawn, fewer, *more, *experiment.unusual]))


def measure_vectors(experiment: Experiment, asked: Directions, *, again: bool = False) -> Measurement:
    """The directions of attributes: arrays "vectors" (A, K), "counts" and "effective" (A, 2). See `AttributeVectors`.

    DataUnknown for an attribute that the set has not; ScoreError as `attribute_vectors`, or without a flat vector of latents.
    """
    require_draws(experiment.model, asked.sampled)
    picture_shape(experiment.model.event)  # of rows and clips there are no grids
    settings = asked.settings(experiment)

    def compute() -> dict[str, Any]:
        images, count = experiment.data.train, settings["images"]
        values = attribute_values(experiment.data, asked.names, "train")[:count]
        means, scales = encode(experiment.model, SubsetImages(images, torch.arange(count, device=images.device)))
        if asked.sampled:
            means = means + scales * torch.randn(*means.shape, generator=generator(asked.seed, "evaluation")).numpy()
        how = {"method": asked.method, "orthogonal": asked.orthogonal}
        found = attribute_vectors(means, values, asked.names, **how)
        return {"vectors": found.vectors, "counts": found.counts, "effective": found.effective}

    return measure(experiment, "attributes.vectors", settings, compute, label=asked.label(experiment), again=again)


def vectors_of(experiment: Experiment, asked: Directions) -> AttributeVectors:
    """The same as `measure_vectors` has them."""
    return AttributeVectors(asked.names, **measure_vectors(experiment, asked).arrays())


def measure_edits(
    experiment: Experiment, asked: Directions, strengths: Sequence[float], count: int = 8, *, again: bool = False
) -> Measurement:
    """Fixed test images edited along each direction at each strength; a page of the run shows it.

    Arrays of 8-bit levels: "images" (N, C, H, W), and "made" (N, 1 + A·S, C, H, W), the reconstruction and the edits, all
    strengths of one attribute beside each other; and "own" (N, A), the images' own attributes.
    """
    require_strengths(strengths)
    settings = {
        **asked.settings(experiment),
        "strengths": list(strengths),
        "split": "test",
        "shown": min(count, len(experiment.data.test)),
    }

    def compute() -> dict[str, Any]:
        index = experiment.pictured_index(count)
        batch = experiment.pictured(count)
        return {
            "images": levels(batch.x.cpu().numpy()),
            "made": levels(edits_of(experiment, asked, batch, strengths)),
            "own": attribute_values(experiment.data, asked.names, "test")[index.numpy()],
        }

    label = asked.label(experiment, *(f"{strength:g}" for strength in strengths))
    return measure(experiment, "attributes.edits", settings, compute, label=label, again=again)


def edits_of(experiment: Experiment, asked: Directions, batch: Batch, strengths: Sequence[float]) -> np.ndarray:
    """Any examples' reconstructions and edits, intensities (B, 1 + A·S, *event)."""
    require_strengths(strengths)
    vectors = vectors_of(experiment, asked).vectors
    plain, moved = edited(experiment.model, batch, vectors, strengths, sampled=asked.sampled, seed=asked.seed)
    return np.concatenate([plain[:, None], np.moveaxis(moved.reshape(-1, *plain.shape), 0, 1)], 1)


def levels(examples: np.ndarray) -> np.ndarray:
    """Intensities as 8-bit levels."""
    return np.round(examples.clip(0, 1) * 255).astype(np.uint8)


def require_strengths(strengths: Sequence[float]) -> None:
    """ScoreError unless there is at least one strength, and all are finite."""
    if not strengths or not np.isfinite(strengths).all():
        raise ScoreError(
            f"Strengths must be one or more finite numbers; got {', '.join(map(str, strengths)) or 'none'}."
        )
