import numpy as np
import pytest
import torch

from kelbo.bound import Batch
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.errors import RecipeError
from kelbo.recipes import build
from kelbo.recipes.files import change
from kelbo.recipes.named import digits
from kelbo.recipes.schema import LikelihoodSpec

KINDS = [member.model_fields["kind"].default for member in LikelihoodSpec.__origin__.__args__]


def images(shape=(3, 32, 32), levels=256, count=6):
    pixels = np.random.default_rng(0).integers(0, levels, size=(count, *shape), dtype=np.uint8)
    split = ArrayImages(pixels, levels)
    return ImageSet("made", {"train": split, "test": split}, "made by a test")


@pytest.mark.parametrize("kind", KINDS)
def test_every_likelihood_of_the_schema_builds_into_a_model_that_trains_a_step(kind):
    recipe = change(digits(), [f"likelihood.kind={kind}", "model.network.width=8"])
    image_set = images()
    torch.manual_seed(0)
    model = build.model(recipe, image_set)
    optimizer = build.optimizers(recipe, model)["model"]
    objective = build.objective(recipe)
    loss, _ = objective(model(Batch(image_set.train.spread(6)).as_intensities(256)), objective.initial())
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_learned_sigma_is_trained_but_never_decayed():
    recipe = change(digits(), ["likelihood.kind=shared_gaussian", "optimizer.weight_decay=0.1"])
    model = build.model(recipe, images())
    groups = build.optimizers(recipe, model)["model"].param_groups
    sigma = next(model.likelihood.parameters())
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decays[id(sigma)] == 0.0
    assert set(decays.values()) == {0.0, 0.1}
    assert len(decays) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("kind", "image_shape", "near"),
    [
        ("burgess", (1, 48, 60), "48×56, 48×64"),
        ("burgess", (1, 25, 24), "24×24"),
        ("rybkin", (1, 30, 28), "28×28, 32×28"),
        ("residual", (1, 30, 28), "28×28, 32×28"),
    ],
)
def test_a_network_refuses_images_that_it_cannot_divide_and_names_the_sizes_that_would_do(kind, image_shape, near):
    recipe = change(digits(), [f"model.network.kind={kind}"])
    with pytest.raises(RecipeError, match=rf"model.network.kind '{kind}'.*{near}"):
        build.model(recipe, images(image_shape))


@pytest.mark.parametrize("kind", ["burgess", "rybkin", "residual", "higgins"])
def test_every_network_takes_images_that_are_not_square(kind):
    recipe = change(digits(), [f"model.network.kind={kind}"])
    image_set = images((3, 24, 40))
    batch = Batch(image_set.train.spread(2)).as_intensities(256)
    assert build.model(recipe, image_set)(batch).distortion.shape == (2,)


@pytest.mark.parametrize("kind", ["logistic", "logistic_mixture", "bitwise_categorical"])
def test_a_mass_over_bits_refuses_levels_that_are_no_power_of_two(kind):
    recipe = change(digits(), [f"likelihood.kind={kind}"])
    with pytest.raises(RecipeError, match=r"have 17\b"):
        build.model(recipe, images(levels=17))


def test_a_mass_speaks_of_as_many_levels_as_the_data_has():
    recipe = change(digits(), ["likelihood.kind=categorical"])
    assert build.model(recipe, images(levels=17)).likelihood.levels == 17


def test_bits_are_refused_where_the_data_has_not_eight():
    with pytest.raises(RecipeError, match=r"data.bits is 5.*has 17\b"):
        build.data(change(digits(), ["data.bits=5"]))


@pytest.mark.parametrize("kind", ["adam", "adamw", "adagrad"])
def test_every_optimiser_steps_and_starts_from_the_recipes_rate(kind):
    recipe = change(digits(), [f"optimizer.kind={kind}", "optimizer.learning_rate=0.01"])
    model = build.model(recipe, images())
    optimizer = build.optimizers(recipe, model)["model"]
    before = [p.detach().clone() for p in model.parameters()]
    model(Batch(images().train.spread(6)).as_intensities(256)).elbo.sum().backward()
    optimizer.step()
    assert all(group["initial_lr"] == 0.01 for group in optimizer.param_groups)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
