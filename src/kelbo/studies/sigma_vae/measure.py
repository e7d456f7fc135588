"""Everything measured of one lane, as a job: each part kept on disk as soon as it is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from kelbo.evaluation.bounds import PerExample, per_example
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.latent_scores import scores_of_latents
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.sigma import COUNT
from kelbo.experiments import Experiment, open_run
from kelbo.experiments.diagnosis import CONSTANT
from kelbo.intervals import finite_or_none
from kelbo.metrics import mean_and_error
from kelbo.objectives.equivalents import equivalents
from kelbo.recipes.sets import split_of
from kelbo.recipes.sigma_study import ANALYTIC, GRID
from kelbo.runs import Run
from kelbo.studies.kept import bound_record, fingerprint, measure_missing, parts_in, with_error
from kelbo.studies.sigma_vae.flattery import flattery
from kelbo.studies.sigma_vae.plan import LanePlan, Plan
from kelbo.studies.sigma_vae.speaking import equivalent_sigma, speaking, squared_errors
from kelbo.studies.study_distances import distances
from kelbo.studies.study_features import Features
from kelbo.sweeps.lane import Tell
from kelbo.units import bits_per_dim

BATCH = 128
"""images of an evaluation's batch, as the release has it: where σ is the evaluated batch's own, it matters"""


class Wants(NamedTuple):
    """What is measured of one lane: on a split's images, and of how many of them what.

    grid      whether its Gaussian of unit variance speaks for the one of σ² = β
    features  through which distances are taken; None: they are not
    coded, looked  images of the rate's parts and of calibration; 0: none
    root      of the official files, wherever they lay when the lane was trained
    solved    whether σ is solved for: it is then the error on so many training images under the final weights
    """

    split: str
    images: int | None
    grid: bool
    features: Features | None
    clouds: int
    coded: int
    looked: int
    flattery: bool
    root: Path | None = None
    solved: bool = False

    @property
    def _sigma(self) -> str:
        return f", σ of {COUNT} training images" * self.solved

    @property
    def bound(self) -> str:
        return f"bound on {self.images or 'all'} {self.split} images{self._sigma}"

    @property
    def distances(self) -> str:
        network = self.features
        name = f"{Path(network.name).stem} {network.weights[:16]}" if network else ""
        return f"distances of {self.clouds} {self.split} images, {name}"

    @property
    def latents(self) -> str:
        return f"latents of {self.coded} {self.split} images"

    @property
    def calibration(self) -> str:
        return f"calibration on {self.looked} {self.split} images{self._sigma}"

    @property
    def flattered(self) -> str:
        return f"flattery on {self.images or 'all'} images{self._sigma}"

    def keys(self) -> list[str]:
        """Of every part, in the order in which they are measured."""
        asked = {
            self.bound: True,
            self.distances: self.features is not None,
            self.latents: self.coded,
            self.calibration: self.looked,
            self.flattered: self.flattery,
        }
        return [key for key, wanted in asked.items() if wanted]


def wants_of(plan: Plan, lane: LanePlan, features: Features | None) -> Wants:
    """What the plan wants of a lane. features: of the distances, None where there is no network yet."""
    budget, measures = plan.budget, lane.measures
    return Wants(
        split=plan.split,
        images=budget.images,
        grid=lane.decoder == GRID,
        features=features if "distances" in measures else None,
        clouds=budget.clouds,
        coded=budget.coded if "latents" in measures else 0,
        looked=budget.looked if "calibration" in measures else 0,
        flattery="flattery" in measures,
        root=plan.root,
        solved=lane.decoder in ANALYTIC,
    )


def measure_lane(run: Path, place: Path, wants: Wants, *, tell: Tell) -> None:
    """Measure what is not yet kept at `place` of the run's newest weights. Raises as `open_run` and the measures do."""
    of = fingerprint(Run(run))
    parts, keys = parts_in(place, of), wants.keys()
    if set(keys) <= parts.keys():
        return
    experiment = open_run(run, data_root=wants.root)
    if experiment.checkpoint.digest != of:  # it trained on since
        of = experiment.checkpoint.digest
        parts = parts_in(place, of)
    images = split_of(experiment.data, wants.split)
    measures: dict[str, Callable[[], Any]] = {
        wants.bound: partial(bounds, experiment, wants),
        wants.distances: partial(_distances, experiment, wants),
        wants.latents: lambda: scores_of_latents(experiment.model, evenly(images, wants.coded)),
        wants.calibration: partial(_calibration, experiment, wants),
        wants.flattered: partial(flattery, experiment, wants.images, BATCH),
    }
    measure_missing(place, of, {key: measures[key] for key in keys}, parts, tell=tell)


