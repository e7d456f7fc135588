"""The same mean under another σ: what a model's numbers would be, had its decoder spoken of that Gaussian."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from kelbo.evaluation.bounds import PerExample
from kelbo.experiments import Experiment
from kelbo.recipes import build, schema as s


def equivalent_sigma(experiment: Experiment) -> float:
    """The σ of the Gaussian that a lane of the grid amounts to: σ² = β (Rybkin et al., 2021, eqs. 3 and 4)."""
    objective = experiment.recipe.objective
    assert isinstance(objective, s.BetaSpec)
    return math.sqrt(objective.beta)


@contextmanager
def speaking(experiment: Experiment, sigma: float | None) -> Iterator[None]:
    """Inside the block the model's decoder speaks of a Gaussian of this σ about the same mean; None: as it was trained."""
    own = experiment.model.likelihood
    if sigma is not None:
        spec = experiment.recipe.likelihood
        assert isinstance(spec, s.LocationSpec)
        fixed = s.FixedGaussianSpec(sigma=sigma, mean_activation=spec.mean_activation)
        recipe = experiment.recipe.model_copy(update={"likelihood": fixed})
        experiment.model.likelihood = build.likelihood(recipe, experiment.data.levels).to(experiment.device)
    try:
        yield
    finally:
        experiment.model.likelihood = own


def squared_errors(values: PerExample, dims: int) -> NDArray[np.float64]:
    """Summed squared errors (N,), with a draw of the latents each, of images of `dims` values measured under σ = 1."""
    return 2 * (values.distortion - dims / 2 * math.log(2 * math.pi))
