"""Distances of a model's images from real ones, through features of samples and of reconstructions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from kelbo.data.batches import given_at, passes
from kelbo.data.images import Images
from kelbo.errors import ScoreError
from kelbo.evaluation.feature_network import FeatureNetwork, features_of
from kelbo.evaluation.reference import evenly, reference
from kelbo.intervals import Score, by_half_samples, margin, of_replicates
from kelbo.metrics.frechet import frechet_of
from kelbo.metrics.kernel import kernel_distance
from kelbo.metrics.prdc import PRDC, prdc_of
from kelbo.protocols import Generator, Model
from kelbo.seeds import Source, all_drawing_from, drawing_from, seed_for

NEAREST = 5
"""neighbours of a point, of precision, recall, density and coverage"""
BATCH = 256
"""images at a time"""


def samples(model: Generator, images: Images, seed: int = 0) -> Iterator[torch.Tensor]:
    """As many draws of the prior as there are images, each under the conditions of one; in batches of decoded means."""
    noise = Source(seed_for(seed, "evaluation"))
    for index in torch.arange(len(images), device=images.device).split(BATCH):
        with model.evaluating(), all_drawing_from(noise):
            given = given_at(images, index, model.device)
            decoded = model.mean(model.decode(model.sample(len(index), given), given))
        yield decoded  # outside of the block, which must not hold for the caller


def reconstructions(model: Model, images: Images, *, draw: bool = False, seed: int = 0) -> Iterator[torch.Tensor]:
    """Every image encoded to the posterior's mean (or a draw) and decoded to the likelihood's, in order and in batches."""
    noise = Source(seed_for(seed, "evaluation", 1))
    for batch in passes(images, BATCH, model.device):
        with model.evaluating(), drawing_from(noise):
            decoded = model.mean(model.read(batch.as_intensities(images.levels), draw=draw).output)
        yield decoded


def clouds(
    model: Generator, network: FeatureNetwork, images: Images, *, sampled: bool = False, seed: int = 0
) -> dict[str, np.ndarray]:
    """Features, each (N, d), of these images' reconstructions, if the model reads examples, and of as many samples, unless its
    codes are points.

    sampled: reconstruct from a draw of the posterior, as the β-VAE study's code did, instead of its mean.
    """
    found = {}
    if isinstance(model, Model):
        found["reconstruction"] = features_of(network, reconstructions(model, images, draw=sampled, seed=seed))
    if not isinstance(model, Model) or model.has_rate:
        found["sample"] = features_of(network, samples(model, images, seed))
    return found


def image_distances(
    model: Generator,
    network: FeatureNetwork,
    images: Images,
    *,
    count: int = 10_000,
    replicates: int = 10,
    sampled: bool = False,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Fréchet and kernel distance, precision, recall, density and coverage, of samples and, apart, of reconstructions.

    The reference is `count` images of the split (all if there are fewer); as many samples are drawn, under their
    conditions, and those images are reconstructed (sampled: from a draw of the posterior). ScoreError with fewer than
    8 images, or if examples are no images.
    Returns, for "sample" and "reconstruction", one entry a score with its interval, and the clouds' fingerprint.
    """
    if len(images.shape) != 3:
        raise ScoreError(f"Distances look at images (C, H, W); these examples have the shape {images.shape}.")
    chosen = evenly(images, count)
    if len(chosen) < 8:
        raise ScoreError(f"Distances of image clouds need at least 8 images; the split has {len(chosen)}.")
    real = reference(network, images, count)
    found = clouds(model, network, chosen, sampled=sampled, seed=seed)
    return {name: _scores(network, real, cloud, replicates, seed) for name, cloud in found.items()}


def _scores(network: FeatureNetwork, real: np.ndarray, cloud: np.ndarray, replicates: int, seed: int) -> dict[str, Any]:
    distance = frechet_of(real, cloud)
    spread = by_half_samples(
        lambda rows: frechet_of(real[rows], cloud[rows]).distance, len(real), replicates=replicates, seed=seed
    )
    size = min(1000, len(real) // 2)  # a subset of the whole cloud would show no error
    kernel = kernel_distance(real, cloud, size=size, seed=seed)
    half = margin(kernel.standard_error, 100)
    interval = Score(kernel.distance, kernel.distance - half, kernel.distance + half, 100)
    return {
        "frechet": spread.within(0, np.inf).as_json()
        | {"called": network.distance, "rank_deficient": distance.rank_deficient, "method": distance.method},
        "kernel": interval.as_json() | {"called": f"Kernel distance ({network.name})", "subset": size},
        **_manifolds(real, cloud, replicates, seed),
        "features": network.fingerprint | {"images": len(real)},
    }


def _manifolds(real: np.ndarray, cloud: np.ndarray, replicates: int, seed: int) -> dict[str, Any]:
    """One computation serves the four; their values over halves are kept between the four statistics."""
    known: dict[bytes, PRDC] = {}

    def both(rows: np.ndarray) -> PRDC:
        key = rows.tobytes()
        if key not in known:
            known[key] = prdc_of(real[rows], cloud[rows], NEAREST)
        return known[key]

    found = {}
    for name in PRDC._fields:
        try:
            score = by_half_samples(
                lambda rows, n=name: getattr(both(rows), n), len(real), replicates=replicates, seed=seed
            )
        except ScoreError:  # half the points are too few for NEAREST neighbours: no interval
            score = of_replicates([getattr(both(np.arange(len(real))), name)])
        most = np.inf if name == "density" else 1.0  # the others are shares
        found[name] = score.within(0, most).as_json() | {"nearest": NEAREST}
    return found
