"""Pictures of two stages: as their bits arrive, and one primary's under several secondaries."""

import numpy as np
import pytest
import torch
from tests.toys.two_stages import pictures, primary, secondary

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.errors import ScoreError
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded


@pytest.fixture(scope="module")
def batch():
    return pictures(3).as_intensities(256)


@pytest.fixture(scope="module")
def first():
    return primary()


@pytest.fixture(scope="module")
def whole(first):
    with seeded(1, "init"):
        return secondary(first=first).whole.eval()


@pytest.fixture(scope="module")
def unchanged(first):
    """A secondary that changes nothing."""
    return secondary(first=first, moved=False).whole.eval()


def test_moments_are_even_and_have_the_end_of_every_stage():
    assert evaluation.moments((8,), 4) == [0, 2, 4, 6, 8]
    assert evaluation.moments((3, 5), 4) == [0, 2, 3, 4, 6, 8]
    assert evaluation.moments((2, 1), 100) == [0, 1, 2, 3]
    assert evaluation.moments((5, 5), 1) == [0, 5, 10]


def test_bits_arrive_group_after_group(first, batch):
    model = first.model
    found = evaluation.progressive(model, batch, [0, 2, 4], seed=3)
    with model.evaluating(), seeded(3, "pictures"):
        reading = model.read(batch)
    np.testing.assert_allclose(found.pictures[-1], model.mean(reading.output), atol=1e-5)
    np.testing.assert_allclose(found.pictures[0], evaluation.sample(model, 3, temperature=0.0), atol=1e-5)
    assert (found.pictures.shape, found.rates.shape) == ((3, 3, 1, 8, 8), (3, 3))
    assert not found.rates[0].any()
    np.testing.assert_allclose(
        found.rates[1:], [reading.bound.rate[:, :2].sum(1), reading.bound.rate.sum(1)], rtol=1e-5
    )
    errors = np.square(found.pictures - batch.x.numpy()).sum((2, 3, 4))
    np.testing.assert_allclose(found.squared_errors, errors, rtol=1e-5)


def test_the_picture_is_the_primarys_until_its_last_group_is_known(whole, batch):
    found = evaluation.progressive(whole, batch, [0, 3, 4, 5, 8])
    with whole.evaluating(), seeded(0, "pictures"):
        reading = whole.read(batch)
        alone = [whole.primary.mean(whole.primary.decode(reading.latents[:n], temperature=0.0)) for n in (3, 4)]
    np.testing.assert_allclose(found.pictures[1:3], torch.stack(alone), atol=1e-5)
    np.testing.assert_allclose(found.pictures[-1], whole.mean(reading.output), atol=1e-5)
    assert np.abs(found.pictures[3] - found.pictures[2]).max() > 1e-3
    np.testing.assert_allclose(found.rates[-1], reading.bound.rate.sum(1), rtol=1e-5)


def test_partial_decodings_are_the_primarys_too(whole, batch):
    some, every = evaluation.decode_partly(whole, batch, [2, 4])
    np.testing.assert_allclose(some, evaluation.decode_partly(whole.primary, batch, [2])[0], atol=1e-5)
    np.testing.assert_allclose(every, evaluation.reconstruct(whole.primary, batch), atol=1e-5)


def test_points_have_no_bits_that_arrive(batch):
    points = build.model(change(find("digits"), ["model.kind=autoencoder"]), Outline("noise", (1, 8, 8), 256))
    with pytest.raises(ScoreError, match="rate"):
        evaluation.progressive(points, batch, [1])


def test_samples_of_one_draw_of_the_primary_are_refined_side_by_side(whole, unchanged):
    found = evaluation.refine_samples([whole, unchanged, whole], 4, seed=2)
    np.testing.assert_array_equal(found.primary, evaluation.sample(whole.primary, 4, seed=2))
    np.testing.assert_array_equal(found.refined[1], found.primary)
    np.testing.assert_array_equal(found.refined[0], found.refined[2])
    assert np.abs(found.refined[0] - found.primary).max() > 1e-3
    assert (found.rates, found.squared_errors) == (None, None)
    still = evaluation.refine_samples([whole], 4, temperature=0.0)
    np.testing.assert_array_equal(still.primary[0], still.primary[1])


def test_images_are_refined_from_one_draw_of_the_primarys_posterior(whole, unchanged, batch):
    found = evaluation.refine_images([whole, unchanged], batch, seed=5)
    with whole.evaluating(), seeded(5, "pictures"):
        reading = whole.primary.read(batch)
    np.testing.assert_array_equal(found.primary, whole.primary.mean(reading.output))
    np.testing.assert_array_equal(found.refined[1], found.primary)
    np.testing.assert_allclose(found.rates[0], reading.bound.rate.sum(1), rtol=1e-5)
    assert (found.rates[1:] > 0).all()
    np.testing.assert_allclose(found.squared_errors[2], found.squared_errors[0])
    errors = np.square(found.refined[0] - batch.x.numpy()).sum((1, 2, 3))
    np.testing.assert_allclose(found.squared_errors[1], errors, rtol=1e-5)


def test_a_model_of_one_stage_refines_nothing(first, batch):
    with pytest.raises(ScoreError, match="one model"):
        evaluation.refine_images([first.model], Batch(batch.x))
