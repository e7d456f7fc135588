"""Measures of the σ-VAE study's own: a mean as another Gaussian, and how the release's evaluation flatters an analytic σ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kelbo.evaluation.bounds import PerExample, per_example
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.reference import evenly
from kelbo.experiments import Experiment
from kelbo.experiments.measure import evaluation_of
from kelbo.intervals import finite_or_none
from kelbo.metrics import mean_and_error
from kelbo.recipes import build, schema as s
from kelbo.recipes.sets import split_of
from kelbo.studies.arms import Measure
from kelbo.units import bits_per_dim

BATCH = 128
"""images of an evaluation's batch, as the release has it: where σ is the evaluated batch's own, it matters"""
MAPPED = 5
"""images whose errors are mapped"""
FLOOR = -6.0
"""of the release's soft clip of ln σ"""

Floats = NDArray[np.float64]


def equivalent_sigma(experiment: Experiment) -> float:
    """The σ of the Gaussian that a lane of the grid amounts to: σ² = β (Rybkin et al., 2021, eqs. 3 and 4)."""
    objective = experiment.recipe.objective
    assert isinstance(objective, s.BetaSpec)
    return math.sqrt(objective.beta)


@contextmanager
def with_sigma(experiment: Experiment, sigma: float) -> Iterator[None]:
    """Inside the block the model's decoder is a Gaussian of this σ about the same mean."""
    own, spec = experiment.model.likelihood, experiment.recipe.likelihood
    assert isinstance(spec, s.LocationSpec)
    fixed = s.FixedGaussianSpec(sigma=sigma, mean_activation=spec.mean_activation)
    recipe = experiment.recipe.model_copy(update={"likelihood": fixed})
    experiment.model.likelihood = build.likelihood(recipe, experiment.data.levels).to(experiment.device)
    try:
        yield
    finally:
        experiment.model.likelihood = own


def posteriors(split: str, images: int) -> Measure:
    """How far the posteriors' means spread over images, that of the latent which spreads most."""
    return Measure("posteriors", "posteriors", {"split": split, "images": images, "batch_size": BATCH}, _posteriors)


def _posteriors(experiment: Experiment, split: str, images: int, batch_size: int) -> dict[str, float]:
    latents = evaluation_of(experiment, split, count=images, batch_size=batch_size).value["latents"]
    return {"spread": max(latents["spread_per_latent"])} if latents and images > 1 else {}


def variance(split: str, images: int) -> Measure:
    """A lane of the grid as the Gaussian of σ² = β, and of the σ that fits its errors on training images."""
    return Measure(
        "variance", "variance", {"split": split, "images": images, "batch_size": BATCH}, _variance, images=8 * images
    )


def _variance(experiment: Experiment, split: str, images: int, batch_size: int) -> dict[str, Any]:
    sigma, dims = equivalent_sigma(experiment), math.prod(experiment.data.shape)
    with with_sigma(experiment, sigma):
        values = _measured(experiment, split, images, batch_size)
        nats = _measured(experiment, split, images, batch_size, dequantized=True)
    mean, error = (bits_per_dim(each, dims) for each in mean_and_error(nats.distortion + nats.rate))
    squares = squared_errors(_measured(experiment, "train", images, batch_size), dims)  # its own σ is 1
    fitted = math.sqrt(squares.mean() / dims)
    with with_sigma(experiment, fitted):
        best = _measured(experiment, split, images, batch_size)
    return {
        "elbo": _mean(-(values.distortion + values.rate)),
        "rate": _mean(values.rate),
        "distortion": _mean(values.distortion),
        "bits": {"value": mean, "standard_error": finite_or_none(error), "unit": "bits/dim, dequantized"},
        "sigma": math.sqrt(values.variance.mean()),
        "equivalent_beta": float(values.variance.mean()),
        "fitted": {"sigma": fitted, "elbo": _mean(-(best.distortion + best.rate))},
    }