def _measured(experiment: Experiment, split: str, images: int | None, dequantized: bool = False) -> PerExample:
    chosen = evenly(split_of(experiment.data, split), images)
    return per_example(experiment.model, chosen, batch_size=BATCH, samples=0, dequantized=dequantized, seed=0)


def bounds(experiment: Experiment, wants: Wants) -> dict[str, Any]:
    """The bound, of a lane of the grid under three σ: of β, of one, and that of its errors on the training images."""
    sigma = equivalent_sigma(experiment) if wants.grid else None
    with speaking(experiment, sigma):
        values, likelihood = _measured(experiment, wants.split, wants.images), experiment.model.likelihood
        found = {
            "kind": likelihood.kind,
            "bound": bound_record(values, wants.split),
            "bits": _bits(experiment, wants),
            "rmse": math.sqrt(values.squared_error.mean()),
            "constant": None
            if values.means is None or len(values.means) < 2
            else bool(values.means.std(0).max() < CONSTANT),
            "sigma": math.sqrt(values.variance.mean()),
            **equivalents(float(values.variance.mean()), 1.0),  # every lane's β is 1 beside the σ that it amounts to
            "unit_bound": None,
            "fitted": None,
        }
    if wants.grid:
        found["unit_bound"] = bound_record(_measured(experiment, wants.split, wants.images), wants.split)
        found["fitted"] = _fitted(experiment, wants)
    return found


def _fitted(experiment: Experiment, wants: Wants) -> dict[str, Any]:
    """The same weights under the σ that fits their errors on training images, a draw of the latents each."""
    dims = math.prod(experiment.data.shape)
    trained = _measured(experiment, "train", wants.images)  # under σ = 1
    sigma = math.sqrt(squared_errors(trained, dims).mean() / dims)
    with speaking(experiment, sigma):
        values = _measured(experiment, wants.split, wants.images)
    return {"sigma": sigma, "elbo": with_error(-(values.distortion + values.rate))}


def _bits(experiment: Experiment, wants: Wants) -> dict[str, Any] | None:
    """Bits per dimension of a mass over the set's own levels, or of a dequantised density; None of anything else."""
    likelihood, data = experiment.model.likelihood, experiment.data
    mass = likelihood.kind == "mass"
    if not likelihood.normalized or (mass and likelihood.levels != data.levels):
        return None
    values = _measured(experiment, wants.split, wants.images, dequantized=not mass)
    dims = math.prod(data.shape)
    mean, error = (bits_per_dim(nats, dims) for nats in mean_and_error(values.distortion + values.rate))
    return {"value": mean, "standard_error": finite_or_none(error), "dequantized": not mass}


def _distances(experiment: Experiment, wants: Wants) -> dict[str, Any]:
    assert wants.features is not None
    return distances(experiment, wants.features, wants.split, wants.clouds)


def _calibration(experiment: Experiment, wants: Wants) -> dict[str, Any]:
    images = split_of(experiment.data, wants.split)
    with speaking(experiment, equivalent_sigma(experiment) if wants.grid else None), torch.no_grad():
        return calibration(experiment.model, images, count=wants.looked, batch_size=BATCH)
