"""How far a model's images are from real ones: samples and reconstructions as two clouds of features beside theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.errors import ScoreError
from kelbo.evaluation.feature_network import FeatureNetwork, features_of
from kelbo.evaluation.reference import evenly, reference
from kelbo.intervals import Score, by_half_samples, known, margin, of_replicates
from kelbo.metrics.frechet import frechet_of
from kelbo.metrics.kernel import kernel_distance
from kelbo.metrics.prdc import PRDC, prdc_of
from kelbo.protocols import Model
from kelbo.seeds import Source, all_drawing_from, seed_for

NEAREST = 5


def samples(model: Model, count: int, batch_size: int = 256, seed: int = 0) -> Iterator[torch.Tensor]:
    """`count` draws of the prior decoded to the likelihood's mean, in batches of intensities."""
    noise = Source(seed_for(seed, "evaluation"))
    for first in range(0, count, batch_size):
        with model.evaluating(), all_drawing_from(noise):
            decoded = model.mean(model.decode(model.sample(min(batch_size, count - first))))
        yield decoded  # outside of the block, which is not for whoever asked


def reconstructions(model: Model, images: Images, batch_size: int = 256) -> Iterator[torch.Tensor]:
    """Every image encoded to the posterior's mean and decoded to the likelihood's, in order and in batches."""
    for batch in passes(images, batch_size, model.device):
        with model.evaluating():
            decoded = model.mean(model.read(batch.seen(images.levels), draw=False).output)
        yield decoded


def image_distances(
    model: Model, network: FeatureNetwork, images: Images, *, count: int = 10_000, replicates: int = 10, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Fréchet and kernel distance, precision, recall, density and coverage, of samples and, apart, of reconstructions.

    The reference is `count` images of the split (all, where there are fewer); as many samples are drawn, and those very
    images are reconstructed. ScoreError with fewer than 8 images. Returns, for "sample" and "reconstruction", one entry a
    score with its interval, and the clouds' fingerprint.
    """
    chosen = evenly(images, count)
    if len(chosen) < 8:
        raise ScoreError(f"Distances of image clouds need at least 8 images; the split has {len(chosen)}.")
    real = reference(network, images, count)
    clouds = {
        "sample": features_of(network, samples(model, len(chosen), seed=seed)) if model.has_rate else None,
        "reconstruction": features_of(network, reconstructions(model, chosen)),
    }
    return {
        name: _scores(network, real, cloud, replicates, seed) for name, cloud in clouds.items() if cloud is not None
    }


def _scores(network: FeatureNetwork, real: np.ndarray, cloud: np.ndarray, replicates: int, seed: int) -> dict[str, Any]:
    distance = frechet_of(real, cloud)
    spread = by_half_samples(
        lambda rows: frechet_of(real[rows], cloud[rows]).distance, len(real), replicates=replicates, seed=seed
    )
    size = min(1000, len(real) // 2)  # of a whole cloud nothing is left to tell the error by
    kernel = kernel_distance(real, cloud, size=size, seed=seed)
    return {
        "frechet": _entry(spread._replace(low=float(np.clip(spread.low, 0, None))))
        | {"called": network.distance, "rank_deficient": distance.rank_deficient, "method": distance.method},
        "kernel": _entry(_of_error(kernel.distance, kernel.standard_error, 100))
        | {"called": f"Kernel distance ({network.name})", "subset": size},
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
        except ScoreError:  # a half has too few points for so many neighbours: no interval
            score = of_replicates([getattr(both(np.arange(len(real))), name)])
        most = np.inf if name == "density" else 1.0  # the others are shares
        low, high = (float(np.clip(end, 0, most)) for end in (score.low, score.high))  # NaN stays NaN, unlike by max()
        found[name] = _entry(score._replace(low=low, high=high)) | {"nearest": NEAREST}
    return found


def _of_error(value: float, error: float, subsets: int) -> Score:
    half = margin(error, subsets)
    return Score(value, value - half, value + half, subsets)


def _entry(score: Score) -> dict[str, Any]:
    return {
        "value": score.value,
        "low": known(score.low),
        "high": known(score.high),
        "replicates": score.replicates,
    }
