"""Quantities of a lane of the σ-VAE study that its claims, tables and figures name, made from what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from kelbo.experiments.diagnosis import CONSTANT
from kelbo.studies.sigma_vae.models import BETA

Lane = Mapping[str, Any]
Derive = Callable[[Lane], float | None]

EARLY = 0.25
"""of the steps, where learning is compared"""


def first(*names: str, sign: float = 1.0) -> Derive:
    """The first of these quantities that a lane has."""

    def read(lane: Lane) -> float | None:
        value = next((found for name in names if (found := lane[name]) is not None), None)
        return None if value is None else sign * value

    return read


def spoken(name: str, trained: str, sign: float = 1.0) -> Derive:
    """A quantity of the decoder's distribution: of a lane of the grid that of the Gaussian of σ² = β, which it amounts to."""
    return lambda lane: first(f"variance.{name}" if lane[BETA] is not None else trained, sign=sign)(lane)


def _unit_loss(lane: Lane) -> float | None:
    """−ELBO of a lane of the grid under the unit variance that it was trained with."""
    return None if lane[BETA] is None or lane["bound.elbo"] is None else -lane["bound.elbo"]


def _constant(lane: Lane) -> float | None:
    return None if lane["posteriors.spread"] is None else float(lane["posteriors.spread"] < CONSTANT)


def _early(lane: Lane, column: str) -> float | None:
    """A journal's column nearest to a quarter of the steps; None if no row is near."""
    rows = lane["journal.elbo.steps"] or lane["journal.sigma.steps"] or ()
    wanted = EARLY * (lane["steps"] or 0)
    step = min((row[0] for row in rows), key=lambda at: abs(at - wanted), default=None)
    if step is None or abs(step - wanted) > 0.4 * wanted:
        return None
    return dict(map(tuple, lane[f"journal.{column}.steps"] or ())).get(step)


def _early_loss(lane: Lane) -> float | None:
    elbo = _early(lane, "elbo")
    return None if elbo is None else -elbo


def _early_distance(lane: Lane) -> float | None:
    """How far ln σ is from the error that the lane ends with, which is where a learned σ settles."""
    sigma, errors = _early(lane, "sigma"), lane["journal.rmse.steps"] or ()
    end = errors[-1][1] if errors else None
    return abs(math.log(sigma / end)) if sigma and end and min(sigma, end) > 0 else None


def _over_error(lane: Lane) -> float | None:
    """σ² over the squared error that reconstructions make."""
    return (lane["sigma"] / lane["rmse"]) ** 2 if lane["sigma"] is not None and lane["rmse"] else None


DERIVED: Mapping[str, Derive] = {
    "loss": spoken("elbo", "bound.elbo", sign=-1),
    "unit-loss": _unit_loss,
    "fitted-loss": first("variance.fitted.elbo", sign=-1),
    "rate": spoken("rate", "bound.rate"),
    "bits": first("variance.bits", "dequantized.bits_per_dim", "bound.bits_per_dim"),
    "rmse": first("bound.decoder.rmse"),
    "sigma": spoken("sigma", "bound.decoder.sigma"),
    "effective-beta": spoken("equivalent_beta", "bound.decoder.equivalent_beta"),
    "distance.sample": first("distance.sample.frechet"),
    "distance.reconstruction": first("distance.reconstruction.frechet"),
    "information": first("latents.index_code_mutual_information"),
    "information-cap": first("latents.index_code_mutual_information.cap"),
    "constant": _constant,
    "early-loss": _early_loss,
    "early-distance": _early_distance,
    "over-error": _over_error,
}
