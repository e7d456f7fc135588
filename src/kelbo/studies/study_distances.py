"""Fréchet distances of a run's reconstructions and samples from real images."""

from __future__ import annotations

from typing import Any

from kelbo.evaluation.distances import clouds
from kelbo.evaluation.reference import evenly, reference
from kelbo.experiments import Experiment
from kelbo.intervals import by_half_samples, finite_or_none
from kelbo.metrics.frechet import frechet_of
from kelbo.recipes.sets import split_of
from kelbo.studies.study_features import Features

REPLICATES = 10
"""random halves for a distance's interval"""


def distances(
    experiment: Experiment, features: Features, split: str, count: int, *, sampled: bool = False
) -> dict[str, Any]:
    """Distances over `count` images of a split as JSON, with intervals from random halves of the images.

    sampled: reconstruct from a draw of the posterior instead of its mean. Samples are the decoder's mean.
    """
    network = features.open(experiment.device)
    images = split_of(experiment.data, split)
    chosen, real = evenly(images, count), reference(network, images, count)
    found: dict[str, Any] = {"features": network.name, "images": len(chosen), "split": split}
    for name, cloud in clouds(experiment.model, network, chosen, sampled=sampled).items():
        spread = by_half_samples(
            lambda rows, c=cloud: frechet_of(real[rows], c[rows]).distance, len(real), replicates=REPLICATES
        )
        found[name] = {
            "called": network.distance,
            "value": spread.value,
            "low": finite_or_none(spread.low),
            "high": finite_or_none(spread.high),
        }
    return found
