"""What is said of one quirk of the β-VAE study's code, and what it is measured on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np

from kelbo.data.images import Images
from kelbo.experiments import Experiment
from kelbo.intervals import finite_or_none
from kelbo.metrics import Score, of_replicates

NAMES = {"pca": "PCA", "ica": "ICA"}


class Value(TypedDict):
    """A number and its 95 % interval, None where one replicate tells none."""

    value: float
    low: float | None
    high: float | None


class Row(TypedDict):
    """One number both ways; None where one of them does not exist.

    difference: published less corrected, each replicate's with the same draws.
    """

    label: str
    published: Value | None
    corrected: Value | None
    difference: Value | None
    unit: str


class Entry(TypedDict):
    """One quirk on one set. No rows: it is told in words (`note`). seconds: what measuring it took."""

    name: str
    title: str
    what: str
    set: str | None
    role: str | None
    rows: list[Row]
    note: str
    seconds: float


@dataclass(frozen=True)
class Subject:
    """One set of images, and the codes that one lane and the baselines give N of them.

    set, role   the set that was looked at, and the study's for which it stands
    model       what the lane's rows are called, "VAE, β = 4" say
    codes       "vae", "pca", "ica": (N, K) each, of the same images; posterior means of the lane
    factors     (N, F); names: of the factors
    chosen      columns that the study drew in its mode without the shape; None: all
    scales      the lane's posterior standard deviations, (N, K)
    held_out    (N,), True of images that the lane was not trained on
    images      those N images, for baselines that are fitted anew; train: what they are fitted on
    experiment  the lane itself, for what its likelihood says of pixels
    distortion  {"train": …, "test": …}, each {"mean", "standard_error"} in nats, where it was evaluated on both
    """

    set: str
    role: str
    model: str
    codes: Mapping[str, np.ndarray] = field(default_factory=dict)
    factors: np.ndarray | None = None
    names: tuple[str, ...] = ()
    chosen: tuple[int, ...] | None = None
    scales: np.ndarray | None = None
    held_out: np.ndarray | None = None
    images: Images | None = None
    train: Images | None = None
    experiment: Experiment | None = None
    distortion: Mapping[str, Mapping[str, float]] | None = None

    def called(self, code: str) -> str:
        return NAMES.get(code, self.model)


def value_of(score: Score, unit: str) -> Value:
    """A score as JSON has it; an accuracy's interval ends at 0 and 1."""
    least, most = (0.0, 1.0) if unit == "accuracy" else (-math.inf, math.inf)
    low, high = (finite_or_none(float(np.clip(end, least, most))) for end in (score.low, score.high))
    return {"value": float(score.value), "low": low, "high": high}


def compared(label: str, published: Sequence[float], corrected: Sequence[float], unit: str = "accuracy") -> Row:
    """A row from replicates whose draws are the same on both sides."""
    apart = of_replicates(np.subtract(published, corrected))
    return {
        "label": label,
        "published": value_of(of_replicates(published), unit),
        "corrected": value_of(of_replicates(corrected), unit),
        "difference": value_of(apart, "difference"),
        "unit": unit,
    }


def measured(mean: float, standard_error: float | None) -> Value:
    """A mean over many examples with its normal 95 % interval; none if the error does not exist (None or NaN)."""
    margin = 1.96 * (math.nan if standard_error is None else standard_error)
    return {"value": mean, "low": finite_or_none(mean - margin), "high": finite_or_none(mean + margin)}


def entry(name: str, subject: Subject | None, rows: list[Row], note: str = "") -> Entry:
    """The entry of that name, on a subject or on none; its title and what it is stand in TEXTS."""
    from kelbo.studies.beta_vae.quirks_texts import TEXTS  # here, since texts are long and nobody else wants them

    title, what = TEXTS[name]
    where = (None, None) if subject is None else (subject.set, subject.role)
    told: dict[str, Any] = {"name": name, "title": title, "what": what, "set": where[0], "role": where[1]}
    return Entry(**told, rows=rows, note=note, seconds=0.0)
