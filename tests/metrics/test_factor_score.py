"""The FactorVAE score is the accuracy of its definition."""

import sys

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics.factor_score import factor_score

module = sys.modules["kelbo.metrics.factor_score"]  # the room exports a function of the same name

SIZES = (3, 4, 5)
GRID = np.stack(np.unravel_index(np.arange(60), SIZES), 1)
MIXED = GRID @ np.random.default_rng(0).normal(size=(3, 4)) + np.random.default_rng(1).normal(size=(60, 4))


def votes_by_the_definition(codes, sizes, points, batch, rng):
    """(factor, latent) counts on a grid of all combinations in order."""
    variances = codes[rng.integers(len(codes), size=10_000)].var(0, ddof=1)
    votes = np.zeros((len(sizes), codes.shape[1]))
    for _ in range(points):
        shared = rng.integers(len(sizes))
        value = rng.integers(sizes[shared])
        rows = []
        for _ in range(batch):
            values = [int(rng.integers(size)) for size in sizes]
            values[shared] = int(value)
            rows.append(np.ravel_multi_index(values, sizes))
        votes[shared, (codes[rows].var(0, ddof=1) / variances).argmin()] += 1
    return votes


def test_votes_are_distributed_as_the_definition_draws_them():
    slow = votes_by_the_definition(MIXED, SIZES, 2000, 6, np.random.default_rng(2)) / 2000
    fast = factor_score(MIXED, GRID, batch=6, train=20_000).votes / 20_000
    assert (np.abs(slow - fast) < 5 * np.sqrt(np.maximum(fast * (1 - fast), 1e-3) / 2000)).all()


def test_the_score_is_how_often_the_majority_is_right():
    score = factor_score(MIXED, GRID, batch=6, train=20_000, test=20_000)
    assert score.votes.sum() == 20_000
    assert score.value == pytest.approx(score.votes.max(0).sum() / 20_000, abs=0.02)
    assert 0.4 < score.value < 0.98


def test_a_latent_below_the_least_deviation_has_no_vote():
    still = np.hstack([MIXED, 0.04 * GRID[:, :1] / GRID[:, 0].std(), np.full((60, 1), 0.1)])
    score = factor_score(still, GRID, train=2000, test=500)
    assert score.active.tolist() == [True] * 4 + [False] * 2
    assert score.votes[:, 4:].sum() == 0
    assert factor_score(still, GRID, train=2000, test=500, least_deviation=0.03).votes[0, 4] > 0


def test_a_collapsed_code_scores_zero():
    score = factor_score(np.full((60, 3), 0.1), GRID)
    assert score.value == 0
    assert not score.active.any()
    assert score.votes.shape == (3, 3)


def test_blocks_make_no_difference(monkeypatch):
    whole = factor_score(MIXED, GRID, batch=5, train=300, test=100)
    monkeypatch.setattr(module, "BLOCK", 60)
    assert np.array_equal(factor_score(MIXED, GRID, batch=5, train=300, test=100).votes, whole.votes)


@pytest.mark.parametrize("sizes", [{"batch": 1}, {"variance_rows": 1}, {"train": 0}, {"test": 0}])
def test_sizes_too_small_are_named(sizes):
    name, value = next(iter(sizes.items()))
    with pytest.raises(ScoreError, match=f"{name}={value}"):
        factor_score(MIXED, GRID, **sizes)
