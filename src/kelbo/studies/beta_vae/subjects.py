"""What the study's quirks are measured on: one lane of each set, and the baselines' codes of the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kelbo.evaluation.codes import drawn
from kelbo.experiments import open_run
from kelbo.experiments.diagnosis import COLLAPSED
from kelbo.experiments.scoring import factor_codes
from kelbo.runs import Run
from kelbo.studies.beta_vae.baselines import KINDS, fit
from kelbo.studies.beta_vae.quirks import Effort, Subject, quirks
from kelbo.studies.beta_vae.scoring import FACTORS, chosen
from kelbo.studies.beta_vae.training import Entry
from kelbo.studies.kept import bound, fingerprint, keep, parts_in
from kelbo.sweeps.lane import Tell

BETA, NETWORK = "4", "conv"
"""the lane that is looked at where it is there"""


class Looked(NamedTuple):
    """One lane: its run, the study's set that it is on, and what its rows are called."""

    run: Path
    role: str
    model: str


class QuirkWants(NamedTuple):
    """On which lanes the quirks are measured, on how many images, with how much effort."""

    lanes: tuple[Looked, ...]
    codes: int | None
    images: int | None
    fitted: tuple[int, int]
    effort: Effort

    @property
    def of(self) -> str:
        """All that the numbers depend on."""
        return self.made_of([fingerprint(Run(lane.run)) for lane in self.lanes])

    def made_of(self, weights: list[str]) -> str:
        """All that numbers of these weights depend on."""
        return f"{weights} {self.codes} {self.images} {self.fitted} {self.effort}"


def looked_at(entries: list[Entry]) -> tuple[Looked, ...]:
    """A finished lane of each set with factors: the convolutional one at β = 4 and the first seed, or the nearest to it."""
    found: dict[str, tuple[tuple[bool, bool, int], Looked]] = {}
    for number, entry in enumerate(entries):
        if entry.state[0] != "done" or not entry.plan.has_factors:
            continue
        part, lane = entry.plan.part, entry.lane
        rank = (part.network != NETWORK, lane.beta != BETA, number)
        looked = Looked(entry.run.path, part.role, f"VAE, β = {float(lane.beta):g}")
        if part.role not in found or rank < found[part.role][0]:
            found[part.role] = rank, looked
    return tuple(looked for _, looked in found.values())


def measure_quirks(place: Path, wants: QuirkWants, *, tell: Tell) -> None:
    """Every quirk that these lanes allow, kept at `place`; nothing is done where they are there already."""
    if "quirks" in parts_in(place, wants.of):
        return
    subjects = [subject(lane, wants) for lane in wants.lanes]
    of = wants.made_of([one.experiment.checkpoint.digest for one in subjects if one.experiment])  # of what was opened
    told = [0]

    def count(_name: str, _set: str) -> None:
        told[0] += 1
        tell({"step": told[0], "steps": 7 * len(subjects)})

    keep(place, of, {"quirks": quirks(subjects, (), wants.effort, count)})


def subject(lane: Looked, wants: QuirkWants) -> Subject:
    """A lane with all that the quirks ask of it. Raises as `open_run` does."""
    experiment = open_run(lane.run)
    data = experiment.data
    assert data.whole is not None
    codes = factor_codes(experiment, wants.codes)
    images, index = drawn(data.whole, wants.codes)
    bounds = {split: bound(experiment, split, wants.images)["bound"] for split in ("train", "test")}
    collapsed = bounds["test"]["rate"]["mean"] < COLLAPSED
    linear = {kind: fit(kind, data, codes.means.shape[1], experiment.recipe.seed, wants.fitted) for kind in KINDS}
    return Subject(
        set=data.name,
        role=lane.role,
        model=lane.model + " (collapsed)" * collapsed,
        codes={"vae": codes.means} | {kind: encoder.encode(images) for kind, encoder in linear.items()},
        factors=codes.factors,
        names=codes.names,
        chosen=chosen(codes.names, FACTORS[1]) if lane.role == "dsprites" else None,
        scales=codes.scales,
        held_out=np.isin(index.numpy(), _indices(data.test)),
        images=images,
        train=data.train,
        experiment=experiment,
        distortion={split: found["distortion"] for split, found in bounds.items()},
    )


def _indices(split: Any) -> np.ndarray:
    """Which images of the whole set a held-out split has."""
    return split.index.cpu().numpy()
