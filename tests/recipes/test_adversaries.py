"""Discriminators and learned distances in recipes: what they build, and what does not go together."""

import pytest
import torch

from kelbo.errors import RecipeError
from kelbo.frozen import Frozen
from kelbo.models import VAE, Gan, VaeGan
from kelbo.networks.norms import BatchNorm
from kelbo.recipes import build, change, dump, find, parse
from kelbo.recipes.build import Outline
from kelbo.recipes.files import load
from kelbo.sweeps.stackable import stackable
from kelbo.training import AdversarialUpdate, Balance, LossUpdate

OUTLINE = Outline("noise", (1, 16, 16), 256)
SMALL = ["data.size=16", "model.network.kind=larsen", "model.network.width=0.06", "model.latents=3"]
ADVERSARY = ["adversary.kind=larsen", "adversary.width=0.06"]
DISTANCE = ["distance.kind=discriminator"]
ELSEWHERE = ["runs.discriminator.path=elsewhere"]


def recipe(*more):
    return change(find("digits"), [*SMALL, *more])


def model(*more, runs=None, outline=OUTLINE):
    torch.manual_seed(0)
    return build.model(recipe(*more), outline, runs or {})


def test_a_recipe_without_them_is_the_one_it_was():
    plain = find("digits")
    assert (plain.adversary, plain.distance) == (None, None)
    assert type(model()) is VAE
    with_one = change(plain, ADVERSARY)
    assert change(with_one, ["adversary=none"]) == plain
    assert with_one.fingerprint != plain.fingerprint == change(with_one, ["adversary=none"]).fingerprint
    assert plain.fingerprint == change(plain, ["optimizer.smoothing=0.9"]).fingerprint
    assert plain.fingerprint != change(plain, ["optimizer.smoothing=0.99"]).fingerprint


def test_the_four_models_of_the_paper_are_four_recipes(fabric):
    both = model(*ADVERSARY, *DISTANCE)
    assert isinstance(both, VaeGan)
    assert (both.tap, both.frozen) == ("strided2", None)
    fixed = model(*DISTANCE, *ELSEWHERE, runs={"discriminator": Frozen(both)})
    assert isinstance(fixed, VaeGan)
    assert fixed.judge is both.judge
    assert fixed.players().keys() == {"encoder", "decoder"}
    gan = model("model.kind=gan", *ADVERSARY)
    assert isinstance(gan, Gan)
    assert gan.players().keys() == {"decoder", "discriminator"}
    updates = [
        build.update(recipe(*more), fabric) for more in ((), (*ADVERSARY, *DISTANCE), ("model.kind=gan", *ADVERSARY))
    ]
    assert [type(update) for update in updates] == [LossUpdate, AdversarialUpdate, AdversarialUpdate]
    assert updates[2].objective is None


@pytest.fixture
def fabric():
    from kelbo.distributed.fabric import Fabric

    return Fabric(accelerator="cpu", devices=1)


def test_the_settings_reach_the_update(fabric):
    settings = ["loss=hinge", "fakes=prior", "weight=3", "start=5", "r1=2", "eps=0", "passes=apart", "reaches=both"]
    convex = ["distance.weight=0.25", "distance.convention=convex", "adversary.balance.margin=0.2"]
    chosen = recipe(*ADVERSARY, *(f"adversary.{one}" for one in settings), *DISTANCE, *convex)
    update = build.update(chosen, fabric)
    own = update.adversary
    assert (own.loss, own.fakes, own.start, own.r1, own.eps) == ("hinge", "prior", 5, 2.0, 0.0)
    assert (own.together, own.encoder, own.balance) == (False, True, Balance(0.68, 0.2))
    assert (update.reconstruction, own.weight) == (0.25, 0.75 * 3)
    paper = build.update(change(chosen, ["distance.convention=paper", "adversary.balance=none"]), fabric)
    assert (paper.reconstruction, paper.adversary.weight, paper.adversary.balance) == (0.25, 3.0, None)


