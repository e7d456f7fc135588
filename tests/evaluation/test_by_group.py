import numpy as np
import pytest
import torch

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.data.images import ArrayImages
from kelbo.errors import RecipeError, ScoreError
from kelbo.evaluation.samples import drawn_point
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

SETTINGS = ("model.kind=hierarchical", "model.width=8", "model.latents=2", "model.decoder=1x1,4m1,8m4,8x1")


@pytest.fixture(scope="module")
def model():
    with seeded(0, "init"):
        made = build.model(change(find("digits"), SETTINGS), Outline("noise", (1, 8, 8), 17))
        for layer in made.layers:
            torch.nn.init.normal_(layer.prior.c4.weight, std=0.3)
    made.likelihood.settle(0.1)
    return made.eval()


@pytest.fixture(scope="module")
def images():
    return ArrayImages(np.random.default_rng(0).integers(0, 17, (5, 1, 8, 8), np.uint8), 17)


def example(images, index):
    return Batch(images.spread(5)[index : index + 1]).as_intensities(17)


def test_codes_of_groups_are_the_posteriors_of_every_image_in_order(model, images):
    seen = []
    codes = evaluation.encode_groups(model, images, 3, batch_size=2, advance=seen.append)
    assert seen == [2, 2, 1]
    assert [means.shape for means, _ in codes] == [(5, 2, 1, 1), (5, 2, 4, 4), (5, 2, 8, 8)]
    with model.evaluating():
        whole = model.posteriors(Batch(images.spread(5)).as_intensities(17), 3)
    for (means, scales), q in zip(codes, whole, strict=True):
        np.testing.assert_allclose(means, q.mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(scales, q.log_scale.exp(), rtol=1e-4, atol=1e-5)


def test_the_ends_of_an_interpolation_of_all_groups_are_the_reconstructions(model, images):
    first, last = example(images, 0), example(images, 3)
    way = evaluation.interpolate_groups(model, first, last, 4, model.groups)
    assert way.shape == (4, 1, 8, 8)
    for end, one in ((way[0], first), (way[-1], last)):
        np.testing.assert_allclose(end, evaluation.reconstruct(model, one)[0], rtol=1e-4, atol=1e-5)


def test_decodings_go_from_the_prior_to_the_reconstruction(model, images):
    batch = Batch(images.spread(5)).as_intensities(17)
    none, some, every = evaluation.decode_partly(model, batch, [0, 2, model.groups])
    np.testing.assert_allclose(every, evaluation.reconstruct(model, batch), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(none, evaluation.sample(model, 5, temperature=0.0), rtol=1e-4, atol=1e-5)
    with model.evaluating():
        latents = tuple(q.mean for q in model.posteriors(batch, 2))
        wanted = model.mean(model.decode(latents, temperature=0.0))
    np.testing.assert_allclose(some, wanted, rtol=1e-4, atol=1e-5)


def test_groups_that_are_not_mixed_follow_from_the_prior(model, images):
    first, last = example(images, 0), example(images, 3)
    top = evaluation.interpolate_groups(model, first, last, 3, 1)
    with model.evaluating():
        z = model.posteriors(first, 1)[0].mean
        wanted = model.mean(model.decode((z,), temperature=0.0))
    np.testing.assert_allclose(top[0], wanted[0], rtol=1e-4, atol=1e-5)
    assert np.abs(top[0] - evaluation.reconstruct(model, first)[0]).max() > 1e-4


def test_each_channel_of_a_group_moves_in_its_priors_deviations(model, images):
    one = example(images, 0)
    rows = evaluation.traverse_group(model, one, 2, [-2.0, 0.0, 2.0])
    assert rows.shape == (2, 3, 1, 8, 8)
    with model.evaluating():
        top, second = (q.mean for q in model.posteriors(one, 2))
        prior = model.prior_after((top,), 1)
        second[:, 1] = (prior.mean + 2 * prior.log_scale.exp())[:, 1]
        wanted = model.mean(model.decode((top, second), temperature=0.0))
    np.testing.assert_allclose(rows[1, 2], wanted[0], rtol=1e-4, atol=1e-5)


def test_the_prior_after_all_drawn_groups_is_what_they_were_drawn_from(model):
    with model.evaluating():
        drawn = model.sample(3, temperature=0.0)
        for known in range(model.groups):
            torch.testing.assert_close(model.prior_after(drawn[:known], 3).mean, drawn[known])


@pytest.mark.parametrize("groups", [0, 5])
def test_a_number_of_groups_that_there_is_not_is_refused(model, images, groups):
    with pytest.raises(RecipeError, match="4 groups"):
        evaluation.encode_groups(model, images, groups)


def test_a_flat_model_has_no_groups_in_an_order(images):
    flat = build.model(find("digits"), Outline("noise", (1, 8, 8), 17))
    with pytest.raises(ScoreError, match="one vector"):
        evaluation.encode_groups(flat, images, 1)


def test_ways_begin_at_draws_of_the_prior_too(model):
    draws = [drawn_point(model, number) for number in (0, 1)]
    way = evaluation.interpolate_groups(model, *draws, 3, model.groups)
    with model.evaluating():
        wanted = [model.mean(model.decode(draw.latents)).numpy()[0] for draw in draws]
    np.testing.assert_allclose(way[[0, -1]], wanted, rtol=1e-4, atol=1e-5)
    assert evaluation.traverse_group(model, draws[0], 2, [-1.0, 1.0]).shape == (2, 2, 1, 8, 8)
