"""Look for what commonly goes wrong with a VAE: measure a trained one, and judge the numbers by `diagnosis`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from kelbo.bound import AnyBound
from kelbo.data.batches import batch_at
from kelbo.data.images import Images
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.latent_scores import no_parts, scores_of_latents
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.suite import Record, evaluate
from kelbo.experiments import diagnosis
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.findings import Finding, Severity, finding, of_rows
from kelbo.experiments.held import judged
from kelbo.objectives import Standing
from kelbo.protocols import Likelihood, Model
from kelbo.recipes.schema import TargetSpec
from kelbo.runs.journal import Row
from kelbo.units import intensities

LOOKED_AT = 2_000
"""images of each split, enough to find in seconds what is worth a warning"""
LEAST = 3
"""images that the rate's parts need"""


class Examined(NamedTuple):
    """All inputs of the findings: records on training and test images, and what these lack.

    brightest, outside: of pixels; None of a table's rows, whose numbers have no range.
    """

    likelihood: Likelihood
    train: Record
    test: Record
    latents: Mapping[str, Any] | None
    pit: Mapping[str, Any]
    brightest: float | None
    outside: float | None
    journal: Sequence[Row]
    target: TargetSpec | None
    steps: int


def examine(
    model: Model,
    train: Images,
    test: Images,
    journal: Sequence[Row],
    weigh: Callable[[AnyBound], float] = lambda _: 1.0,
    held: Callable[[AnyBound], Standing] | None = None,
    *,
    target: TargetSpec | None = None,
    steps: int = 0,
) -> list[Finding]:
    """All findings about a model, problems first. journal: the run's rows of scalars; weigh, held: as of `evaluate`.

    target: what the run's objective holds; steps: of the whole run.
    """
    train, test = evenly(train, LOOKED_AT), evenly(test, LOOKED_AT)
    real = test.levels is None
    examined = Examined(
        likelihood=model.likelihood,
        train=evaluate(model, train, weigh=weigh),
        test=evaluate(model, test, weigh=weigh, held=held),
        latents=scores_of_latents(model, test) if len(test) >= LEAST and not no_parts(model) else None,
        pit=calibration(model, test, count=500),
        brightest=None if real else float(intensities(train.spread(1000), train.levels).max()),
        outside=None if real else _outside(model, test),
        journal=journal,
        target=target,
        steps=steps,
    )
    order = get_args(Severity)
    found = [of_rows(one) if len(test.shape) == 1 else one for look in LOOKS for one in look(examined)]
    return sorted(found, key=lambda found: order.index(found.severity))


def examine_run(experiment: Experiment) -> list[Finding]:
    """All findings about the opened weights of a run, problems first."""
    data, recipe = experiment.data, experiment.recipe
    target = recipe.objective if isinstance(recipe.objective, TargetSpec) else None
    of_objective = experiment.weigh, experiment.held
    more = {"target": target, "steps": recipe.training.steps}
    return examine(experiment.model, data.train, data.test, experiment.rows(), *of_objective, **more)


def _outside(model: Model, test: Images) -> float:
    """The share of the pixels of reconstructions that lie outside [0, 1]."""
    some = batch_at(test, test.spread_index(256).to(test.device), model.device).as_intensities(test.levels)
    with model.evaluating():
        mean = model.mean(model.read(some, draw=False).output)
    low, high = -diagnosis.MARGIN, 1 + diagnosis.MARGIN
    return float(((mean < low) | (mean > high)).float().mean())


def _not_judged(about: str, record: Record, split: str = "test") -> list[Finding]:
    return [finding("not-judged", "not judged", about=about, images=record["settings"]["images"], split=split)]


def latents(examined: Examined) -> list[Finding]:
    used, rate = examined.test["latents"], examined.test["rate"]
    if rate is None:
        return [finding("no-rate", "fine")]
    if used is None:
        rates = [stage["mean"] for stage in examined.test.get("rate_per_stage", [])]
        of_groups = diagnosis.groups(examined.test["rate_per_group"], examined.likelihood.sigma_from)
        return [of_groups, *(diagnosis.stages(rates) if of_groups.severity == "fine" else [])]
    if used["active_units"] is None:
        return _not_judged("latents", examined.test)
    return [diagnosis.latents(rate["mean"], used["active_units"], used["dims"], examined.likelihood.sigma_from)]


def sigma(examined: Examined) -> list[Finding]:
    decoder, likelihood = examined.test["decoder"], examined.likelihood
    rmse, train_rmse, share = decoder["rmse"], examined.train["decoder"]["rmse"], decoder["floored"] or 0.0
    return diagnosis.sigma(decoder["sigma"], rmse, train_rmse, likelihood.sigma_from, likelihood.sigma_floor, share)


def pixels(examined: Examined) -> list[Finding]:
    return [diagnosis.pixels(examined.pit["coverage"]["0.5"]["share"], examined.pit["total_variation"])]


def units(examined: Examined) -> list[Finding]:
    decoder, elbo = examined.test["decoder"], examined.test["elbo"]
    found = []
    if examined.brightest is not None and examined.outside is not None:
        found = diagnosis.ranges(examined.brightest, examined.test["settings"]["levels"], examined.outside)
    if not decoder["normalized"]:
        fields = {"likelihood": decoder["likelihood"], "unit": elbo["unit"] if elbo else None}
        found.append(finding("not-normalised", "problem", **fields))
    if examined.brightest is None:
        return found
    return found or [finding("ranges-fit", "fine")]


def prior(examined: Examined) -> list[Finding]:
    if examined.latents is None:
        few = examined.test["latents"] is not None and examined.test["settings"]["images"] < LEAST
        return _not_judged("prior", examined.test) if few else []
    marginal, by_latent = (examined.latents[name]["value"] for name in ("marginal_kl", "dimension_wise_kl"))
    information, images = examined.latents["index_code_mutual_information"], examined.latents["details"]["images"]
    rate = examined.test["rate"]["mean"]
    return [diagnosis.prior(marginal, by_latent, information["value"], information["cap"], rate, images)]


def generalisation(examined: Examined) -> list[Finding]:
    train, test = examined.train["elbo"], examined.test["elbo"]
    if test is None:
        return []
    if train["standard_error"] is None:
        return _not_judged("generalisation", examined.train, "training")
    if test["standard_error"] is None:
        return _not_judged("generalisation", examined.test)
    error = math.hypot(train["standard_error"], test["standard_error"])
    return [diagnosis.generalisation(train["mean"], test["mean"], error)]


def target(examined: Examined) -> list[Finding]:
    if examined.target is None:
        return []
    return judged(examined.journal, examined.target, examined.steps, examined.test.get("target"))


def convergence(examined: Examined) -> list[Finding]:
    return diagnosis.convergence([elbo for row in examined.journal if (elbo := row.get("elbo")) is not None])


LOOKS = (latents, sigma, pixels, units, prior, generalisation, convergence, target)
