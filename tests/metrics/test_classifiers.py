"""Each classifier is the one it is named for."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from kelbo.errors import ScoreError
from kelbo.metrics import classifiers
from kelbo.metrics.classifiers import predictions
from kelbo.seeds import Source

RNG = np.random.default_rng(0)
CENTRES = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 1]])
LABELS, ASKED = RNG.integers(4, size=400), RNG.integers(4, size=300)
TRAIN, TEST = (3 + CENTRES[labels] + RNG.normal(size=(len(labels), 3)) for labels in (LABELS, ASKED))
BEST = float((np.square(TEST[:, None] - 3 - CENTRES).sum(2).argmin(1) == ASKED).mean())  # what knows the truth reaches


def test_logistic_regression_of_centred_points_is_that_of_the_points():
    plain = LogisticRegression(tol=1e-8, max_iter=10_000).fit(TRAIN, LABELS).predict(TEST)
    assert (predictions("logistic", TRAIN, LABELS, TEST, classes=4) == plain).mean() > 0.99


def test_the_gradient_by_hand_is_that_of_autograd():
    points, answers = torch.as_tensor(TRAIN).float(), torch.as_tensor(LABELS)
    torch.manual_seed(0)
    layer = nn.Linear(3, 5)
    optimizer = torch.optim.Adagrad(layer.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(layer(points), answers).backward()
        optimizer.step()
    torch.manual_seed(0)
    by_hand = classifiers._linear(points, answers, 5, Source(0), steps=100)
    torch.testing.assert_close(by_hand.weight, layer.weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(by_hand.bias, layer.bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("classifier", ["logistic", "linear", "mlp", "forest"])
def test_every_classifier_comes_near_the_best_there_is(classifier, monkeypatch):
    mlp, linear = classifiers._mlp, classifiers._linear
    monkeypatch.setattr(classifiers, "_mlp", lambda *a: mlp(*a, steps=150))
    monkeypatch.setattr(classifiers, "_linear", lambda *a: linear(*a, steps=3000))
    told = predictions(classifier, TRAIN, LABELS, TEST, classes=4)
    assert told.shape == (300,)
    assert (told == ASKED).mean() > BEST - 0.1


def test_all_units_of_the_mlp_answer_the_test(monkeypatch):
    mlp, kept = classifiers._mlp, []
    monkeypatch.setattr(classifiers, "_mlp", lambda *a: kept.append(mlp(*a, steps=60)) or kept[0])
    told = predictions("mlp", TRAIN, LABELS, TEST, classes=4)
    with torch.no_grad():
        whole = kept[0].eval()(torch.as_tensor(TEST).float()).argmax(1).numpy()
    np.testing.assert_array_equal(told, whole)


@pytest.mark.parametrize("classifier", ["linear", "mlp"])
def test_a_seed_decides_and_the_global_generator_stays_as_it_was(classifier, monkeypatch):
    for name in ("_mlp", "_linear"):
        train = getattr(classifiers, name)
        monkeypatch.setattr(classifiers, name, lambda *a, train=train: train(*a, steps=5))
    before = torch.get_rng_state()
    first, again, other = (predictions(classifier, TRAIN, LABELS, TEST, classes=4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert (first == again).all()
    assert (first != other).any()


def test_a_classifier_there_is_not_is_named():
    with pytest.raises(ScoreError, match="^classifier .* logistic, linear, mlp, forest; got 'svm'"):
        predictions("svm", TRAIN, LABELS, TEST, classes=4)
