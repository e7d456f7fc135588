"""Gradient-boosted trees for all classes at once, for the importances of DCI."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo.metrics.checks import Floats, Ints

if TYPE_CHECKING:
    from scipy import sparse

Bins = NDArray[np.uint8]
Sums = Floats  # (K, width, 2 C): of each bin of each code, the sum of each class's residuals, and of its rows
DEPTH = 3
MOST_BINS = 255


class Boosted(NamedTuple):
    """Importances (K,) that sum to 1 (all 0 if no node could be split), and the predicted classes (M,) of the other rows."""

    importances: Floats
    predicted: Ints


class Split(NamedTuple):
    """The best split of one node in every class's tree: code, last bin that goes left, squared error saved, each (C,)."""

    code: Ints
    bin: Bins
    gain: Floats


def boost(
    codes: Floats, labels: Ints, others: Floats, *, rounds: int = 100, rate: float = 0.1, bins: int = MOST_BINS
) -> Boosted:
    """Multinomial gradient boosting (Friedman, 2001, algorithm 6) of labels (N,) on codes (N, K); predicts others (M, K).

    Each round fits for each class a regression tree of depth 3 to p - 1[class], by squared error, and moves its leaves by
    one Newton step. The importance of a code is the squared error that its splits saved, over all trees. This equals
    scikit-learn's GradientBoostingClassifier with its defaults (100 rounds, rate 0.1, depth 3, every row and code, at least
    one row a leaf) except for the split points: `bins` quantiles of each code instead of every gap between two rows.
    That makes it fast: the sums over each bin, of all classes together, are one sparse product.
    """
    count, classes = len(codes), int(labels.max()) + 1
    edges = [quantile_edges(column, bins) for column in codes.T]
    rows = np.concatenate([codes, others])
    binned = np.stack([np.searchsorted(e, c, side="left") for e, c in zip(edges, rows.T, strict=True)], 1).astype(
        np.uint8
    )
    width = max(map(len, edges)) + 1
    places = indicator(binned[:count], width)

    share = np.bincount(labels, minlength=classes) / count
    logits = np.tile(np.log(share), (len(rows), 1))
    target = np.eye(classes)[labels]
    saved = np.zeros(codes.shape[1])
    for _ in range(rounds):
        residual = target - softmax(logits[:count])
        leaves, gains = grow(places, binned, width, residual)
        saved += gains
        logits += rate * newton_steps(leaves, residual, classes)
    total = saved.sum()
    return Boosted(saved / total if total > 0 else saved, logits[count:].argmax(1))


def quantile_edges(column: Floats, bins: int) -> Floats:
    """Split points of a code (N,): midway between its distinct values, or at quantiles if there are too many of these."""
    distinct = np.unique(column)
    if len(distinct) <= bins:
        return (distinct[:-1] + distinct[1:]) / 2
    return np.unique(np.quantile(column, np.arange(1, bins) / bins, method="midpoint"))


def indicator(binned: Bins, width: int) -> sparse.csr_array:
    """The matrix (K · width, N) whose product with values (N, C) is their sum over each bin of each code."""
    from scipy import sparse  # here, since training needs none of SciPy

    count, codes = binned.shape
    columns = np.tile(np.arange(count), codes)
    lines = (binned.astype(np.int64) + width * np.arange(codes)).T.ravel()
    return sparse.csr_array((np.ones(len(lines)), (lines, columns)), shape=(codes * width, count))


def grow(places: sparse.csr_array, binned: Bins, width: int, residual: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """One tree for each class: each row's leaf, 0 … 7, (N + M, C), and the squared error saved by each code's splits, (K,)."""
    count, classes = residual.shape
    codes = binned.shape[1]

    def sums(inside: NDArray[np.bool_]) -> Sums:
        both = np.empty((count, 2 * classes), places.dtype)
        np.multiply(residual, inside[:count], out=both[:, :classes])
        both[:, classes:] = inside[:count]
        return (places @ both).reshape(codes, width, 2 * classes)

    nodes = [np.ones((len(binned), classes), np.bool_)]
    tables, saved = [sums(nodes[0])], np.zeros(codes)
    for depth in range(DEPTH):
        halves, halved = [], []
        for node, table in zip(nodes, tables, strict=True):
            split = best_split(table)
            saved += np.bincount(split.code, split.gain, codes)
            right = np.take(binned, split.code, axis=1) > split.bin
            halves += [node & ~right, node & right]
            if depth < DEPTH - 1:  # the right half's table is a difference, which saves half of the products
                left = sums(halves[-2])
                halved += [left, table - left]
        nodes, tables = halves, halved
    leaves = np.zeros((len(binned), classes), np.uint8)
    for number, leaf in enumerate(nodes):
        leaves += leaf.view(np.uint8) * np.uint8(number)
    return leaves, saved


def best_split(table: Sums) -> Split:
    """The split that saves most squared error.

    A split saves n_l n_r / (n_l + n_r) (mean_l - mean_r)². If no split has rows on both sides, all rows go left and the saving
    is 0.
    """
    codes, width, classes = table.shape[0], table.shape[1], table.shape[2] // 2
    running = table.cumsum(1)
    left, rows = running[:, :, :classes], running[:, :, classes:]
    everything, count = running[0, -1, :classes], running[0, -1, classes:]
    product = rows * (count - rows)
    gain = np.square(count * left - rows * everything) / np.maximum(product * count, 1)  # 0 / 1 if a side is empty
    gain = gain.reshape(codes * width, classes)
    best = gain.argmax(0)
    most = gain[best, np.arange(classes)]
    code, place = np.divmod(best, width)
    # equal residuals save only rounding errors
    real = most > 1e-20 * count
    return Split(code, np.where(real, place, width).astype(np.uint8), np.where(real, most, 0.0))


def newton_steps(leaves: NDArray[np.uint8], residual: Floats, classes: int) -> Floats:
    """The step of each row's logits, (N + M, C): (C - 1) / C Σ r / Σ |r| (1 - |r|) over the row's leaf."""
    count, most = len(residual), 2**DEPTH
    cells = leaves.astype(np.int64) + most * np.arange(classes)
    held = cells[:count].ravel()
    size = np.abs(residual)
    upper = np.bincount(held, residual.ravel(), most * classes)
    lower = np.bincount(held, (size * (1 - size)).ravel(), most * classes)
    steps = np.divide((classes - 1) / classes * upper, lower, out=np.zeros_like(upper), where=lower > 1e-150)
    return steps[cells]


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
