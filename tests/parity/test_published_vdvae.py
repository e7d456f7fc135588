"""The very deep VAE against a plain transcription of what its release computes, on weights by the release's names."""

import pytest
import torch
from tests.oracles.published_vdvae import release

from kelbo.bound import Batch
from kelbo.experiments.published_vdvae import fitted, published_name
from kelbo.latents.noise import standard_normal
from kelbo.likelihoods import PublishedLogisticMixture
from kelbo.recipes import build
from kelbo.recipes.build import Outline
from kelbo.recipes.very_deep import HPS, released
from kelbo.seeds import seeded

SMALL = {"encoder": "8x1,8d2,4x2,4d2,2x1,2d2,1x1", "decoder": "1x2,2m1,4m2,4x1,8m4,8x1", "width": 12, "latents": 3}


def of(hps, **changes):
    recipe = released(hps)
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update=changes)})
    side = int((changes.get("encoder") or recipe.model.encoder).partition("x")[0])
    levels = 2**recipe.data.bits
    with seeded(0, "init"):
        return build.model(recipe, Outline("noise", (3, side, side), levels)).eval(), recipe, side


def random_weights(model):
    """By the release's names and in its shapes: each layer keeps the size of what it is given, as in a trained model."""
    generator, weights = torch.Generator().manual_seed(0), {}
    for name, own in model.state_dict().items():
        there = published_name(name)
        shape = (1, *own.shape) if own.ndim == 3 else own.shape
        fan = own[0].numel() if own.ndim == 4 else 4
        weights[there] = torch.randn(shape, generator=generator) / fan**0.5
        if there == "decoder.gain":
            weights[there] = 1 + 0.1 * weights[there]
        elif not there.endswith("weight") or there.endswith("c4.weight"):
            weights[there] = 0.3 * weights[there]
    return {f"module.{name}": value for name, value in weights.items()}


def compare(model, recipe, side):
    from kelbo.networks.layer_lists import decoder_layers, encoder_layers

    weights = random_weights(model)
    model.load_state_dict(fitted(weights, model.state_dict(), "made"))
    low_bit = recipe.data.bits == 5
    bytes_ = torch.randint(0, 256, (2, 3, side, side), generator=torch.Generator().manual_seed(1))
    levels = bytes_ // 8 if low_bit else bytes_
    top = 31 if low_bit else 255
    scored = (8 * levels if low_bit else levels) / 127.5 - 1
    with torch.no_grad(), seeded(0, "latents"):
        bound = model(Batch(levels / top))
    with torch.no_grad(), seeded(0, "latents"):
        noises = [standard_normal(torch.empty(2, layer.latents, *[layer.resolution] * 2)) for layer in model.layers]
    whitened = (levels / top - recipe.model.centre) / recipe.model.spread
    plain = {name.removeprefix("module."): value for name, value in weights.items()}
    layers = encoder_layers(recipe.model.encoder), decoder_layers(recipe.model.decoder)
    with torch.no_grad():
        rates, distortion = release(plain, *layers, whitened, scored, noises, low_bit)
    assert rates.sum() > 10
    torch.testing.assert_close(bound.rate, rates, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(bound.distortion, distortion, rtol=1e-4, atol=0)


@pytest.mark.parametrize("hps", ["cifar10", "ffhq256"])
def test_rate_and_distortion_are_those_of_the_release(hps):
    compare(*of(hps, **SMALL))


def test_maps_above_a_resolution_are_absent_as_in_the_release():
    model, recipe, side = of("cifar10", **SMALL, maps=4)
    assert [entry.map is not None for entry in model.entries] == [True, True, True, False]
    compare(model, recipe, side)


@pytest.mark.slow
def test_the_whole_model_of_cifar10_has_the_releases_rate_and_distortion():
    compare(*of("cifar10"))


def test_every_released_set_has_layers_that_fit_its_images():
    with torch.device("meta"):
        sizes = {}
        for hps in HPS:
            recipe = released(hps)
            side = int(recipe.model.encoder.partition("x")[0])
            from kelbo.recipes.hierarchies import hierarchy

            outline = Outline("noise", (3, side, side), 2**recipe.data.bits)
            model = hierarchy(recipe.model, outline, PublishedLogisticMixture(10))
            sizes[hps] = round(sum(p.numel() for p in model.parameters()) / 1e6)
    assert sizes == {"cifar10": 39, "imagenet32": 119, "imagenet64": 125, "ffhq256": 115}  # millions: Child (2021)
