"""How much the release's evaluation flatters an analytic σ: its own batch's σ, softly clipped, on the training split.

All rows are of the same weights and the same draws of the latents: only σ and the images differ.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kelbo.evaluation.bounds import per_example
from kelbo.evaluation.reference import evenly
from kelbo.experiments import Experiment
from kelbo.recipes import schema as s
from kelbo.recipes.sets import split_of
from kelbo.studies.kept import with_error
from kelbo.studies.sigma_vae.speaking import speaking, squared_errors

Floats = NDArray[np.float64]
FLOOR = -6.0
"""of the release's soft clip of ln σ"""


def flattery(experiment: Experiment, images: int | None, batch: int) -> list[dict[str, Any]]:
    """The ELBO of a lane with an analytic σ, nats per image, measured honestly and, step by step, as the release does.

    Rows of JSON: name, split, sigma ("running": the training batches'; "batch": the evaluated batch's own, of a σ for every
    image the image's own; "batch, soft-clipped": ln σ ← -6 + softplus(ln σ + 6)), elbo.
    """
    own = isinstance(experiment.recipe.likelihood, s.PerImageGaussianSpec)
    dims, rows = math.prod(experiment.data.shape), []
    for split in ("test", "train"):
        chosen = evenly(split_of(experiment.data, split), images)
        with speaking(experiment, 1.0):
            values = per_example(experiment.model, chosen, batch_size=batch, samples=0, dequantized=False, seed=0)
        squares = squared_errors(values, dims)
        group = np.arange(len(squares)) // (1 if own else batch)
        variance = (np.bincount(group, squares) / np.bincount(group) / dims)[group]
        running = np.full(len(squares), _running(experiment))
        clipped = np.exp(2 * (FLOOR + np.logaddexp(0, 0.5 * np.log(variance) - FLOOR)))
        for sigma, used in (("running", running), ("batch", variance), ("batch, soft-clipped", clipped)):
            elbo = -(_nats(squares, used, dims) + values.rate)
            rows.append({"name": _name(split, sigma, own), "split": split, "sigma": sigma, "elbo": with_error(elbo)})
    return rows


def _running(experiment: Experiment) -> float:
    """σ² of the training images, with the hard floor of an honest evaluation."""
    return max(float(experiment.model.likelihood.get_buffer("running_variance")), math.exp(2 * FLOOR))


def _nats(squares: Floats, variance: Floats, dims: int) -> Floats:
    """-ln N of images with these summed squared errors, (N,)."""
    return dims / 2 * np.log(2 * math.pi * variance) + squares / (2 * variance)


def _name(split: str, sigma: str, own: bool) -> str:
    whose = {
        "running": "σ of the training images",
        "batch": f"{'each image' if own else 'each evaluated batch'}’s own σ",
    }
    clipped = "" if sigma in whose else ", softly clipped"
    return f"{whose[sigma.split(',')[0]]}{clipped}, {'test' if split == 'test' else 'training'} images"
