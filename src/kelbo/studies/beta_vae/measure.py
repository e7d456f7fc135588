"""Everything measured of one lane, as a job: each part kept on disk as soon as it is known, under all that it depends on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kelbo.errors import Damaged, NotSaved
from kelbo.evaluation.bounds import per_example
from kelbo.evaluation.codes import Codes
from kelbo.evaluation.disentanglement import scores_of_codes
from kelbo.evaluation.reference import evenly, reference
from kelbo.metrics import mean_and_error
from kelbo.metrics.frechet import frechet_of
from kelbo.metrics.intervals import by_half_samples
from kelbo.recipes.experiment import Experiment, open_run
from kelbo.recipes.follow import clouds
from kelbo.recipes.scores import factor_codes
from kelbo.recipes.sets import split_of
from kelbo.runs import Run, write_json
from kelbo.runs.files import read_json
from kelbo.studies.beta_vae.features import Features
from kelbo.studies.beta_vae.plan import LanePlan, Plan, SweepPlan
from kelbo.studies.beta_vae.scoring import Table, Wanted, scores
from kelbo.sweeps.lane import Tell
from kelbo.training.checkpoint import newest

FORMAT = 1
"""of what is kept; numbers of another one are measured anew"""
REPLICATES = 10
"""half samples behind a distance's interval"""

Parts = dict[str, Any]
"""measured numbers by their keys, values of JSON"""


class Wants(NamedTuple):
    """What is measured of one lane.

    split, images  of the bound; all images where None
    codes          images of the whole set that are encoded for the scores, all where None; no score wants none
    features       through which distances are taken of `clouds` images; None: not at all
    sampled        whether they are of reconstructions from a draw of the posterior
    """

    split: str
    images: int | None
    codes: int | None
    scores: tuple[Wanted, ...]
    features: Features | None
    clouds: int
    sampled: bool

    @property
    def bound(self) -> str:
        return f"bound on {self.images or 'all'} {self.split} images"

    @property
    def gap(self) -> str:
        return f"mig of {self.codes or 'all'} codes"

    @property
    def distances(self) -> str:
        features = self.features
        name = f"{features.name} {features.weights[:16]}{' legacy' * features.legacy}" if features else ""
        drawn = ", drawn posteriors" if self.sampled else ""
        return f"distances of {self.clouds} {self.split} images, {name}{drawn}"

    def score(self, wanted: Wanted) -> str:
        return f"{wanted.key}, of {self.codes or 'all'} codes"

    def keys(self) -> list[str]:
        """Of every part, in the order in which they are measured."""
        gap = [self.gap] if self.scores else []
        distances = [self.distances] if self.features else []
        return [self.bound, *distances, *gap, *map(self.score, self.scores)]


def wants_of(plan: Plan, sweep: SweepPlan, lane: LanePlan) -> Wants:
    """What the plan wants of a lane."""
    budget, role = plan.budget, sweep.part.role
    return Wants(
        split=plan.split,
        images=budget.images,
        codes=budget.codes,
        scores=plan.scores(role, lane.measures) if sweep.has_factors else (),
        features=plan.features[role] if "distances" in lane.measures else None,
        clouds=budget.clouds,
        sampled=plan.as_published,
    )


def fingerprint(run: Run) -> str:
    """Of a run's newest weights: SHA-256 of their file. RunError where it has none."""
    with (newest(run) / "weights.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts_in(place: Path, of: str) -> Parts:
    """What is kept at `place` of the weights (or the baseline) named `of`; nothing where it is of others or unreadable."""
    try:
        kept = read_json(place)
    except Damaged:  # or not there at all
        return {}
    return kept.get("parts", {}) if (kept.get("format"), kept.get("of")) == (FORMAT, of) else {}


def keep(place: Path, of: str, parts: Parts) -> None:
    """Replace what is kept. NotSaved where the disk refuses."""
    try:
        write_json(place, {"format": FORMAT, "of": of, "parts": parts})
    except OSError as error:
        raise NotSaved(f"Measured numbers could not be written to {place}: {error}. Make room and go on.") from error


def measure_lane(run: Path, place: Path, wants: Wants, *, tell: Tell) -> None:
    """Measure what is not yet kept at `place` of the run's newest weights. Raises as `open_run` and the measures do."""
    of = fingerprint(Run(run))
    parts = parts_in(place, of)
    missing = [key for key in wants.keys() if key not in parts]  # noqa: SIM118  a method, not a mapping's
    if not missing:
        return
    experiment = open_run(run)
    measures = _measures(experiment, wants)
    for number, key in enumerate(missing):
        tell({"step": number, "steps": len(missing)})
        parts[key] = measures[key]()
        keep(place, of, parts)


def _measures(experiment: Experiment, wants: Wants) -> dict[str, Callable[[], Any]]:
    known: list[Codes] = []

    def codes() -> Codes:
        if not known:
            known.append(factor_codes(experiment, wants.codes))
        return known[0]

    found: dict[str, Callable[[], Any]] = {wants.bound: lambda: bound(experiment, wants.split, wants.images)}
    found[wants.distances] = lambda: _distances(experiment, wants)
    found[wants.gap] = lambda: _gap(codes())
    for one in wants.scores:
        found[wants.score(one)] = lambda w=one: scores(Table.of(codes()), {"vae": codes().means}, w)["vae"]
    return found


def bound(experiment: Experiment, split: str, images: int | None) -> dict[str, Any]:
    """Distortion, rate and ELBO, nats per image with their standard errors, and the reconstructions' rmse, intensity."""
    chosen = evenly(split_of(experiment.data, split), images)
    values = per_example(experiment.model, chosen, batch_size=256, samples=0, dequantized=False, seed=0)
    told = {"distortion": values.distortion, "rate": values.rate, "elbo": -(values.distortion + values.rate)}
    return {
        "bound": {"split": split, "images": len(chosen)} | {name: _with_error(each) for name, each in told.items()},
        "rmse": math.sqrt(values.squared_error.mean()),
    }


def _with_error(values: np.ndarray) -> dict[str, float]:
    mean, error = mean_and_error(values)
    return {"mean": float(mean), "standard_error": float(error)}


def _gap(codes: Codes) -> dict[str, Any]:
    found = scores_of_codes(codes, ("mig",))["mig"]
    return {key: found[key] for key in ("value", "low", "high")}


def _distances(experiment: Experiment, wants: Wants) -> dict[str, Any]:
    """Fréchet distances of reconstructions and samples, with the intervals that halves of the images tell."""
    assert wants.features is not None
    network = wants.features.open(experiment.device)
    images = split_of(experiment.data, wants.split)
    chosen, real = evenly(images, wants.clouds), reference(network, images, wants.clouds)
    found: dict[str, Any] = {"features": network.name, "images": len(chosen), "split": wants.split}
    for name, cloud in clouds(experiment.model, network, chosen, sampled=wants.sampled).items():
        spread = by_half_samples(
            lambda rows, c=cloud: frechet_of(real[rows], c[rows]).distance, len(real), replicates=REPLICATES
        )
        found[name] = {
            "called": network.distance,
            "value": spread.value,
            "low": spread.low,
            "high": spread.high,
        }
    return found
