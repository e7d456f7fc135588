"""One evaluation of one model on one split, as a record: numbers with their errors, units and settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from kelbo.bound import AnyBound, ErrorBound
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.errors import UnitError
from kelbo.evaluation.bounds import PerExample, per_example
from kelbo.evaluation.marginal import Alternatives
from kelbo.intervals import finite_or_none
from kelbo.metrics import SSIM_DEFINITION, SSIM_WINDOW, active_units, importance_weighted_bound, mean_and_error
from kelbo.objectives import Standing, equivalents
from kelbo.protocols import Likelihood, Model
from kelbo.runs.measurement import Record
from kelbo.runs.measurements import CLOSED, OF_GROUPS, ONE_DRAW
from kelbo.units import bits_per_dim, intensities, noun_of, psnr

NO_RATE_PER_LATENT = "the prior does not factorise, so the rate is not a sum over latents"


def evaluate(
    model: Model,
    images: Images,
    *,
    weigh: Callable[[AnyBound], float] = lambda _: 1.0,
    held: Callable[[AnyBound], Standing] | None = None,
    columns: Sequence[str] = (),
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = 256,
    seed: int = 0,
    over: Alternatives | None = None,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> Record:
    """ELBO, rate, distortion and, if they exist, importance-weighted bound, bits/dim, PSNR, SSIM, active units.

    Of a table's rows, the error of each column in place of PSNR and SSIM; columns: their names. The bounds of a model that is
    given something are of log p(x | given); "bounds" says so. over: all that it could be given, for a bound on log p(x) too
    ("marginal"). weigh gives the weight of the rate that the model was trained with at this bound (for the equivalent σ and β
    alone: the ELBO's is always 1). held: what its objective held at a target, of this bound ("target"). fabric, advance: see
    `over_batches`; each process returns the whole record. UnitError if a mass function or real numbers should be dequantised.
    """
    if dequantized:
        _require_levels(model, images)
    how = {"batch_size": batch_size, "samples": samples, "dequantized": dequantized, "seed": seed}
    over = over if model.has_rate else None
    more = {"over": over, "errors": held is not None}
    scores = per_example(model, images, **how, **more, fabric=fabric, advance=advance)
    reason = no_bits_per_dim(model, images.levels, dequantized)
    unit, noun = _unit(model, images, dequantized), noun_of(images.shape)
    bounds = f"log p(x | {', '.join(model.conditions)})" if model.conditions and model.has_rate else None
    of_bounds = f"{unit}, of {bounds}" if bounds else unit
    elbo = -(scores.distortion + scores.rate)
    weighted = None
    if samples and model.has_rate:
        weighted = _with_error(importance_weighted_bound(scores.log_weights), of_bounds) | {"samples": samples}
    return {
        **({"bounds": bounds} if bounds else {}),
        "elbo": _with_error(elbo, of_bounds) if model.has_rate else None,
        "rate": _rate(model, scores, noun) if model.has_rate else None,
        "rate_per_group": scores.rates.mean(0).tolist() if model.has_rate else None,
        **_stages(model, scores, noun),
        "distortion": _with_error(scores.distortion, unit),
        "importance_weighted": weighted,
        **_marginal(scores, over, unit, max(1, samples)),
        **({} if held is None or dequantized else {"target": _target(model, scores, held)}),
        "bits_per_dim": None if reason else bits_per_dim(-float(elbo.mean()), images.dims),
        "bits_per_dim_reason": reason,
        "reconstruction": _columns(scores, images, columns)
        if columns or images.levels is None
        else _reconstruction(scores),
        "latents": _latents(scores) if model.has_rate else None,
        "decoder": _decoder(model, images.levels, scores, weigh),
        "settings": {
            "images": len(images),
            "shape": list(images.shape),
            "levels": images.levels,
            "importance_samples": samples,
            "dequantized": dequantized,
            "batch_size": batch_size,
            "seed": seed,
        },
    }


def _stages(model: Model, scores: PerExample, noun: str) -> Record:
    """The rate of each of the models that this one is composed of, if there are several, and its groups."""
    if not model.stages[1:]:
        return {}
    ends = np.cumsum(model.stages)[:-1]
    parts = np.split(scores.rates, ends, axis=1)
    return {
        "rate_per_stage": [_with_error(part.sum(1), f"nats per {noun}") | {"groups": part.shape[1]} for part in parts]
    }


def _marginal(scores: PerExample, over: Alternatives | None, unit: str, samples: int) -> Record:
    """The bound on log p(x) of a conditional model, if it was asked for; p(y): where the weights of the sum are from."""
    if over is None or scores.marginal is None:
        return {}
    bound = _with_error(scores.marginal, f"{unit}, of log p(x)")
    how = {"samples": samples, "combinations": len(over.rows), "p(y)": "frequencies in the training split"}
    return {"marginal": bound | how}


def _target(model: Model, scores: PerExample, held: Callable[[AnyBound], Standing]) -> Record:
    """What is held beside its target, squared error or nats, and in the unit that the target was stated in."""
    assert scores.drawn_error is not None
    rates = scores.rates[:, -model.trained.groups :].sum(1)
    columns = {"rate": rates, "distortion": scores.distortion, "squared_error": scores.drawn_error}
    rate, distortion, error = (torch.tensor([column.mean()]) for column in columns.values())
    standing = held(ErrorBound(rate[:, None], distortion, error))
    _, deviation = mean_and_error(columns[standing.held])
    slacks = {"slack": standing.slack, "slack_in_unit": standing.slack_in_unit}
    return standing._asdict() | slacks | {"standard_error": finite_or_none(deviation)}


def _require_levels(model: Model, images: Images) -> None:
    """UnitError unless a density scores integer levels, to which noise could be added."""
    likelihood = model.likelihood
    if likelihood.kind == "mass":
        raise UnitError(
            f"{type(likelihood).__name__} is a mass function: it scores the integer levels themselves. "
            "Do not dequantize; bits/dim is reported anyway.",
            remedy=("dequantize",),
        )
    if images.levels is None:
        raise UnitError(
            "These rows are real numbers in units of their own: they have no levels to dequantize. Leave that out.",
            remedy=("dequantize",),
        )


def _decoder(model: Model, levels: int | None, scores: PerExample, weigh: Callable[[AnyBound], float]) -> Record:
    """The decoder's distribution, the σ that it predicts, its error, and the run's equivalent σ and β."""
    likelihood, variance = model.likelihood, float(scores.variance.mean())
    rates = [rate.mean() for rate in scores.rates.T]
    error = torch.tensor([scores.squared_error.mean() * math.prod(model.event)])
    bound = ErrorBound(torch.tensor([rates]), torch.tensor([scores.distortion.mean()]), error)
    none = {"equivalent_sigma": None, "equivalent_beta": None}
    return {
        "likelihood": type(likelihood).__name__,
        "kind": likelihood.kind,
        "normalized": _normalized(model) and (likelihood.kind == "density" or speaks_of(likelihood, levels)),
        "sigma": math.sqrt(variance),
        "rmse": math.sqrt(scores.squared_error.mean()),
        "floored": None if scores.floored is None else float(scores.floored.mean()),
        **(equivalents(variance, weigh(bound)) if model.has_rate and model.trains_on_distortion else none),
    }


def no_bits_per_dim(model: Model, levels: int | None, dequantized: bool) -> str | None:
    """Why this model has no bits/dim on images of `levels` levels (None: on real numbers); None if it has."""
    likelihood = model.likelihood
    name = type(likelihood).__name__
    if not model.has_rate:
        return "a plain autoencoder has no rate, so no bound"
    if not _normalized(model):
        why = "fits its σ to the very images it scores" if likelihood.kind == "density" else "does not sum to 1"
        return f"{name} {why}: that is no distribution over images"
    if levels is None:
        return (
            "the columns of a table are real numbers in units of their own, which no number of bits describes exactly"
        )
    if likelihood.kind == "density" and not dequantized:
        return f"{name} is a density over real intensities; evaluate it dequantized to get bits/dim"
    if likelihood.kind == "mass" and not speaks_of(likelihood, levels):
        return f"{name} is a mass over {likelihood.levels} levels and these images have {levels}"
    return None


def speaks_of(likelihood: Likelihood, levels: int | None) -> bool:
    """Whether every one of an image's `levels` is a level of this mass function."""
    return likelihood.levels is not None and levels is not None and (likelihood.levels - 1) % (levels - 1) == 0


def _normalized(model: Model) -> bool:
    with model.evaluating():
        return model.likelihood.normalized


def _unit(model: Model, images: Images, dequantized: bool) -> str:
    levels = images.levels
    scale = f", density on the 0–{levels} scale" if dequantized else ""
    likelihood = model.likelihood
    fitted = "σ was fitted to these very images" if likelihood.kind == "density" else "its masses do not sum to 1"
    flattered = "" if _normalized(model) else f"; no bound: {fitted}"
    foreign = likelihood.kind == "mass" and not speaks_of(likelihood, levels)
    wrong = f"; no bound: a mass over {likelihood.levels} levels scored images of {levels}" if foreign else ""
    return f"nats per {noun_of(images.shape)}{scale}{flattered}{wrong}"


def _with_error(values: np.ndarray, unit: str) -> Record:
    """unit: of both. The standard error is None for a single example."""
    mean, error = mean_and_error(values)
    return {"mean": mean, "standard_error": finite_or_none(error), "unit": unit}


def _rate(model: Model, scores: PerExample, noun: str) -> Record:
    """estimate: whether an image's is the KL itself, or log q(z | x) - log p(z) at its draw of z, whose expectation that is."""
    groups = OF_GROUPS if model.closed_rates else ONE_DRAW
    estimate = groups if scores.dimension_rates is None else CLOSED
    return _with_error(scores.rate, f"nats per {noun}") | {"estimate": estimate}


def _reconstruction(scores: PerExample) -> Record:
    """Of the reconstruction from the posterior's mean."""
    decibels = np.array([psnr(error) for error in scores.squared_error])
    exact = int(np.isinf(decibels).sum())
    ssim, reason = None, f"only images of {SSIM_WINDOW}×{SSIM_WINDOW} pixels or more have one"
    if scores.ssim is not None:
        ssim, reason = _with_error(scores.ssim, "mean over images") | {"definition": SSIM_DEFINITION}, None
    return {
        "psnr": None if exact else _with_error(decibels, "dB, mean over images"),
        "psnr_reason": f"{exact:,} images are reconstructed exactly, so their PSNR is infinite" if exact else None,
        "ssim": ssim,
        "ssim_reason": reason,
    }


def _columns(scores: PerExample, images: Images, columns: Sequence[str]) -> Record:
    """The error of each column of a table's reconstruction from the posterior's mean, in its own unit.

    explained: the share of the column's variance on these rows that the reconstruction explains, R² = 1 - mean squared error /
    variance; None if the column is constant in them.
    """
    errors = scores.column_errors
    if errors is None:
        raise ValueError("Only vectors have errors by column.")
    x = np.concatenate([intensities(batch, images.levels).numpy() for batch in _split(images)]).astype(np.float64)
    mse, variance = np.square(errors).mean(0), x.var(0)
    names = columns or [f"x{column}" for column in range(images.dims)]
    reason = "only pictures, whose values lie in [0, 1], have one"
    return {
        "psnr": None,
        "psnr_reason": reason,
        "ssim": None,
        "ssim_reason": reason,
        "columns": {
            name: {"rmse": math.sqrt(error), "explained": 1 - error / spread if spread > 0 else None}
            for name, error, spread in zip(names, mse.tolist(), variance.tolist(), strict=True)
        },
    }


def _split(images: Images) -> list[torch.Tensor]:
    return [images.take(part.to(images.device)).cpu() for part in torch.arange(len(images)).split(65536)]


def _latents(scores: PerExample) -> Record | None:
    """Of a model with one flat vector; None of others. One image cannot show which latents are active: they are None then."""
    if scores.means is None:
        return None
    active = active_units(scores.means) if len(scores.means) > 1 else None
    return {
        "dims": scores.means.shape[1],
        "active_units": None if active is None else int(active.sum()),
        "active": None if active is None else active.tolist(),
        "spread_per_latent": scores.means.std(0).tolist(),
        "rate_per_latent": None if scores.dimension_rates is None else scores.dimension_rates.mean(0).tolist(),
        "rate_per_latent_reason": None if scores.dimension_rates is not None else NO_RATE_PER_LATENT,
    }
