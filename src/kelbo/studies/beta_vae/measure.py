"""Everything measured of one lane, as a job: each part kept on disk as soon as it is known, under all that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.evaluation.codes import Codes
from kelbo.evaluation.disentanglement import scores_of_codes
from kelbo.experiments import Experiment, open_run
from kelbo.experiments.scoring import factor_codes
from kelbo.runs import Run
from kelbo.studies.beta_vae.plan import LanePlan, Plan, SweepPlan
from kelbo.studies.beta_vae.scoring import Table, Wanted, scores
from kelbo.studies.kept import bound, fingerprint, measure_missing, parts_in
from kelbo.studies.study_distances import distances
from kelbo.studies.study_features import Features
from kelbo.sweeps.lane import Tell


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
        name = f"{features.title} {features.weights[:16]}{' legacy' * features.legacy}" if features else ""
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


def measure_lane(run: Path, place: Path, wants: Wants, *, tell: Tell) -> None:
    """Measure what is not yet kept at `place` of the run's newest weights. Raises as `open_run` and the measures do."""
    of = fingerprint(Run(run))
    parts = parts_in(place, of)
    keys = wants.keys()
    if set(keys) <= parts.keys():
        return
    experiment = open_run(run)
    if experiment.checkpoint.digest != of:  # it trained on since
        of = experiment.checkpoint.digest
        parts = parts_in(place, of)
    measures = _measures(experiment, wants)
    measure_missing(place, of, {key: measures[key] for key in keys}, parts, tell=tell)


def _measures(experiment: Experiment, wants: Wants) -> dict[str, Callable[[], Any]]:
    known: list[Codes] = []

    def codes() -> Codes:
        if not known:
            known.append(factor_codes(experiment, wants.codes))
        return known[0]

    found: dict[str, Callable[[], Any]] = {wants.bound: lambda: bound(experiment, wants.split, wants.images)}
    if wants.features is not None:
        asked = wants.features, wants.split, wants.clouds
        found[wants.distances] = lambda: distances(experiment, *asked, sampled=wants.sampled)
    found[wants.gap] = lambda: _gap(codes())
    for one in wants.scores:
        found[wants.score(one)] = lambda w=one: scores(Table.of(codes()), {"vae": codes().means}, w)["vae"]
    return found


def _gap(codes: Codes) -> dict[str, Any]:
    found = scores_of_codes(codes, ("mig",))["mig"]
    return {key: found[key] for key in ("value", "low", "high")}
