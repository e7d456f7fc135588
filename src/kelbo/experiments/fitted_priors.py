"""Fit a prior to a trained run's codes, so that what is drawn from it lies where the codes do."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from kelbo.data.batches import given_at
from kelbo.data.conditions import Condition
from kelbo.eager import plain_autograd
from kelbo.errors import RecipeError, ScoreError
from kelbo.evaluation.encode import encode
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.prior_files import FittedPrior, held_to_fit, require_free_name, save_prior
from kelbo.intervals import finite_or_none
from kelbo.latents import FlowPrior, MixturePrior, PriorByClass, StandardNormal
from kelbo.latents.fitting import Covariance, Posteriors, fit_flow, fit_mixture, log_probs
from kelbo.latents.mixture import told_of
from kelbo.machine import versions
from kelbo.metrics import mean_and_error
from kelbo.protocols import Prior
from kelbo.seeds import generator, seeded
from kelbo.units import counted

Kind = Literal["mixture", "flow"]
Advance = Callable[[int], None] | None

COMPONENTS, OF_EACH, STEPS = 50, 10, 4_000
"""of a mixture, of one for each value of a condition, and of a flow, by default"""
ENOUGH, MOST_DRAWS = 50_000, 50
"""codes that a mixture is fitted to by default, if that many draws of each image make them: with few codes, components shrink
onto single ones, whose spread more draws show"""
TAKEN: dict[Kind, tuple[str, ...]] = {"mixture": ("components", "covariance", "draws"), "flow": ("steps",)}
"""what only one kind takes"""
HELD_OUT = 0.1
"""share of the training images whose codes are not fitted to"""
MOST_CLASSES = 200
"""values of a condition, above which no mixture is fitted to each"""


@plain_autograd()
def fit_prior(
    experiment: Experiment,
    kind: Kind,
    *,
    name: str | None = None,
    components: int | None = None,
    covariance: Covariance | None = None,
    draws: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    again: bool = False,
    encoding: Advance = None,
    fitting: Advance = None,
) -> FittedPrior:
    """Fit a prior to draws of the posteriors of the training split, and keep it in the run's folder for these weights.

    A tenth of the images is held out: their draws say what the prior is worth, and when a flow has learned enough. The codes
    of a model without a rate are points, which are taken as they are. A conditional model's mixture is one for each value of
    its condition; its flow takes the condition.

    name: of the file, the kind by default. components, covariance ("full" by default), draws (of each image; by default
    enough to make 50,000 codes, at most 50): of a mixture only. steps: at most (4,000 by default), of a flow only, which takes
    a new draw whenever it sees an image. again: replace a prior of that name. encoding, fitting: called with the images
    encoded, and a flow's steps done, since the last call.

    Raises RecipeError for an option of the other kind, RunError if the name is taken or no file name, Locked if another process
    fits a prior of that name, ScoreError if there are too few codes or they are not finite, Divergence if a flow diverges. Then
    nothing is written; a prior of that name stays.
    """
    require_options(kind, components=components, covariance=covariance, draws=draws, steps=steps)
    run, name = experiment.run, kind if name is None else name
    require_free_name(run, name, again)
    with held_to_fit(run, name):
        require_free_name(run, name, again)  # another process may have fitted it meanwhile
        posteriors = posteriors_of(experiment, encoding)
        order = torch.randperm(len(posteriors), generator=generator(seed, "prior"))
        held, rest = (posteriors.of(some) for some in order.tensor_split([max(1, round(HELD_OUT * len(order)))]))
        conditions = experiment.model.conditions
        if kind == "flow":
            steps = STEPS if steps is None else steps
            prior, step = fit_flow(rest, held, conditions, steps=steps, seed=seed, advance=fitting)
            settings: dict[str, Any] = {"steps": steps, "step": step, **prior.sizes}
        else:
            components, covariance = components or (OF_EACH if conditions else COMPONENTS), covariance or "full"
            draws = draws or min(MOST_DRAWS, math.ceil(ENOUGH / len(rest)))
            with seeded(seed, "prior", 1):
                codes = torch.cat([rest.draw() for _ in range(draws)])
            fit = partial(fit_mixture, components=components, covariance=covariance, seed=seed)
            if conditions:
                prior, converged = _of_each(experiment, codes, told_of(conditions, rest.given), components, fit)
            else:
                _require_enough(len(rest), components)
                prior, converged = fit(codes)
            settings = {"components": components, "covariance": covariance, "draws": draws, "converged": converged}
        about = {
            "prior": kind,
            "settings": settings | {"seed": seed},
            "dims": posteriors.means.shape[1],
            "conditions": list(conditions),
            "context": prior.context if isinstance(prior, FlowPrior) else 0,
            "weights": experiment.checkpoint.opened,
            "checkpoint": {"which": experiment.checkpoint.which, "step": experiment.step, "of": experiment.weights},
            "codes": {"split": "train", "images": len(rest), "held_out": len(held)},
            "held_out": _worth(prior, held, seed),
            "versions": versions("kelbo", "torch", "zuko" if kind == "flow" else "scikit-learn"),
        }
        return save_prior(run, name, prior, about)


def require_options(kind: Kind, **options: object) -> None:
    """RecipeError if an option is not None that priors of this kind do not take."""
    if wrong := [name for name, value in options.items() if value is not None and name not in TAKEN[kind]]:
        raise RecipeError(
            f"A {kind} takes no {', no '.join(wrong)}. What it takes: {', '.join((*TAKEN[kind], 'seed'))}."
        )


def posteriors_of(experiment: Experiment, advance: Advance = None) -> Posteriors:
    """The posteriors of the training images with what the model is given of each. ScoreError if there are not two, finite."""
    model, images = experiment.model, experiment.data.train
    means, scales = (torch.from_numpy(found) for found in encode(model, images, advance=advance))
    if len(means) < 2:
        raise ScoreError(f"A prior is fitted to the codes of two training images or more; there is {len(means)}.")
    if not (means.isfinite().all() and scales.isfinite().all()):
        raise ScoreError("Some codes of the training images are not finite, so no prior can be fitted to them.")
    given = given_at(images, torch.arange(len(images), device=images.device), torch.device("cpu"))
    told = {name: given[name].float() for name in model.conditions}
    return Posteriors(means, scales if model.has_rate else torch.zeros_like(scales), told)


def _of_each(
    experiment: Experiment,
    codes: Tensor,
    rows: Tensor,
    components: int,
    fit: Callable[[Tensor], tuple[MixturePrior, bool]],
) -> tuple[PriorByClass, bool]:
    """A mixture for each value of the condition, and whether all fits converged.

    rows: what is given of each of N images, (N, A); codes: of them all, as often as they were drawn, (draws · N, K).
    """
    condition = _few_values(experiment)
    values = list(condition.each())
    every = condition.encode(torch.tensor(values))
    kind = f"{condition.variables[0].name} " if condition.name == "labels" else ""
    fits: list[tuple[MixturePrior, bool]] = []
    for value, row in zip(values, every, strict=True):
        own = (rows == row).all(1)
        _require_enough(int(own.sum()), components, f" with {kind}{condition.words(value)}")
        fits.append(fit(codes.view(-1, *own.shape, codes.shape[1])[:, own].flatten(0, 1)))
    return PriorByClass((condition.name,), every, [part for part, _ in fits]), all(done for _, done in fits)


def _require_enough(images: int, components: int, of: str = "") -> None:
    if images < components:
        raise ScoreError(
            f"A mixture of {components:,} components needs at least {counted(components, 'image')} to fit to; there are "
            f"{images:,}{of} in the training split, without those that are held out. Take fewer components, or fit a flow."
        )


def _few_values(experiment: Experiment) -> Condition:
    """What the model is given, if it is one condition of few values."""
    condition, conditions = experiment.data.condition, experiment.model.conditions
    if condition is None or conditions != (condition.name,) or condition.combinations > MOST_CLASSES:
        many = f", of {condition.combinations:,} values" if condition else ""
        raise ScoreError(
            f"The model is given {', '.join(conditions)}{many}: too much for a mixture for each value. Fit a flow, which "
            "takes the condition."
        )
    return condition


def _worth(prior: Prior, held: Posteriors, seed: int) -> dict[str, Any]:
    """The mean log density of held-out draws with its standard error, and that of N(0, I), nats."""
    with seeded(seed, "prior", 2):
        codes = held.draw()
    mean, error = mean_and_error(log_probs(prior, codes, held.given).double().numpy())
    normal = StandardNormal(codes.shape[1]).log_prob(codes).double().mean()
    return {"mean": mean, "standard_error": finite_or_none(error), "standard_normal": float(normal), "unit": "nats"}
