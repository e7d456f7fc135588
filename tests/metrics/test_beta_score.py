"""The β-VAE score is the accuracy of its definition."""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kelbo.errors import ScoreError
from kelbo.metrics.beta_score import Points, beta_score, beta_score_of, pair_differences

module = sys.modules["kelbo.metrics.beta_score"]  # the room exports a function of the same name

SIZES = (3, 4, 5)
GRID = np.stack(np.unravel_index(np.arange(60), SIZES), 1)
MIXED = GRID @ np.random.default_rng(0).normal(size=(3, 4)) + np.random.default_rng(1).normal(size=(60, 4))


def points_by_the_definition(codes, sizes, points, pairs, rng, chosen):
    """On a grid of all combinations in order: draw two tuples of factors, let them agree, look both codes up."""
    differences, labels = [], []
    for _ in range(points):
        shared = chosen[rng.integers(len(chosen))]
        moves = []
        for _ in range(pairs):
            first, second = ([int(rng.integers(size)) for size in sizes] for _ in range(2))
            second[shared] = first[shared]
            rows = [np.ravel_multi_index(values, sizes) for values in (first, second)]
            moves.append(np.abs(codes[rows[0]] - codes[rows[1]]))
        differences.append(np.mean(moves, 0))
        labels.append(shared)
    return np.array(differences), np.array(labels)


@pytest.mark.parametrize("chosen", [(0, 1, 2), (1, 2)])
def test_points_are_distributed_as_the_definition_draws_them(chosen):
    slow, labels = points_by_the_definition(MIXED, SIZES, 1500, 4, np.random.default_rng(2), chosen)
    fast = pair_differences(MIXED, GRID, points=20_000, pairs=4, chosen=chosen)
    assert set(fast.labels) == set(chosen)
    for factor in chosen:
        ours, theirs = fast.differences[fast.labels == factor], slow[labels == factor]
        assert abs((fast.labels == factor).mean() - 1 / len(chosen)) < 5 * np.sqrt(0.25 / 20_000)
        for moment in (1, 2):
            error = np.sqrt((ours**moment).var(0) / len(ours) + (theirs**moment).var(0) / len(theirs))
            assert (np.abs((ours**moment).mean(0) - (theirs**moment).mean(0)) < 4.5 * error).all()


def test_the_score_is_that_of_the_definition():
    differences, labels = points_by_the_definition(MIXED, SIZES, 3000, 4, np.random.default_rng(3), (0, 1, 2))
    fitted = LogisticRegression(max_iter=1000).fit(differences[:2000], labels[:2000])
    slow = fitted.score(differences[2000:], labels[2000:])
    fast = beta_score(MIXED, GRID, pairs=4, train=2000, test=4000).value
    assert 0.4 < slow < 0.95
    assert fast == pytest.approx(slow, abs=5 * np.sqrt(0.25 / 1000))


def test_every_pair_of_a_point_has_its_own_value():
    codes = np.stack([GRID[:, 0] * 1.0, GRID[:, 1] * 10.0 * (GRID[:, 0] == 2)], 1)
    drawn = pair_differences(codes, GRID, points=300, pairs=50, chosen=(0, 1))
    # the second latent moves for one value of factor 0: in some pairs of nearly every point, rather than all pairs of some
    assert (drawn.differences[drawn.labels == 0, 1] > 0).mean() > 0.95


def test_a_shared_factor_stands_still_and_only_that():
    drawn = pair_differences(GRID * 1.0, GRID, points=500, pairs=64)
    for factor in range(3):
        still = drawn.differences[drawn.labels == factor] == 0
        assert still[:, factor].all()
        assert not np.delete(still, factor, 1).any()


def test_values_are_equally_likely_however_often_they_are_met():
    factors = np.repeat([[0, 0], [1, 1]], [900, 100], 0)[np.random.default_rng(0).permutation(1000)]
    factors[:, 1] = np.arange(1000) % 2
    codes = np.where(factors[:, :1] == 1, np.random.default_rng(1).normal(size=(1000, 1)), 0.0)
    drawn = pair_differences(codes, factors, points=400, pairs=100, chosen=(0, 1))
    moved = drawn.differences[drawn.labels == 0].mean()
    assert moved == pytest.approx(0.5 * 2 / np.sqrt(np.pi), rel=0.15)  # half of all pairs, not a tenth


def test_blocks_make_no_difference(monkeypatch):
    whole = pair_differences(MIXED, GRID, points=50, pairs=7)
    monkeypatch.setattr(module, "BLOCK", 60)
    parts = pair_differences(MIXED, GRID, points=50, pairs=7)
    assert np.array_equal(whole.differences, parts.differences)


def test_the_score_of_points_is_the_score():
    points = pair_differences(MIXED, GRID, points=900, pairs=8, seed=4)
    score = beta_score(MIXED, GRID, pairs=8, train=600, test=300, seed=4)
    assert beta_score_of(points, train=600, seed=4).value == score.value


def test_confusion_counts_the_test_points_by_column():
    score = beta_score(MIXED, GRID, pairs=2, train=500, test=400, chosen=(0, 2))
    assert score.confusion.shape == (3, 3)
    assert score.confusion.sum() == 400
    assert score.confusion[1].sum() == score.confusion[:, 1].sum() == 0
    assert np.trace(score.confusion) / 400 == score.value


def test_more_pairs_tell_more():
    scores = [beta_score(MIXED, GRID, pairs=pairs, train=2000, test=2000).value for pairs in (1, 8, 64)]
    assert scores == sorted(scores)
    assert scores[2] > scores[0] + 0.1


def test_the_points_are_the_references_and_the_classes_the_factors_drawn(monkeypatch):
    asked = {}

    def told(classifier, train, labels, test, **how):
        asked.update(how, train=len(train), test=len(test), labels=set(labels.tolist()))
        return np.zeros(len(test), np.int64)

    monkeypatch.setattr(module, "predictions", told)
    beta_score(MIXED, GRID, pairs=2, chosen=(1, 2), classifier="mlp")
    assert asked == {"train": 10_000, "test": 5_000, "labels": {0, 1}, "classes": 2, "seed": 0}


@pytest.mark.parametrize("chosen", [(0,), (0, 0), (0, 3), (-1, 0), ()])
def test_columns_that_are_no_choice_are_named(chosen):
    with pytest.raises(ScoreError, match=r"^chosen .* 0 to 2; got \["):
        pair_differences(MIXED, GRID, chosen=chosen)


def test_a_test_without_points_is_refused():
    with pytest.raises(ScoreError, match="got train=100 of 100 points"):
        beta_score_of(Points(np.zeros((100, 2)), np.arange(100) % 2), train=100)
    with pytest.raises(ScoreError, match="got points=0, pairs=64"):
        pair_differences(MIXED, GRID, points=0)
