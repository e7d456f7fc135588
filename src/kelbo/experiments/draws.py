"""Ways through a run's latents that begin at draws of its prior, and so need no data."""

from __future__ import annotations

import numpy as np

from kelbo.evaluation.samples import LatentPoint, drawn_point
from kelbo.experiments.conditional import conditional
from kelbo.experiments.experiment import Experiment
from kelbo.protocols import flat
from kelbo.runs import Measurement


def point(experiment: Experiment, number: int, given: str | None = None) -> LatentPoint:
    """A draw of the run's prior, the same for each number, and what is given there.

    given: the condition; of variables that it does not name, the first value. RecipeError if the run has no such condition;
    DataMissing if what it is given has no words and the data are gone.
    """
    if experiment.condition is None and given is None:
        return drawn_point(experiment.model, number, experiment.conditions(1))
    of = conditional(experiment, given or "")
    first = dict(enumerate(next(of.condition.each())))
    return drawn_point(experiment.model, number, of.draws(first | dict(of.chosen(given) if given else {}), 1))


def kept_shares(experiment: Experiment) -> Measurement | None:
    """The measurement of `measure_shares` that the run keeps of these weights; None if there is none."""
    return _kept(experiment, "factor-shares")


def latents_by_kept_rate(experiment: Experiment) -> list[int] | None:
    """Latents from the most to the least used, by the evaluation that the run keeps of these weights; None if there is none."""
    found = _kept(experiment, "evaluation")
    latents = found and found.value["latents"]
    use = latents and (latents["rate_per_latent"] or latents["spread_per_latent"])
    return np.argsort(-np.array(use), kind="stable").tolist() if use else None


def latents_of(experiment: Experiment) -> list[int]:
    """All latents in their order. ScoreError if the model has no flat vector of latents."""
    return list(range(flat(experiment.model).latent_dims))


def _kept(experiment: Experiment, name: str) -> Measurement | None:
    weights = experiment.checkpoint.opened
    found = [one for one in experiment.run.measurements.all(name) if one.name == name and one.weights == weights]
    return max(found, key=lambda one: one.circumstances.get("measured", ""), default=None)
