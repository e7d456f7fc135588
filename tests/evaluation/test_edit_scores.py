"""Edits and conditional samples are judged as the definitions say, where the truth is known."""

import numpy as np
import pytest
import torch
from tests.evaluation.test_attributes import Halves, Squares, of_four_pixels
from torch import nn

from kelbo.data.images import ArrayImages, GivenImages
from kelbo.evaluation.attribute_similarity import attribute_similarity
from kelbo.evaluation.edit_scores import edit_scores, turned_over
from kelbo.likelihoods import FixedGaussian
from kelbo.models import VAE

NAMES = ("first", "second", "third", "fourth")


def bright(x):
    """The chance that each of four pixels is bright."""
    return (x.flatten(1) - 0.5).mul(20).sigmoid()


def four_pixels(count=50):
    values = np.random.default_rng(0).integers(0, 2, (count, 4))
    return ArrayImages((51 + 153 * values).astype(np.uint8).reshape(-1, 1, 2, 2)), values


def judged(vectors, strength, **how):
    images, values = four_pixels()
    columns = [2, 0]
    seen = turned_over(of_four_pixels(), images, values[:, columns], vectors, strength, bright, batch_size=16, **how)
    return seen, edit_scores(seen, values, columns, NAMES)


def test_a_direction_that_turns_its_pixel_and_no_other_is_perfect():
    seen, found = judged(np.eye(4)[[2, 0]], 0.6)
    assert seen.edited.shape == (2, 50, 4)
    assert list(found["edits"]) == ["third", "first"]
    for edit in found["edits"].values():
        assert {edit[name] for name in ("f1", "accuracy", "given", "taken", "kept", "own_f1")} == {1.0}
        assert (edit["baseline_f1"], edit["baseline_accuracy"]) == (0.0, 0.0)
        assert edit["cosine"] > 0.99 > 0.05 > edit["squared_error"]
    assert found["originals"] == found["reconstructions"]
    assert found["originals"]["accuracy"] == found["originals"]["f1"] == 1.0


def test_a_direction_that_moves_nothing_is_the_baseline():
    _, found = judged(np.zeros((2, 4)), 1.0)
    for edit in found["edits"].values():
        assert (edit["f1"], edit["accuracy"], edit["given"], edit["taken"]) == (0.0, 0.0, 0.0, 0.0)
        assert edit["kept"] == 1.0


def test_a_direction_of_another_pixel_loses_others():
    _, found = judged(np.eye(4)[[1, 1]], 0.6)
    for edit in found["edits"].values():
        assert edit["f1"] == 0.0
        assert 0.6 < edit["kept"] < 0.9  # one in three others, where that can be turned


def test_chances_do_not_depend_on_the_batches():
    images, values = four_pixels()
    first, other = (
        turned_over(of_four_pixels(), images, values[:, :1], np.ones((1, 4)), 0.3, bright, batch_size=size)
        for size in (7, 50)
    )
    for one, two in zip(first, other, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


class Told(nn.Module):
    """Decodes what is given, or the latents alone."""

    def __init__(self, listens):
        super().__init__()
        self.listens = listens

    def forward(self, z):
        return (z[:, 4:] * 0.8 + 0.1 if self.listens else z[:, :4]).reshape(-1, 1, 2, 2)


class Blind(Halves):
    def forward(self, x, told):
        return super().forward(x)


def similarity(listens, **how):
    images, values = four_pixels(20)
    model = VAE(Blind(), Told(listens), FixedGaussian(0.5), (1, 2, 2), 4, conditions=("attributes",))
    given = GivenImages(images, {"attributes": torch.from_numpy(values).float()})
    return attribute_similarity(model, given, values, [0, 1, 2, 3], bright, batch_size=8, **how)


def test_samples_of_a_model_that_heeds_its_attributes_show_them():
    found = similarity(True, draws=3)
    assert found["cosine"]["value"] > 0.999
    assert found["squared_error"]["value"] < 1e-4
    assert found["squared_error"]["standard_deviation"] == pytest.approx(0, abs=1e-9)
    assert (found["accuracy"], found["f1"], found["images"]["accuracy"]) == (1.0, 1.0, 1.0)


def test_samples_of_a_model_that_does_not_are_as_good_as_chance_but_for_the_best_of_many():
    one, ten = (similarity(False, draws=10, best_of=count) for count in (1, 10))
    assert one["squared_error"] == ten["squared_error"]
    assert 0.35 < one["accuracy"] < 0.65
    assert abs(one["cosine"]["value"]) < 0.3 < ten["cosine"]["value"]
    assert ten["cosine"]["best_of"] == 10
    assert one["squared_error"]["standard_deviation"] > 0


def test_draws_are_the_seeds():
    first, again, other = (similarity(False, draws=2, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_the_toy_decoder_is_the_identity():
    assert Squares()(torch.arange(4.0)[None]).flatten().tolist() == [0, 1, 2, 3]
