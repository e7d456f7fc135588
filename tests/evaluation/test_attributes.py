"""Directions of attributes obey their laws, know confounded attributes apart, and move images."""

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.bound import Batch
from kelbo.errors import ScoreError
from kelbo.evaluation.attributes import attribute_vectors, edited
from kelbo.likelihoods import FixedGaussian
from kelbo.models import VAE, Autoencoder

METHODS = ("difference", "balanced", "matched")
NAMES = ("glasses", "old", "hat")
EFFECTS = np.array([[2.0, 0, 0, 1], [0, 3.0, 1, 0], [0, 0, -1.0, 2]])


def confounded(count=4000):
    """Codes that three attributes move linearly; old people have glasses and hats more often."""
    rng = np.random.default_rng(0)
    old = rng.random(count) < 0.4
    glasses = rng.random(count) < np.where(old, 0.7, 0.2)
    hat = rng.random(count) < np.where(glasses, 0.6, 0.3)
    values = np.stack([glasses, old, hat], 1).astype(np.int8)
    return values @ EFFECTS + 0.1 * rng.normal(size=(count, 4)), values


def test_the_plain_direction_is_the_mean_with_less_the_mean_without():
    codes, values = confounded()
    found = attribute_vectors(codes, values, NAMES)
    for row in range(3):
        having = values[:, row] == 1
        np.testing.assert_allclose(found.vectors[row], codes[having].mean(0) - codes[~having].mean(0), rtol=1e-10)
        assert found.counts[row].tolist() == [having.sum(), (~having).sum()]
    np.testing.assert_allclose(found.effective, found.counts)


@pytest.mark.parametrize("method", ["balanced", "matched"])
def test_attributes_that_go_together_are_told_apart(method):
    codes, values = confounded()
    plain = attribute_vectors(codes, values, NAMES).vectors
    apart = attribute_vectors(codes, values, NAMES, method=method).vectors
    assert np.abs(plain - EFFECTS).max() > 0.5
    np.testing.assert_allclose(apart, EFFECTS, atol=0.02)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("orthogonal", [False, True])
def test_directions_ignore_the_origin_and_turn_and_grow_with_the_codes(method, orthogonal):
    codes, values = confounded(400)
    how = {"method": method, "orthogonal": orthogonal}
    found = attribute_vectors(codes, values, NAMES, **how).vectors
    turn = 2.5 * np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    moved = attribute_vectors(codes @ turn + 7, values, NAMES, **how).vectors
    np.testing.assert_allclose(moved, found @ turn, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_direction_of_the_absence_is_the_opposite_one(method):
    codes, values = confounded(400)
    found = attribute_vectors(codes, values, NAMES, method=method).vectors
    np.testing.assert_allclose(attribute_vectors(codes, 1 - values, NAMES, method=method).vectors, -found, atol=1e-9)


def test_all_methods_agree_where_the_attributes_are_balanced_already():
    values = np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T.repeat(5, 0)
    codes = np.random.default_rng(2).normal(size=(len(values), 4))
    first, *others = (attribute_vectors(codes, values, NAMES, method=method) for method in METHODS)
    for other in others:
        np.testing.assert_allclose(other.vectors, first.vectors, atol=1e-9)
        np.testing.assert_allclose(other.effective, first.effective)


def test_weighing_makes_the_directions_less_sure():
    codes, values = confounded()
    plain, balanced = (attribute_vectors(codes, values, NAMES, method=method) for method in ("difference", "balanced"))
    assert (balanced.effective < plain.effective).all()
    assert (balanced.effective > 0.3 * plain.effective).all()


def test_orthogonal_directions_are_at_right_angles_to_the_plain_others():
    codes, values = confounded(400)
    plain = attribute_vectors(codes, values, NAMES).vectors
    own = attribute_vectors(codes, values, NAMES, orthogonal=True).vectors
    products = own @ plain.T
    np.testing.assert_allclose(products - np.diag(np.diag(products)), 0, atol=1e-9)
    np.testing.assert_allclose(np.diag(products), np.square(own).sum(1))


@pytest.mark.parametrize(("fill", "told"), [(0, "None of the 400"), (1, "All of the 400")])
def test_an_attribute_with_one_class_only_is_named(fill, told):
    codes, values = confounded(400)
    values[:, 1] = fill
    with pytest.raises(ScoreError, match=f"{told} images have old"):
        attribute_vectors(codes, values, NAMES)


def test_what_cannot_be_balanced_matched_or_made_orthogonal_is_named():
    codes, values = confounded(400)
    values[:, 2] = values[:, 0]
    with pytest.raises(ScoreError, match="with glasses have hat"):
        attribute_vectors(codes, values, NAMES, method="balanced")
    with pytest.raises(ScoreError, match="with glasses has the same"):
        attribute_vectors(codes, values, NAMES, method="matched")
    with pytest.raises(ScoreError, match="direction of glasses"):
        attribute_vectors(codes, values, NAMES, orthogonal=True)


class Halves(nn.Module):
    """Encodes four pixels as the means of four latents, with a standard deviation of 1."""

    def __init__(self):
        super().__init__()
        self.anywhere = nn.Parameter(torch.zeros(()))  # a model's device is that of its parameters

    def forward(self, x):
        return torch.cat([x.flatten(1), torch.zeros(len(x), 4)], 1)


class Squares(nn.Module):
    def forward(self, z):
        return z.reshape(-1, 1, 2, 2)


def of_four_pixels(kind=VAE):
    return kind(Halves(), Squares(), FixedGaussian(0.5), (1, 2, 2), 4)


def test_edited_images_are_decodings_of_the_moved_codes():
    model, x = of_four_pixels(), torch.rand(3, 1, 2, 2)
    vectors = np.arange(8.0).reshape(2, 4)
    plain, moved = edited(model, Batch(x), vectors, [-1.0, 0.0, 0.5])
    np.testing.assert_array_equal(plain, x.numpy())
    assert moved.shape == (2, 3, 3, 1, 2, 2)
    np.testing.assert_array_equal(moved[:, 1], np.stack([plain, plain]))
    np.testing.assert_allclose(
        moved[1, 2] - plain, np.broadcast_to(0.5 * vectors[1].reshape(1, 1, 2, 2), plain.shape), atol=1e-6
    )


def test_drawn_codes_differ_from_their_means_and_are_the_seeds():
    model, batch, vectors = of_four_pixels(), Batch(torch.rand(3, 1, 2, 2)), np.ones((1, 4))
    mean, first, again, other = (
        edited(model, batch, vectors, [1.0], sampled=sampled, seed=seed)[0]
        for sampled, seed in ((False, 0), (True, 0), (True, 0), (True, 1))
    )
    assert np.abs(first - mean).min() > 0
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    with pytest.raises(ScoreError, match="points"):
        edited(of_four_pixels(Autoencoder), batch, vectors, [1.0], sampled=True)
