import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kelbo.bound import Batch
from kelbo.latents import MERGES
from kelbo.models import VAE
from kelbo.networks.vdvae import repeated
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

SMALL = ("model.kind=hierarchical", "model.width=8", "model.latents=2", "likelihood.kind=shared_gaussian")


def hierarchy(*more, size=8, given=(), channels=1):
    told = ["model.given=labels"] if given else []
    recipe = change(find("digits"), [*SMALL, *told, *more])
    with seeded(0, "init"):
        return build.model(recipe, Outline("noise", (channels, size, size), 256, dict(given)))


def images(size=8, count=3, channels=1):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def unsettle(model):
    """Priors and maps are 0 at first, and with them some gradients."""
    with seeded(1, "init"):
        for weight in (*(layer.prior.c4.weight for layer in model.layers), *(entry.map for entry in model.entries)):
            nn.init.normal_(weight, std=0.1)


def test_a_hierarchy_of_one_group_has_the_bound_of_the_flat_vae_with_the_same_networks():
    model = hierarchy("model.encoder=8x2", "model.decoder=8x1")
    (layer,) = model.layers
    unsettle(model)
    with torch.no_grad():
        layer.prior.c4.weight[:4] = 0  # a prior that is N(0, 1), with features beside it
        layer.posterior.c4.weight *= 100

    class Encoder(nn.Module):
        def forward(self, x):
            (features,) = model.encoder(x)
            start = model.entries[0](x, first=True)
            mean, log_scale = layer.posterior(torch.cat([start, features], 1)).chunk(2, 1)
            return torch.cat([mean.flatten(1), 2 * log_scale.flatten(1)], 1)

    class Decoder(nn.Module):
        def forward(self, z):
            z = z.unflatten(1, (2, 8, 8))
            start = model.entries[0](z, first=True)
            features = layer.prior(start)[:, 4:]
            return model.exit(layer.onwards(start + features + layer.project(z)))

    flat = VAE(Encoder(), Decoder(), model.likelihood, (1, 8, 8), 128)
    with seeded(0, "latents"):
        deep = model(Batch(images()))
    with seeded(0, "latents"):
        shallow = flat(Batch(images()))
    assert deep.rate.mean() > 1
    torch.testing.assert_close(deep.rate, shallow.rate)
    torch.testing.assert_close(deep.distortion, shallow.distortion)


