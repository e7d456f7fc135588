"""The β-VAE scores of one table of codes, as the study's tables ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.intervals import finite_or_none, of_replicates
from kelbo.metrics.beta_score import beta_score_of, pair_differences
from kelbo.metrics.classifiers import Classifier
from kelbo.studies.arms import Mode
from kelbo.studies.beta_vae.as_published_classifiers import CLASSIFIERS, POINTS, as_published_score
from kelbo.studies.beta_vae.asked import PAIRS, BetaBudget, L
from kelbo.studies.beta_vae.models import FACTORS

FRESH = "fresh images and pairs"
"""of replicates that have images of their own"""


class Wanted(NamedTuple):
    """One score: `replicates` times, with points of so many pairs drawn anew.

    factors  that may be the shared one: "five" are all; "four" leave out dSprites' shape, which still varies, as the study
             and Higgins et al. did
    """

    factors: str
    classifier: Classifier
    pairs: int
    train: int
    test: int
    replicates: int
    as_published: bool

    @property
    def key(self) -> str:
        """Names the score as tables and claims do."""
        return f"score.{self.factors}.{self.classifier}.{self.pairs}"


def main_classifier(mode: Mode) -> Classifier:
    """The classifier of the tables."""
    return "linear" if mode == "as-published" else "logistic"


def asked_by_group(budget: BetaBudget, mode: Mode, role: str) -> dict[str, list[Wanted]]:
    """The β-VAE scores of a lane or baseline on a set with factors: the tables' own ("scores"), other L, other classifiers."""
    main = main_classifier(mode)
    groups: dict[str, list[tuple[Classifier, int]]] = {
        "scores": [(main, L)],
        "pairs": [(main, pairs) for pairs in PAIRS if pairs != L],
        "classifiers": [(each, L) for each in CLASSIFIERS if each != main],
    }
    choices = FACTORS if role == "dsprites" else ("five",)
    return {
        group: [_wanted(budget, mode, factors, *each) for factors in choices for each in asked]
        for group, asked in groups.items()
    }


def _wanted(budget: BetaBudget, mode: Mode, factors: str, classifier: Classifier, pairs: int) -> Wanted:
    points, published = budget.points[classifier], mode == "as-published"
    sizes = (min(points.train, POINTS[0]), min(points.test, POINTS[1])) if published else (points.train, points.test)
    times = budget.points["logistic"].replicates if classifier == main_classifier(mode) else points.replicates
    return Wanted(factors, classifier, pairs, *sizes, times, published)


def scores(table: Codes, codes: Mapping[str, np.ndarray], wanted: Wanted) -> dict[str, dict[str, Any]]:
    """One score of each of these codes (N, K) as JSON: mean over replicates and Student's interval, of two.

    table: tells the factors of their images. As published, classifiers learn one code after another in this order, and what one
    leaves behind changes the next. A replicate draws its pairs anew; if the table is a sample of the set, also from images of
    its own, an equal part of the table: then the interval is of other images as well as of other pairs. The draws are the same
    for all codes of the same images, so models are compared on the same pairs. ScoreError if the table has too few rows.
    """
    fresh_rows = wanted.replicates > 1 and not table.complete
    order = np.random.default_rng(0).permutation(len(table))
    parts = np.array_split(order, wanted.replicates) if fresh_rows else [order] * wanted.replicates
    values = [_once(table, codes, wanted, np.sort(rows), seed) for seed, rows in enumerate(parts)]
    of = FRESH if fresh_rows else "fresh pairs"
    sizes = {"of": of, "train": wanted.train, "test": wanted.test}
    return {name: _entry([each[name] for each in values]) | sizes for name in codes}


def _entry(values: list[float]) -> dict[str, Any]:
    found = of_replicates(values).within(0, 1)
    return {"value": found.value, "low": finite_or_none(found.low), "high": finite_or_none(found.high)}


def _once(
    table: Codes, codes: Mapping[str, np.ndarray], wanted: Wanted, rows: np.ndarray, seed: int
) -> dict[str, float]:
    assert table.factors is not None  # without them `factor_codes` refuses
    factors, columns = table.factors[rows], chosen(table.names, wanted.factors)
    some = {name: each[rows] for name, each in codes.items()}
    classifier, pairs = wanted.classifier, wanted.pairs
    if wanted.as_published:
        points = wanted.train, wanted.test
        return as_published_score(some, factors, columns, classifier=classifier, pairs=pairs, points=points, seed=seed)
    how = {"points": wanted.train + wanted.test, "pairs": pairs, "chosen": columns, "seed": seed}
    drawn = {name: pair_differences(each, factors, **how) for name, each in some.items()}
    return {
        name: beta_score_of(each, train=wanted.train, classifier=classifier, seed=seed).value
        for name, each in drawn.items()
    }


def chosen(names: Sequence[str], factors: str) -> tuple[int, ...] | None:
    """The factors that may be the shared one, as columns; None for all. ScoreError if "four" are asked for without a shape."""
    if factors == "five":
        return None
    left = tuple(column for column, name in enumerate(names) if name != "shape")
    if len(left) == len(names):
        raise ScoreError(f"These codes have no shape to be left out; they have {', '.join(names)}.")
    return left
