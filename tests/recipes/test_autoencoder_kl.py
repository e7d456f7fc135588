"""The autoencoder of latent diffusion as a recipe: what it builds, who trains it when, and its adaptive weight."""

import pytest
import torch
from tests.toys.made import pictures, recipe as toy

from kelbo.bound import Batch
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.experiments import open_run, train
from kelbo.experiments.parts import Parts
from kelbo.experiments.running import beginning
from kelbo.networks.patch import PatchDiscriminator
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded
from kelbo.training.adversarial import ADAPTIVE_FLOOR

MODEL = ["model.kind=spatial", "model.widths=[4,8]", "model.blocks=1", "model.groups=2", "model.latents=2"]
PATCH = ["adversary.kind=patch", "adversary.width=4", "adversary.layers=1", "adversary.norm=none"]
LOSS = ["likelihood.kind=laplace", "likelihood.scale=0.5", "objective.beta=1e-6"]
PARTS = Parts(data=pictures)


def recipe(*more):
    return toy("small", *MODEL, *LOSS, *PATCH, *more)


def test_the_named_recipe_has_latents_of_a_quarter_of_the_side_and_a_discriminator_of_patches():
    named = find("autoencoder-kl")
    model = build.model(named, Outline("faces", (3, 64, 64), 256))
    assert model.latent_shape == (4, 16, 16)
    assert isinstance(model.judge, PatchDiscriminator)
    assert (named.objective.beta, named.likelihood.scale, named.adversary.adaptive) == (1e-6, 0.5, True)
    assert model.players().keys() == {"encoder", "decoder", "discriminator"}


def test_a_laplace_of_half_the_range_is_the_absolute_error_of_pixels_from_minus_one_to_one():
    likelihood = build.likelihood(find("autoencoder-kl"), 256)
    x, y = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    released = ((2 * x - 1) - (2 * y - 1)).abs().flatten(1).sum(1)
    torch.testing.assert_close(-likelihood.log_prob(x, y), released)  # ln 2b is 0


def begun(*more):
    fabric = Fabric(accelerator="cpu", devices=1)
    asked = recipe(*more)
    data = pictures(asked)
    with seeded(0, "init"):
        state, update = beginning(asked, data, fabric)
    return state, update, Batch(data.train.spread(8)).as_intensities(256)


def test_before_its_first_step_the_discriminator_neither_moves_nor_counts():
    state, update, batch = begun("adversary.start=1")
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    said = update(state, batch)
    now = state.network.state_dict()
    assert not any(name.startswith("discriminator/") for name in said)
    moved = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, now[name])}
    assert moved == {"encoder", "decoder"}
    state.step = 1
    said = update(state, batch)
    assert {"discriminator/accuracy", "adversarial_weight", "loss/adversarial"} <= said.keys()
    assert not torch.equal(before["discriminator.head.weight"], now["discriminator.head.weight"])


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_norms_at_the_last_layer_and_both_reach_the_encoder():
    state, update, batch = begun()
    model = state.network
    with torch.no_grad():
        for parameter in model.judge.parameters():  # else the weight is at its largest, 10⁴
            parameter.mul_(4)
    with seeded(3, "latents"):
        reading = model.read(batch)
    likely = reading.bound.distortion.mean() + 1e-6 * reading.bound.rate.mean()
    last, first = model.last_layer, model.encoder.conv_in.weight
    fooled = -model.judge.logits(model.mean(reading.output)).mean()

    def slope(loss, weight):
        return torch.autograd.grad(loss, weight, retain_graph=True)[0]

    weight = 0.5 * slope(likely, last).norm() / (slope(fooled, last).norm() + ADAPTIVE_FLOOR)
    with seeded(3, "latents"):
        found, said, _ = update.gradients(state, batch, update.adversary)
    assert weight < 0.5e4
    torch.testing.assert_close(said["adversarial_weight"], weight, rtol=1e-3, atol=0)
    place = next(i for i, p in enumerate(model.players()["encoder"]) if p is first)
    expected = slope(likely, first) + weight * slope(fooled, first)
    torch.testing.assert_close(found["encoder"][place], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_decoder_is_tuned_with_a_discriminator_while_codes_stay_equal_to_the_last_bit(tmp_path):
    plain = toy("plain", *MODEL, *LOSS, "training.ema=0.9")
    source = train(plain, tmp_path / "plain", parts=PARTS)
    tuned = recipe("training.freeze=encoder", f'start.path="{source.path}"', "training.ema=0.9")
    run = train(tuned, tmp_path / "tuned", parts=PARTS)
    before, after = (open_run(one.path, device="cpu", parts=PARTS) for one in (source, run))
    x = before.pictured(6)
    with torch.no_grad():
        one, other = (each.model.posterior(x) for each in (before, after))
        assert torch.equal(one.mean, other.mean)
        assert torch.equal(one.log_scale, other.log_scale)
        assert not torch.equal(*(each.model.decode((one.mean,)) for each in (before, after)))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (["adversary.layers=2"], r"adversary\.layers"),
        (["distance.kind=discriminator"], "distance"),
        (["model.kind=vae", "model.given=labels"], r"model\.given"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_setting_named(settings, field):
    asked = change(recipe(), settings) if "model.kind=vae" not in settings else toy("vae", *PATCH, *settings[1:])
    given = {"labels": (3,)} if asked.model.kind == "vae" else {}
    with pytest.raises(RecipeError, match=field):
        build.model(asked, Outline("noise", (1, 8, 8), 256, given))
