"""Several second stages on one first stage: whether it is one, and how a label calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kelbo.errors import RunError
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.measure import kept_evaluation
from kelbo.latents.grouped import Staged
from kelbo.recipes import schema as s
from kelbo.recipes.files import load
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run

UNITS = {"psnr": "dB PSNR", "nats": "nats", "bits_per_dim": "bits/dim"}


class Label(NamedTuple):
    """How a picture calls a model: the name of its run's folder, and what its objective asks of it, as "γ̃ 2"."""

    name: str
    target: str


def primary_hash(experiments: Sequence[Experiment]) -> str:
    """SHA-256 of the weights of the primary that all of these secondaries stand on, given the same of each example.

    RunError if one is no secondary, or if their primaries or their conditions differ.
    """
    found = [_primary_of(one) for one in experiments]
    for one, weights in zip(experiments, found, strict=True):
        if weights != found[0]:
            raise RunError(
                f"{experiments[0].run.path} and {one.run.path} stand on different primaries, whose weights have SHA-256 "
                f"{found[0]} and {weights}, so no picture is the same in both. Name secondaries of one primary."
            )
        if (one.model.conditions, one.condition) != (experiments[0].model.conditions, experiments[0].condition):
            told = [_given(each) for each in (experiments[0], one)]
            raise RunError(
                f"{experiments[0].run.path} is given {told[0]}, and {one.run.path} is given {told[1]}. Name secondaries "
                "that are given the same."
            )
    return found[0]


def label(experiment: Experiment) -> Label:
    """How a picture calls a secondary."""
    return Label(experiment.run.path.resolve().name, _held(experiment.recipe, "γ̃"))


def label_of_primary(experiment: Experiment) -> Label:
    """How a picture calls the primary of a secondary."""
    copy = Run(experiment.run.companions / "primary")
    return Label(experiment.recipe.runs["primary"].path.name, _held(load(copy.recipe_path, kept=True), "γ"))


def kept_rates(experiment: Experiment) -> list[float] | None:
    """Nats of each stage, mean over the test split, as the run's evaluation has kept them; None if there is none."""
    kept = kept_evaluation(experiment)
    rates = kept and kept.value.get("rate_per_stage")
    return [rate["mean"] for rate in rates] if rates else None


def _primary_of(experiment: Experiment) -> str:
    path, spec = experiment.run.path, experiment.recipe.runs.get("primary")
    if not isinstance(experiment.model, Staged) or spec is None or spec.weights is None:
        raise RunError(
            f"{path} is no secondary: its model has one stage, so there is no first picture to refine. Train a second stage on "
            f"it (model.kind=secondary, runs.primary.path={path}), or draw samples of this run alone."
        )
    return spec.weights


def _given(experiment: Experiment) -> str:
    if experiment.condition is not None:
        return experiment.condition.summary
    return ", ".join(experiment.model.conditions) or "nothing"


def _held(recipe: Recipe, symbol: str) -> str:
    match recipe.objective:
        case s.DistortionTargetSpec(unit="squared_error", target=float(target)):
            return f"{symbol} {target:g}"
        case s.DistortionTargetSpec(target=float(target)) as spec:
            return f"{target:g} {UNITS[spec.unit]}"
        case s.RateTargetSpec(target=float(target)) as spec:
            return f"rate {target:g} {UNITS[spec.unit]}"
        case s.CapacitySpec(capacity=capacity):
            return f"rate {capacity:g} nats"
        case s.BetaSpec(beta=beta):
            return f"β {beta:g}"
    return ""