def as_gaussian(split: str, images: int) -> Measure:
    """The calibration of a lane of the grid as the Gaussian of σ² = β."""
    settings = {"split": split, "images": images, "batch_size": BATCH}
    return Measure("calibration", "variance.calibration", settings, _as_gaussian, images=images)


def _as_gaussian(experiment: Experiment, split: str, images: int, batch_size: int) -> dict[str, Any]:
    with with_sigma(experiment, equivalent_sigma(experiment)):
        shown = split_of(experiment.data, split)
        return {"scores": calibration(experiment.model, shown, count=images, batch_size=batch_size)}


def flattered(images: int | None) -> Measure:
    """The ELBO of an analytic σ measured honestly and, step by step, as the release does. images: of each split, None: all."""
    return Measure("flattery", "flattery", {"images": images, "batch_size": BATCH}, flattery, images=4 * (images or 0))


def flattery(experiment: Experiment, images: int | None, batch_size: int) -> dict[str, Any]:
    """By split ("test", "train") the mean ELBO, nats per image, of the same weights and draws of the latents under three σ.

    running: the training images'. batch: the evaluated batch's own; of a σ for every image, the image's own. clipped: that
    one, softly: ln σ ← -6 + softplus(ln σ + 6).
    """
    own = isinstance(experiment.recipe.likelihood, s.PerImageGaussianSpec)
    dims, found = math.prod(experiment.data.shape), {}
    for split in ("test", "train"):
        with with_sigma(experiment, 1.0):
            values = _measured(experiment, split, images, batch_size)
        squares = squared_errors(values, dims)
        group = np.arange(len(squares)) // (1 if own else batch_size)
        batch = (np.bincount(group, squares) / np.bincount(group) / dims)[group]
        clipped = np.exp(2 * (FLOOR + np.logaddexp(0, 0.5 * np.log(batch) - FLOOR)))
        running = np.full(len(squares), _running(experiment))
        variances = {"running": running, "batch": batch, "clipped": clipped}
        found[split] = {
            name: _mean(-(dims / 2 * np.log(2 * math.pi * used) + squares / (2 * used) + values.rate))
            for name, used in variances.items()
        }
    return found


def _running(experiment: Experiment) -> float:
    """σ² of the training images, with the hard floor of an honest evaluation."""
    return max(float(experiment.model.likelihood.get_buffer("running_variance")), math.exp(2 * FLOOR))


def errors() -> Measure:
    """Some test images x, their reconstructions (N, C, H, W), and each pixel's error and predicted σ (N, H, W), intensities.

    Of several channels both are root mean squares, so that they stay comparable.
    """
    return Measure("errors", "errors", {"split": "test", "images": MAPPED}, _errors)


def _errors(experiment: Experiment, split: str, images: int) -> Mapping[str, NDArray[np.float64]]:
    model, shown = experiment.model, experiment.pictured(images, split)
    with model.evaluating():
        mean, predicted = model.likelihood.moments(model.read(shown, draw=False).output)
    error, sigma = (shown.x - mean).square().mean(1).sqrt(), predicted.mean(1).sqrt()
    parts = {"x": shown.x, "mean": mean, "error": error, "sigma": sigma}
    return {name: part.cpu().double().numpy() for name, part in parts.items()}


def squared_errors(values: PerExample, dims: int) -> Floats:
    """Summed squared errors (N,), with a draw of the latents each, of images of `dims` values measured under σ = 1."""
    return 2 * (values.distortion - dims / 2 * math.log(2 * math.pi))


def _measured(
    experiment: Experiment, split: str, images: int | None, batch_size: int, *, dequantized: bool = False
) -> PerExample:
    chosen = evenly(split_of(experiment.data, split), images)
    return per_example(experiment.model, chosen, batch_size=batch_size, samples=0, dequantized=dequantized, seed=0)


def _mean(values: Floats) -> dict[str, float | None]:
    """The mean of values and its standard error, as JSON; the error is None for a single value."""
    mean, error = mean_and_error(values)
    return {"mean": mean, "standard_error": finite_or_none(error)}
