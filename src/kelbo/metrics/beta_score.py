"""The β-VAE score: can a simple classifier tell from a code which factor did not change?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.classifiers import Classifier, predictions
from kelbo.metrics.groups import draw_rows, draw_values, group_rows

BLOCK = 2**19  # numbers looked up at a time: 4 MiB, which stay in the cache


class Points(NamedTuple):
    """What the classifier sees.

    differences   mean_l |c_l1 - c_l2| over the pairs of each point, (P, K), in units of the codes
    labels        the factor that each point's pairs share, as its column, (P,)
    """

    differences: Floats
    labels: Ints


class BetaScore(NamedTuple):
    """The share of test points whose factor was told, and which factors were taken for which.

    confusion   test points by (shared factor, told factor), columns of the factors up to the last one that was drawn
    """

    value: float
    confusion: Ints


def pair_differences(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    points: int = 15_000,
    pairs: int = 64,
    chosen: Sequence[int] | None = None,
    seed: int = 0,
) -> Points:
    """Points of the β-VAE score, to be classified by one or many classifiers (Higgins et al., 2017, section 3).

    For each point a factor is drawn, among the `chosen` columns or all; for each of its pairs a value of that factor, all
    equally likely; then two rows that have it, with replacement. On a table of all combinations of factors that is the
    definition exactly, on a sample of them its estimate. codes: (N, K), means of the posterior. factors: (N, F), integers.
    The same seed draws the same rows, whatever the codes. Memory is bounded whatever the number of pairs.

    ScoreError: see `codes_and_factors`; a value with one row; fewer than 2 chosen columns, one twice, or one there is not;
    points or pairs below 1.
    """
    codes, ranks = codes_and_factors(codes, factors)
    columns = _columns(chosen, ranks.shape[1])
    if min(points, pairs) < 1:
        raise ScoreError(f"The β-VAE score needs points and pairs; got points={points}, pairs={pairs}.")
    groups, rng = group_rows(ranks[:, columns]), np.random.default_rng(seed)
    drawn, differences = rng.integers(len(columns), size=points), np.empty((points, codes.shape[1]))
    block = max(1, BLOCK // (pairs * codes.shape[1]))
    for start in range(0, points, block):
        shared = drawn[start : start + block, None, None]
        uniforms = rng.random((len(shared), pairs, 3))  # in the order of points, so blocks of any size draw the same
        values = draw_values(groups, shared, uniforms[..., :1])
        first, second = np.moveaxis(draw_rows(groups, shared, values, uniforms[..., 1:]), -1, 0)
        differences[start : start + block] = np.abs(codes.take(first, 0) - codes.take(second, 0)).mean(1)
    return Points(differences, columns[drawn])


def beta_score_of(
    points: Points,
    *,
    train: int,
    classifier: Classifier = "logistic",
    seed: int = 0,
) -> BetaScore:
    """The β-VAE score of points: learned from the first `train`, tested on the others; its classes are the factors drawn.

    Raises ScoreError if no point is left for the test, or the points to learn from have one factor only.
    """
    labels, size = points.labels, int(points.labels.max()) + 1
    if not 0 < train < len(labels) or len(np.unique(labels[:train])) < 2:
        raise ScoreError(
            f"The classifier needs points of two factors or more to learn from and others for its test; "
            f"got train={train:,} of {len(labels):,} points. Draw more, or change train."
        )
    columns, positions = np.unique(labels, return_inverse=True)
    told = columns[
        predictions(
            classifier,
            points.differences[:train],
            positions[:train],
            points.differences[train:],
            classes=len(columns),
            seed=seed,
        )
    ]
    confusion = np.bincount(labels[train:] * size + told, minlength=size * size).reshape(size, size)
    return BetaScore(float((told == labels[train:]).mean()), confusion)


def beta_score(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    classifier: Classifier = "logistic",
    pairs: int = 64,
    chosen: Sequence[int] | None = None,
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
) -> BetaScore:
    """The β-VAE score of codes (N, K) with factors (N, F): a classifier's test accuracy, by chance 1 / F.

    A point is z = 1/L Σ_l |c_l1 - c_l2| over L pairs of rows that share the value of one factor y and nothing else on
    purpose; the classifier learns y from z (Higgins et al., 2017, section 3). The reference (disentanglement_lib) draws L = 64
    pairs, 10,000 points to learn from and 5,000 for the test, and fits scikit-learn's logistic regression with its default
    penalty. So does this, hence the score depends on the scale of the codes, though not on their order, sign or offset.

    chosen: columns of the factors that are drawn (the others still vary); train, test: points. `pair_differences` and
    `beta_score_of` are the two halves, for many classifiers on the same points. ScoreError: see there.
    """
    points = pair_differences(codes, factors, points=train + test, pairs=pairs, chosen=chosen, seed=seed)
    return beta_score_of(points, train=train, classifier=classifier, seed=seed)


def _columns(chosen: Sequence[int] | None, count: int) -> Ints:
    """The columns to draw from. ScoreError where they are no choice."""
    columns = np.arange(count) if chosen is None else np.asarray(chosen, np.int64).reshape(-1)
    if len(columns) < 2 or len(np.unique(columns)) < len(columns) or columns.min() < 0 or columns.max() >= count:
        raise ScoreError(
            f"The β-VAE score tells two or more factors apart, each a column from 0 to {count - 1}, none twice; "
            f"got {columns.tolist()}."
        )
    return columns