def test_every_player_has_its_optimiser_and_the_discriminator_its_own_rate():
    chosen = recipe(
        *ADVERSARY, *DISTANCE, "distance.sigma=shared", "optimizer.kind=rmsprop", "optimizer.weight_decay=0.1"
    )
    chosen = change(
        chosen, ["optimizer.learning_rate=2e-4", "adversary.learning_rate=1e-4", "likelihood.kind=shared_gaussian"]
    )
    torch.manual_seed(0)
    made = build.model(chosen, OUTLINE)
    optimizers = build.optimizers(chosen, made)
    assert {type(one) for one in optimizers.values()} == {torch.optim.RMSprop}
    assert {name: one.param_groups[0]["lr"] for name, one in optimizers.items()} == {
        "encoder": 2e-4,
        "decoder": 2e-4,
        "discriminator": 1e-4,
    }
    decays = {id(p): g["weight_decay"] for one in optimizers.values() for g in one.param_groups for p in g["params"]}
    assert decays.keys() == {id(p) for p in made.parameters()}
    sigmas = {id(p) for p in (*made.likelihood.parameters(), *made.features.parameters())}
    assert len(sigmas) == 2
    assert {name for name, decay in decays.items() if decay == 0} == sigmas


def test_norms_and_widths_are_the_recipes():
    made = model(*ADVERSARY, "adversary.norm=group", "adversary.spectral_norm=true", "model.network.norm=none")
    assert not any(isinstance(layer, BatchNorm) for layer in made.modules())
    assert any("parametrizations" in name for name, _ in made.judge.named_parameters())


def test_a_recipe_with_them_is_read_back_from_its_text(tmp_path):
    chosen = recipe(*ADVERSARY, *DISTANCE, "adversary.balance=none", "distance.sigma=optimal")
    (tmp_path / "recipe.toml").write_text(dump(chosen))
    assert load(tmp_path / "recipe.toml") == chosen
    assert parse(chosen.model_dump(mode="json")) == chosen


REFUSED = {
    "no discriminator": (DISTANCE, r"runs\.discriminator\.path"),
    "two discriminators": ([*ADVERSARY, *DISTANCE, *ELSEWHERE], r"runs\.discriminator"),
    "a run that nobody asks": ([*ADVERSARY, *ELSEWHERE], r"runs\.discriminator"),
    "another kind of model": (["model.kind=autoencoder", *ADVERSARY], "model.kind 'autoencoder'"),
    "a GAN alone": (["model.kind=gan"], r"adversary\.kind"),
    "a GAN with a distance": (["model.kind=gan", *ADVERSARY, *DISTANCE], "leave out distance"),
    "a GAN that reconstructs": (["model.kind=gan", *ADVERSARY, "adversary.fakes=reconstructions"], r"adversary\.fakes"),
    "features that are not there": ([*ADVERSARY, *DISTANCE, "distance.features=relu9"], "strided1.*normed3"),
    "numbers that nothing trains": (
        [*ADVERSARY, *DISTANCE, "likelihood.kind=per_pixel_gaussian"],
        "per_pixel_gaussian",
    ),
    "a target of another distortion": (
        [*ADVERSARY, *DISTANCE, "objective.kind=distortion_target", "objective.target=9"],
        "distortion_target",
    ),
    "gradients that are compiled": ([*ADVERSARY, "adversary.r1=1", "training.compile=true"], r"adversary\.r1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused_by_name(case):
    settings, message = REFUSED[case]
    with pytest.raises(RecipeError, match=message):
        model(*settings)


def test_images_that_the_discriminator_cannot_halve_are_refused_with_the_sizes_that_fit():
    wrong = ["model.network.kind=higgins", "model.network.width=8", "data.size=8"]
    with pytest.raises(RecipeError, match=r"adversary\.kind 'larsen'.*16×16"):
        model(*wrong, *ADVERSARY, outline=Outline("noise", (1, 8, 8), 256))


def test_a_frozen_discriminator_must_be_one_of_such_images():
    other = {"discriminator": Frozen(model(*ADVERSARY))}
    with pytest.raises(RecipeError, match=r"1×16×16.*1×24×24"):
        model(*DISTANCE, *ELSEWHERE, runs=other, outline=Outline("noise", (1, 24, 24), 256))
    with pytest.raises(RecipeError, match="VAE"):
        model(*DISTANCE, *ELSEWHERE, runs={"discriminator": Frozen(model())})


def test_a_convex_weight_is_a_share():
    with pytest.raises(RecipeError, match=r"distance\.convention.*below 1"):
        recipe(*ADVERSARY, *DISTANCE, "distance.convention=convex")


@pytest.mark.parametrize("more", [ADVERSARY, [*DISTANCE, *ELSEWHERE]])
def test_lanes_with_several_losses_are_not_stacked(more):
    chosen = recipe(*more, "model.network.norm=group")
    with pytest.raises(RecipeError, match="cannot be stacked"):
        stackable([chosen, change(chosen, ["seed=4"])])
