"""Agreement of attributes is that of the definitions, of scikit-learn, and obeys its laws."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from kelbo.metrics.agreement import accuracies, cosines, f1_scores, squared_errors


def drawn(count=200, width=5):
    rng = np.random.default_rng(0)
    return rng.integers(0, 2, (count, width)), rng.random((count, width))


def test_accuracy_and_f1_are_those_of_scikit_learn():
    values, chances = drawn()
    for column in range(values.shape[1]):
        pair = values[:, column], chances[:, column] > 0.5
        assert accuracies(values, chances)[column] == pytest.approx(accuracy_score(*pair))
        assert f1_scores(values, chances)[column] == pytest.approx(f1_score(*pair))


def test_f1_does_not_exist_where_nothing_is_there_or_seen_and_is_0_where_nothing_is_hit():
    values, chances = np.array([[0, 1, 0], [0, 0, 0]]), np.array([[0.1, 0.2, 0.9], [0.2, 0.9, 0.1]])
    assert np.isnan(f1_scores(values, chances)[0])
    assert f1_scores(values, chances)[1:].tolist() == [0.0, 0.0]


def test_perfect_wrong_and_undecided_answers_have_their_ends():
    values, _ = drawn()
    for chances, cosine, error in ((values, 1, 0), (1 - values, -1, 4), (np.full(values.shape, 0.5), 0, 1)):
        np.testing.assert_allclose(cosines(values, chances), cosine, atol=1e-12)
        np.testing.assert_allclose(squared_errors(values, chances), error, atol=1e-12)


def test_naming_the_absence_instead_changes_all_but_f1():
    values, chances = drawn()
    for score in (accuracies, cosines, squared_errors):
        np.testing.assert_allclose(score(1 - values, 1 - chances), score(values, chances))
    assert not np.allclose(f1_scores(1 - values, 1 - chances), f1_scores(values, chances))
