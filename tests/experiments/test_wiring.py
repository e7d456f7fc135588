"""Every setting of a recipe reaches the object that it is about."""

import numpy as np
import pytest
import torch

from kelbo import objectives
from kelbo.bound import Batch
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.recipes import build, change, find, readers


def recipe(*settings):
    return change(find("digits"), list(settings))


def likelihood(*settings):
    return build.likelihood(recipe(*settings), 256)


@pytest.mark.parametrize(
    ("settings", "attributes"),
    [
        (["kind=fixed_gaussian", "sigma=0.3"], {"sigma": 0.3}),
        (["detach=true", "momentum=0.5", "as_published=true"], {"detach": True, "momentum": 0.5, "as_published": True}),
        (["kind=per_image_gaussian", "as_published=true"], {"as_published": True}),
        (["kind=logistic_mixture", "components=3"], {"components": 3}),
        (["kind=mse_vae"], {"batch_size": 128}),
    ],
)
def test_a_likelihoods_settings(settings, attributes):
    made = likelihood(*[f"likelihood.{setting}" for setting in settings])
    assert {name: getattr(made, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    "kind", ["fixed_gaussian", "shared_gaussian", "optimal_gaussian", "per_pixel_gaussian", "laplace"]
)
def test_the_mean_is_squashed_as_asked(kind):
    raw = torch.full((1, 2, 1, 1), 3.0)[:, : likelihood(f"likelihood.kind={kind}").output_channels(1)]
    for activation, value in (("identity", 3.0), ("sigmoid", torch.sigmoid(torch.tensor(3.0)))):
        made = likelihood(f"likelihood.kind={kind}", f"likelihood.mean_activation={activation}")
        assert float(made.mean(raw)) == pytest.approx(float(value))


def test_an_objectives_settings():
    assert build.objective(recipe("objective.beta=3", "objective.warmup=7")) == objectives.Beta(3.0, 7)
    capacity = recipe("objective.kind=capacity", "objective.gamma=2", "objective.capacity=3", "objective.steps=4")
    assert build.objective(capacity) == objectives.Capacity(2.0, 3.0, 4)
    assert build.objective(recipe("objective.kind=elbo")) == objectives.Beta(1.0)


def test_a_schedules_settings():
    drop = build.schedule(
        recipe("schedule.kind=drop", "schedule.at=0.5", "schedule.factor=0.1", "schedule.warmup=2", "training.steps=10")
    )
    assert [drop(step) for step in (0, 1, 4, 5)] == [0.5, 1.0, 1.0, 0.1]
    cosine = build.schedule(recipe("schedule.kind=cosine", "schedule.final=0.2", "training.steps=10"))
    assert [cosine(0), cosine(10)] == [1.0, pytest.approx(0.2)]


def test_an_optimisers_settings():
    pixels = np.zeros((4, 1, 8, 8), np.uint8)
    split = ArrayImages(pixels, 17)
    images = ImageSet("made", {"train": split, "test": split}, "made by a test")
    chosen = recipe("optimizer.betas=[0.5, 0.6]", "optimizer.learning_rate=0.02", "likelihood.kind=shared_gaussian")
    model = build.model(chosen, images)
    for group in build.optimizers(chosen, model)["model"].param_groups:
        assert group["betas"] == (0.5, 0.6)
        assert group["lr"] == group["initial_lr"] == 0.02


@pytest.mark.parametrize(("kind", "channels"), [("shapes2d", 1), ("shapes3d", 3)])
def test_a_rendered_set_has_its_whole_and_trains_a_step_of_its_recipe(monkeypatch, kind, channels):
    pixels = np.random.default_rng(0).integers(0, 2, (20, channels, 64, 64), dtype=np.uint8)
    whole = FactorImages(ArrayImages(pixels, 2), Factors(("a", "b"), (4, 5)))
    monkeypatch.setattr(readers, kind, lambda: whole)
    chosen = change(find(f"{kind}-beta"), ["data.held_out=0.25", "model.network.channels=4", "model.network.hidden=8"])
    image_set = build.data(chosen)
    assert image_set.name == kind
    assert image_set.whole is whole
    assert (len(image_set.train), len(image_set.test)) == (15, 5)
    assert image_set.train.parent is image_set.test.parent is whole.images
    torch.manual_seed(0)
    model = build.model(chosen, image_set)
    optimizer, objective = build.optimizers(chosen, model)["model"], build.objective(chosen)
    loss, _ = objective(model(Batch(image_set.train.spread(3)).as_intensities(image_set.levels)), objective.initial())
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)


def test_the_3d_shapes_are_trained_as_the_study_of_beta_vaes_trained_them():
    chosen = find("shapes3d-beta")
    assert (chosen.likelihood.kind, chosen.model.network.kind, chosen.model.latents) == ("bernoulli", "burgess", 10)
    assert (chosen.optimizer.kind, chosen.optimizer.learning_rate) == ("adam", 1e-4)
    assert (chosen.schedule.kind, chosen.schedule.at, chosen.schedule.factor) == ("drop", 0.75, 0.2)
    training = chosen.training
    assert training.steps == round(10 * 480_000 * (1 - chosen.data.held_out) / training.batch_size)