@pytest.mark.parametrize("merge", MERGES)
def test_a_gradient_reaches_every_parameter(merge):
    model = hierarchy(f"model.merge={merge}", "model.encoder=8x1,8d2,4x1,4d4,1x1", "model.decoder=1x1,4m1,8m4,8x1")
    unsettle(model)
    (-model(Batch(images())).elbo.mean()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("merge", MERGES)
def test_more_than_sixty_layers_have_a_finite_loss_at_first(merge):
    layers = "model.encoder=8x8,8d2,4x8,4d4,1x8", "model.decoder=1x21,4m1,4x20,8m4,8x20"
    model = hierarchy(f"model.merge={merge}", "model.width=16", *layers)
    assert model.groups == 63
    bound = model(Batch(images()))
    assert torch.isfinite(bound.elbo).all()
    if merge == "concatenation":  # less than a nat a latent dimension
        assert (bound.rate.sum(1) < sum(2 * r * r for r in model.resolutions)).all()


def test_priors_are_standard_normal_at_first():
    model = hierarchy()
    drawn = model.sample(500)
    assert [tuple(z.shape[1:]) for z in drawn[:3]] == [(2, 1, 1), (2, 1, 1), (2, 4, 4)]
    for z in drawn:
        assert z.mean().abs() < 0.2
        assert 0.9 < z.std() < 1.1


def test_a_condition_that_is_used_changes_the_output_and_one_that_is_not_asked_for_changes_nothing():
    told, labels = hierarchy(given={"labels": (3,)}), torch.eye(3)
    untold = hierarchy()
    for model, changes in ((told, True), (untold, False)):
        one, other = (model.read(Batch(images(), {"labels": rows}), draw=False) for rows in (labels, labels.flip(0)))
        assert torch.equal(one.output, other.output) != changes
        assert torch.equal(one.bound.rate, other.bound.rate) != changes
        with seeded(0, "latents"):
            latents = model.sample(3, {"labels": labels})
        assert torch.equal(*(model.decode(latents, {"labels": rows}) for rows in (labels, labels.flip(0)))) != changes


def test_a_picture_is_a_condition_at_every_resolution():
    model = hierarchy(given={"picture": (3, 8, 8), "labels": (2,)})
    given = {"picture": torch.rand(3, 3, 8, 8), "labels": torch.eye(3)[:, :2]}
    assert len(model.told_decoder.pictures) == len(model.told_decoder.vectors) == 3  # at 1×1, 4×4 and 8×8
    before = model.read(Batch(images(), given), draw=False).output
    for name in given:
        changed = {**given, name: given[name].flip(0)}
        assert not torch.equal(model.read(Batch(images(), changed), draw=False).output, before)
    unsettle(model)
    (-model(Batch(images(), given)).elbo.mean()).backward()
    assert all(p.grad.any() for part in (model.told_decoder, model.told_encoder) for p in part.parameters())


def test_checkpointing_changes_memory_only():
    found = []
    for checkpointing in ("false", "true"):
        model = hierarchy(f"model.checkpointing={checkpointing}").train()
        unsettle(model)
        with seeded(0, "latents"):
            bound = model(Batch(images()))
        (-bound.elbo.mean()).backward()
        found.append([*bound, *(p.grad for p in model.parameters())])
    for plain, again in zip(*found, strict=True):
        assert torch.equal(plain, again)
    assert "backward" in model.unstackable


def test_networks_in_bfloat16_report_rates_in_float32():
    model = hierarchy()
    unsettle(model)
    exact = model.read(Batch(images()), draw=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = model.read(Batch(images()), draw=False)
    for bound in (exact.bound, coarse.bound):
        assert bound.rate.dtype == bound.distortion.dtype == torch.float32
    assert {z.dtype for z in coarse.latents} == {torch.float32}
    torch.testing.assert_close(coarse.bound.rate.sum(), exact.bound.rate.sum(), rtol=0.1, atol=0)


def test_the_posteriors_of_the_first_groups_are_those_of_a_reading_at_the_means():
    model = hierarchy()
    unsettle(model)
    found = model.posteriors(Batch(images()), 4)
    latents = model.read(Batch(images()), draw=False).latents
    assert len(found) == 4
    for posterior, z in zip(found, latents, strict=False):
        assert torch.equal(posterior.mean, z)
        assert posterior.log_scale.shape == z.shape


@pytest.mark.parametrize("size", [8, 9, 28, 45])
def test_usual_layers_take_any_square(size):
    model = hierarchy("model.width=4", size=size).eval()
    with torch.no_grad():
        assert model.read(Batch(images(size))).output.shape == (3, 1, size, size)


@pytest.mark.slow
def test_a_picture_that_tells_the_image_takes_the_place_of_its_latents():
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(256, 1, 4, 4, generator=rng).repeat_interleave(2, 2).repeat_interleave(2, 3)
    layers, found = ("model.encoder=8x1,8d2,4d4,1x1", "model.decoder=1x1,4m1,8m4"), []
    for given in ({}, {"picture": (1, 8, 8)}):
        model = hierarchy(*layers, "likelihood.kind=fixed_gaussian", "likelihood.sigma=0.1", given=given).train()
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        rates = []
        for step in range(200):
            x = coarse[torch.randint(0, 256, (32,), generator=torch.Generator().manual_seed(step))]
            with seeded(step, "latents"):
                bound = model(Batch(x, dict.fromkeys(given, x)))
            optimizer.zero_grad()
            (-bound.elbo.mean()).backward()
            optimizer.step()
            rates.append((bound.rate.sum(1).mean().item(), bound.elbo.mean().item()))
        found.append(torch.tensor(rates[-50:]).mean(0))
    (without, untold), (with_it, told) = found
    assert with_it < 0.5 * without
    assert told > untold


@pytest.mark.parametrize(("side", "times"), [(1, 4), (3, 2), (2, 1)])
def test_unpooling_repeats_each_pixel_and_sums_its_gradient(side, times):
    ours, theirs = (torch.arange(24.0 * side * side).view(4, 6, side, side).requires_grad_() for _ in range(2))
    weights = torch.rand(4, 6, side * times, side * times)
    repeats, nearest = repeated(ours, times), F.interpolate(theirs, scale_factor=times)
    assert torch.equal(repeats, nearest)
    for enlarged in (repeats, nearest):
        (weights * enlarged).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
