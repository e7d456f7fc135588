"""Scores of a model's latents on a split: the parts of the rate, and the active latents."""

from __future__ import annotations

from typing import Any

import numpy as np

from kelbo.data.images import Images
from kelbo.errors import ScoreError
from kelbo.evaluation.encode import encode
from kelbo.evaluation.reference import evenly
from kelbo.intervals import finite_or_none, margin
from kelbo.latents import StandardNormal
from kelbo.metrics.likelihood import active_units
from kelbo.metrics.rate_parts import RateEstimate, rate_parts
from kelbo.protocols import FlatLatent, Model

TABLE, EXAMPLES = 20_000, 5_000
"""images that make up q(z), and how many of them z is drawn from; more would take minutes"""

NO_RATE = "A plain autoencoder's code is a point: it has no rate to split. Train a vae."


def no_parts(model: Model) -> str | None:
    """Why the rate of this model cannot be split; None if it can."""
    if not model.has_rate:
        return NO_RATE
    if not isinstance(model, FlatLatent):
        return f"The rate is split for a model with one vector of latents; {type(model).__name__} has other latents."
    if type(model.prior) is not StandardNormal:  # one that inherits from it may be another distribution
        return f"The rate is split under a standard normal prior; that of this model is {type(model.prior).__name__}."
    return None


def scores_of_latents(model: Model, images: Images, *, count: int = TABLE, seed: int = 0) -> dict[str, Any]:
    """The rate's three parts, the marginal KL and the active units, as JSON, nats per image.

    At most `count` images of the split are taken, spread evenly; z is drawn from the posteriors of at most 5,000.
    ScoreError if the rate of such a model has no such parts.
    """
    if reason := no_parts(model):
        raise ScoreError(reason)
    chosen = evenly(images, count)
    means, scales = encode(model, chosen)
    examples = min(EXAMPLES, len(means))
    parts = rate_parts(means, scales, examples=examples, seed=seed)
    return {
        "rate": {"value": parts.rate},
        "index_code_mutual_information": _entry(parts.information, examples) | {"cap": parts.cap},
        "total_correlation": _entry(parts.total_correlation, examples),
        "dimension_wise_kl": _entry(parts.dimension_wise, examples),
        "marginal_kl": _entry(parts.marginal, examples),
        "active_units": {"value": int(active_units(means).sum()), "of": means.shape[1]},
        "details": {
            "by_latent": parts.by_latent.tolist(),
            "rate_per_latent": np.mean((means**2 + scales**2 - 1) / 2 - np.log(scales), 0).tolist(),
            "images": len(means),
            "examples": examples,
        },
    }


def _entry(estimate: RateEstimate, examples: int) -> dict[str, float | None]:
    half = margin(estimate.error, examples)
    low, high = (finite_or_none(estimate.value + sign * half) for sign in (-1, 1))
    return {"value": estimate.value, "low": low, "high": high}
