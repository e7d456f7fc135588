"""The β-VAE score: can a simple classifier predict from codes which factor was held fixed?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.classifiers import Classifier, predictions
from kelbo.metrics.groups import draw_rows, draw_values, group_rows

BLOCK = 2**19  # numbers gathered at a time: 4 MiB, which stay in the cache


class Points(NamedTuple):
    """Inputs and labels of the classifier.

    differences   mean_l |c_l1 - c_l2| over the pairs of each point, (P, K), in units of the codes
    labels        the column of the factor that each point's pairs share, (P,)
    """

    differences: Floats
    labels: Ints


class BetaScore(NamedTuple):
    """The accuracy on test points, and the confusion matrix.

    confusion   test points by (shared factor, predicted factor), one row and column a factor up to the last one drawn
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

    For each point, draw a factor from the `chosen` columns (all by default); for each of its pairs, draw a value of that
    factor, all equally likely, then two rows with that value, with replacement. On a table of all combinations of factors
    this is exactly the definition, on a sample of them an estimate. codes: (N, K), means of the posterior. factors: (N, F),
    integers. The rows drawn depend on the seed only, not on the codes. Memory does not grow with the number of pairs.

    Raises ScoreError as `codes_and_factors` does, and if a value has only one row, if `chosen` has fewer than 2 columns,
    repeats one or names one out of range, or if points or pairs are below 1.
    """
    codes, ranks = codes_and_factors(codes, factors)
    columns = _columns(chosen, ranks.shape[1])
    if min(points, pairs) < 1:
        raise ScoreError(f"points and pairs must be at least 1; got points={points}, pairs={pairs}.")
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
    """The β-VAE score of points: trained on the first `train`, tested on the others; the classes are the factors drawn.

    Raises ScoreError if no point is left for the test, or if the training points have only one factor.
    """
    labels, size = points.labels, int(points.labels.max()) + 1
    if not 0 < train < len(labels) or len(np.unique(labels[:train])) < 2:
        raise ScoreError(
            f"The classifier needs training points of at least two factors and further points for its test; "
            f"got train={train:,} of {len(labels):,} points. Draw more points, or change train."
        )
    columns, positions = np.unique(labels, return_inverse=True)
    predicted = columns[
        predictions(
            classifier,
            points.differences[:train],
            positions[:train],
            points.differences[train:],
            classes=len(columns),
            seed=seed,
        )
    ]
    confusion = np.bincount(labels[train:] * size + predicted, minlength=size * size).reshape(size, size)
    return BetaScore(float((predicted == labels[train:]).mean()), confusion)


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
    """The β-VAE score of codes (N, K) with factors (N, F): a classifier's test accuracy; 1 / F by chance.

    A point is z = 1/L Σ_l |c_l1 - c_l2| over L pairs of rows that share the value of one factor y, the others being random;
    the classifier learns y from z (Higgins et al., 2017, section 3). As in the reference (disentanglement_lib), there are
    L = 64 pairs, 10,000 training and 5,000 test points, and the classifier is scikit-learn's logistic regression with its
    default penalty, hence the score depends on the scale of the codes, though not on their order, sign or offset.

    chosen: columns of the factors that are drawn (the others still vary); train, test: numbers of points. To score many
    classifiers on the same points, call `pair_differences` and `beta_score_of`. Raises ScoreError as these do.
    """
    points = pair_differences(codes, factors, points=train + test, pairs=pairs, chosen=chosen, seed=seed)
    return beta_score_of(points, train=train, classifier=classifier, seed=seed)


def _columns(chosen: Sequence[int] | None, count: int) -> Ints:
    """The columns to draw from. Raises ScoreError if there are fewer than 2, or one is repeated or out of range."""
    columns = np.arange(count) if chosen is None else np.asarray(chosen, np.int64).reshape(-1)
    if len(columns) < 2 or len(np.unique(columns)) < len(columns) or columns.min() < 0 or columns.max() >= count:
        raise ScoreError(f"chosen must be two or more different columns from 0 to {count - 1}; got {columns.tolist()}.")
    return columns
