"""The β-VAE scores of one table of codes, as the study's tables ask for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.evaluation.disentanglement import as_json
from kelbo.metrics.beta_score import beta_score_of, pair_differences
from kelbo.metrics.classifiers import Classifier
from kelbo.metrics.intervals import of_replicates

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


def score(codes: Codes, wanted: Wanted) -> dict[str, Any]:
    """One score as results.json has it, its mean over replicates with Student's interval; no interval of one replicate.

    A replicate draws its pairs anew; where the table is a sample of the set, also from images of its own, an equal part of
    the table: then the interval is of other images as well as of other pairs. The draws are the same for all tables of the
    same images, so models are compared on the same pairs. ScoreError where the codes have no factors or too few rows.
    """
    if codes.factors is None:
        raise ScoreError("A β-VAE score needs codes whose factors are known.")
    fresh_rows = wanted.replicates > 1 and not codes.complete
    order = np.random.default_rng(0).permutation(len(codes))
    parts = np.array_split(order, wanted.replicates) if fresh_rows else [order] * wanted.replicates
    values = [_once(codes, wanted, np.sort(rows), number) for number, rows in enumerate(parts)]
    found = as_json(of_replicates(values))
    ends = {end: None if found[end] is None else float(np.clip(found[end], 0, 1)) for end in ("low", "high")}
    return {
        "factors": wanted.factors,
        "classifier": wanted.classifier,
        "pairs": wanted.pairs,
        "train": wanted.train,
        "test": wanted.test,
        "replicates": wanted.replicates,
        "of": "fresh images and pairs" if fresh_rows else "fresh pairs",
        "value": found["value"],
        **ends,
    }


def _once(codes: Codes, wanted: Wanted, rows: np.ndarray, seed: int) -> float:
    assert codes.factors is not None
    factors = codes.factors[rows]
    points = pair_differences(
        codes.means[rows],
        factors,
        points=wanted.train + wanted.test,
        pairs=wanted.pairs,
        chosen=_columns(codes, wanted.factors),
        seed=seed,
    )
    return beta_score_of(
        points,
        train=wanted.train,
        classifier=wanted.classifier,
        classes=factors.shape[1] if wanted.as_published else None,
        seed=seed,
        dropout_at_test=wanted.as_published,
    ).value


def _columns(codes: Codes, factors: str) -> list[int] | None:
    """The factors that may be the shared one, as columns; None for all."""
    if factors == "all":
        return None
    left = [column for column, name in enumerate(codes.names) if f"without {name}" != factors]
    if len(left) == len(codes.names):
        raise ScoreError(f"These codes have no factor to be scored {factors}; they have {', '.join(codes.names)}.")
    return left
