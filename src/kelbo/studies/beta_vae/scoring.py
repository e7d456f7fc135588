"""The β-VAE scores of one table of codes, as the study's tables ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.intervals import of_replicates
from kelbo.metrics.beta_score import beta_score_of, pair_differences
from kelbo.metrics.classifiers import Classifier
from kelbo.studies.beta_vae.quirks_scores import as_published_scores

FACTORS = ("all", "without shape")
"""which factors may be the shared one: on dSprites, the study and Higgins et al. leave out the shape, which still varies"""


class Wanted(NamedTuple):
    """One score: `replicates` times, with points of so many pairs drawn anew."""

    factors: str
    classifier: Classifier
    pairs: int
    train: int
    test: int
    replicates: int
    as_published: bool

    @property
    def key(self) -> str:
        """Names the score and all its settings."""
        mode = ", as published" if self.as_published else ""
        points = f"{self.train}+{self.test} points ×{self.replicates}"
        return f"score of {self.factors}, {self.classifier}, L={self.pairs}, {points}{mode}"


class Table(NamedTuple):
    """Which factors the rows of a table of codes have: (N, F), and their names; complete: every combination once."""

    factors: np.ndarray
    names: tuple[str, ...]
    complete: bool

    @classmethod
    def of(cls, codes: Codes) -> Table:
        """That of codes with factors. ScoreError where they have none."""
        if codes.factors is None:
            raise ScoreError("A β-VAE score needs codes whose factors are known.")
        return cls(codes.factors, codes.names, codes.complete)


def scores(table: Table, codes: Mapping[str, np.ndarray], wanted: Wanted) -> dict[str, dict[str, Any]]:
    """One score of each of these codes (N, K) as results.json has it: mean over replicates and Student's interval, of two.

    As published, classifiers learn one code after another in this order, and what one leaves behind changes the next. A
    replicate draws its pairs anew; where the table is a sample of the set, also from images of its own, an equal part of the
    table: then the interval is of other images as well as of other pairs. The draws are the same for all codes of the same
    images, so models are compared on the same pairs. ScoreError where the table has too few rows.
    """
    fresh_rows = wanted.replicates > 1 and not table.complete
    order = np.random.default_rng(0).permutation(len(table.factors))
    parts = np.array_split(order, wanted.replicates) if fresh_rows else [order] * wanted.replicates
    once = _as_published if wanted.as_published else _corrected
    values = [once(table, codes, wanted, np.sort(rows), seed) for seed, rows in enumerate(parts)]
    of = "fresh images and pairs" if fresh_rows else "fresh pairs"
    return {name: _entry(wanted, [each[name] for each in values], of) for name in codes}


def _entry(wanted: Wanted, values: list[float], of: str) -> dict[str, Any]:
    found = of_replicates(values).as_json()
    ends = {end: None if found[end] is None else float(np.clip(found[end], 0, 1)) for end in ("low", "high")}
    return {
        "factors": wanted.factors,
        "classifier": wanted.classifier,
        "pairs": wanted.pairs,
        "train": wanted.train,
        "test": wanted.test,
        "replicates": wanted.replicates,
        "of": of,
        "value": found["value"],
        **ends,
    }


def _corrected(
    table: Table, codes: Mapping[str, np.ndarray], wanted: Wanted, rows: np.ndarray, seed: int
) -> dict[str, float]:
    how = {"points": wanted.train + wanted.test, "pairs": wanted.pairs, "chosen": chosen(table.names, wanted.factors)}
    found = {}
    for name, some in codes.items():
        points = pair_differences(some[rows], table.factors[rows], seed=seed, **how)
        found[name] = beta_score_of(points, train=wanted.train, classifier=wanted.classifier, seed=seed).value
    return found


def _as_published(
    table: Table, codes: Mapping[str, np.ndarray], wanted: Wanted, rows: np.ndarray, seed: int
) -> dict[str, float]:
    found = as_published_scores(
        {name: some[rows] for name, some in codes.items()},
        table.factors[rows],
        chosen(table.names, wanted.factors),
        pairs=wanted.pairs,
        points=(wanted.train, wanted.test),
        classifiers=(wanted.classifier,),
        seeds=(seed,),
    )
    return {name: entries[0]["value"] for name, entries in found.items()}


def chosen(names: Sequence[str], factors: str) -> tuple[int, ...] | None:
    """The factors that may be the shared one, as columns; None for all. ScoreError where none of these is to be left out."""
    if factors == "all":
        return None
    left = tuple(column for column, name in enumerate(names) if f"without {name}" != factors)
    if len(left) == len(names):
        raise ScoreError(f"These codes have no factor to be scored {factors}; they have {', '.join(names)}.")
    return left
