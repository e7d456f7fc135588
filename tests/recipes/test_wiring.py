"""Every setting of a recipe reaches the object that it is about."""

import numpy as np
import pytest
import torch

from kelbo.data.images import ArrayImages, ImageSet
from kelbo.recipes import build, change, find


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
    assert build.objective(recipe("objective.beta=3", "objective.warmup=7")) == build.objectives.Beta(3.0, 7)
    capacity = recipe("objective.kind=capacity", "objective.gamma=2", "objective.capacity=3", "objective.steps=4")
    assert build.objective(capacity) == build.objectives.Capacity(2.0, 3.0, 4)
    assert build.objective(recipe("objective.kind=elbo")) == build.objectives.Beta(1.0)


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
    for group in build.optimizer(chosen, model).param_groups:
        assert group["betas"] == (0.5, 0.6)
        assert group["lr"] == group["initial_lr"] == 0.02
