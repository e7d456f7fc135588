"""What every model promises: the library's own on each network, and one of each kind to come."""

import pytest
import torch
from tests.toys import clip, discrete, frozen_second, three_players, two_conditions, two_groups, two_stages, vectors

from kelbo.bound import Batch
from kelbo.data.batches import batch_at
from kelbo.frozen import Frozen
from kelbo.latents.noise import noise_of_lanes
from kelbo.protocols import FlatLatent, Prior
from kelbo.recipes import build, change
from kelbo.recipes.build import Outline
from kelbo.seeds import Source, drawing_from, seeded
from kelbo.sweeps.stacked_models import Stack

EXAMPLES = 4
TOYS = (two_groups, three_players, clip, frozen_second, discrete, two_conditions, vectors)
NETWORKS = ("higgins", "burgess", "rybkin", "residual")
VAMP = ("model.prior.kind=vamp", "model.prior.components=3")
HIERARCHY = ["model.kind=hierarchical", "model.width=8", "model.latents=2", "model.encoder=8x1,8d2,4d4,1x1"]
HIERARCHY += ["model.decoder=1x1,4m1,8m4,8x1"]
LIKELIHOODS = ("optimal_gaussian", "per_pixel_gaussian", "logistic_mixture")


def of_toy(toy):
    def make():
        data = toy.PARTS.data(toy.RECIPE)
        others = toy.PARTS.companions.items()
        runs = {name: Frozen(parts.model(toy.PRIMARY, data, {})) for name, parts in others}
        return toy.PARTS.model(toy.RECIPE, data, runs), batch_at(data.test, torch.arange(EXAMPLES), torch.device("cpu"))

    return make


def of_recipe(kind, network, likelihood, given=None, *more):
    small = {"higgins": "width=8", "burgess": "channels=4", "rybkin": "channels=4", "residual": "width=8"}[network]
    settings = [f"model.kind={kind}", f"model.network.kind={network}", f"model.network.{small}", "model.latents=3"]

    def make():
        told = [f"model.given={given}"] if given else []
        recipe = change(two_groups.RECIPE, [*settings, *told, *more, f"likelihood.kind={likelihood}"])
        levels = torch.randint(0, 256, (EXAMPLES, 1, 8, 8), generator=torch.Generator().manual_seed(0))
        rows = {given: torch.eye(EXAMPLES)} if given else {}
        shapes = {name: tuple(value.shape[1:]) for name, value in rows.items()}
        return build.model(recipe, Outline("noise", (1, 8, 8), 256, shapes)), Batch(levels.to(torch.uint8), rows)

    return make


def of_larsen(given):
    """On images of the least size that its strides allow."""

    def make():
        network = ["model.network.kind=larsen", "model.network.width=0.05", "model.latents=3"]
        told = [f"model.given={given}"] if given else []
        recipe = change(two_groups.RECIPE, [*network, *told, "likelihood.kind=optimal_gaussian"])
        levels = torch.randint(0, 256, (EXAMPLES, 1, 16, 16), generator=torch.Generator().manual_seed(0))
        rows = {given: torch.eye(EXAMPLES)} if given else {}
        shapes = {name: tuple(value.shape[1:]) for name, value in rows.items()}
        return build.model(recipe, Outline("noise", (1, 16, 16), 256, shapes)), Batch(levels.to(torch.uint8), rows)

    return make


def of_hierarchy(*more, given=None):
    def make():
        told = [f"model.given={given}"] if given else []
        recipe = change(two_groups.RECIPE, [*HIERARCHY, *told, *more])
        levels = torch.randint(0, 256, (EXAMPLES, 1, 8, 8), generator=torch.Generator().manual_seed(0))
        rows = {given: torch.eye(EXAMPLES)} if given else {}
        shapes = {name: tuple(value.shape[1:]) for name, value in rows.items()}
        model = build.model(recipe, Outline("noise", (1, 8, 8), 256, shapes))
        for block in (layer.prior for layer in model.layers):  # which is 0 at first
            torch.nn.init.normal_(block.c4.weight, std=0.1)
        return model, Batch(levels.to(torch.uint8), rows)

    return make


def of_spatial(*more):
    def make():
        small = ["model.kind=spatial", "model.widths=[8,8]", "model.blocks=1", "model.groups=4", "model.latents=2"]
        recipe = change(two_groups.RECIPE, [*small, *more])
        levels = torch.randint(0, 256, (EXAMPLES, 1, 8, 8), generator=torch.Generator().manual_seed(0))
        return build.model(recipe, Outline("noise", (1, 8, 8), 256)), Batch(levels.to(torch.uint8))

    return make


def of_secondary():
    pictures = two_stages.pictures(EXAMPLES)
    return two_stages.secondary(), pictures._replace(given={"primary": pictures.x.flip(0) / 255})


def of_two_stages():
    return two_stages.secondary().whole, two_stages.pictures(EXAMPLES)


MODELS = {
    **{toy.__name__.rpartition(".")[2]: of_toy(toy) for toy in TOYS},
    **{f"vae-{n}-{one}": of_recipe("vae", n, one) for n in NETWORKS for one in LIKELIHOODS},
    **{f"larsen{given or ''}": of_larsen(given) for given in (None, "labels")},
    **{f"conditional-{n}": of_recipe("vae", n, "optimal_gaussian", "labels") for n in NETWORKS},
    "vamp": of_recipe("vae", "higgins", "optimal_gaussian", None, *VAMP),
    "conditional-vamp": of_recipe("vae", "burgess", "optimal_gaussian", "labels", *VAMP),
    "hierarchical": of_hierarchy(),
    "hierarchical-precision": of_hierarchy("model.merge=precision_weighted", "likelihood.kind=logistic_mixture"),
    "hierarchical-residual": of_hierarchy("model.merge=residual", "model.scale=softplus", "model.maps=4"),
    "conditional-hierarchical": of_hierarchy("likelihood.kind=per_pixel_gaussian", given="labels"),
    "spatial": of_spatial(),
    "spatial-position": of_spatial(
        "model.norm=position", "model.attention=false", "likelihood.kind=per_pixel_gaussian"
    ),
    "secondary": of_secondary,
    "two-stages": of_two_stages,
    "autoencoder": of_recipe("autoencoder", "higgins", "optimal_gaussian"),
}


def made(name, seed):
    with seeded(seed, "init"):
        model, levels = MODELS[name]()
    if model.likelihood.sigma_from == "solved":
        model.likelihood.settle(0.1)
    return model.eval(), levels.as_intensities(256)


@pytest.fixture(scope="module", params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def subject(name):
    return made(name, 0)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def same(one, another):
    return all(torch.equal(a, b) for a, b in zip(one, another, strict=True))


def test_the_bound_has_a_column_a_group_in_float32_nats_per_example(subject):
    model, batch = subject
    bound = model(batch)
    assert bound.rate.shape == (EXAMPLES, model.groups)
    assert bound.distortion.shape == (EXAMPLES,)
    assert bound.rate.dtype == bound.distortion.dtype == torch.float32
    assert torch.isfinite(bound.rate).all()
    assert torch.isfinite(bound.distortion).all()


def test_forward_is_the_bound_of_a_reading_with_the_same_noise(subject):
    model, batch = subject
    with seeded(0, "latents"):
        bound = model(batch)
    with seeded(0, "latents"):
        reading = model.read(batch)
    assert same(bound, reading.bound)


def test_no_group_has_a_rate_below_zero_on_average(subject):
    model, batch = subject
    rates = torch.stack([model(batch).rate for _ in range(20)])
    error = rates.std(0) / 20**0.5
    assert (rates.mean(0) >= -5 * error - 1e-6).all()


def test_the_mean_log_weight_is_the_elbo(subject):
    model, batch = subject
    if not model.has_rate:
        pytest.skip("a point has no weight")
    weights = model.log_weights(batch, 50).double()
    assert weights.shape == (EXAMPLES, 50)
    bounds = torch.stack([model(batch).elbo for _ in range(40)], 1).double()
    error = (weights.var(1) / 50 + bounds.var(1) / 40).sqrt()
    assert ((weights.mean(1) - bounds.mean(1)).abs() < 5 * error + 1e-4).all()


def test_the_output_is_what_decoding_the_latents_gives(subject):
    model, batch = subject
    reading = model.read(batch)
    assert len(reading.latents) == model.groups
    torch.testing.assert_close(model.decode(reading.latents, batch.given), reading.output)
    assert model.mean(reading.output).shape == batch.x.shape == (EXAMPLES, *model.event)


def test_groups_that_are_missing_are_drawn_from_the_prior(subject):
    model, batch = subject
    latents = model.read(batch).latents
    for known in range(1, model.groups):
        with seeded(0, "latents"):
            once = model.decode(latents[:known], batch.given)
        with seeded(1, "latents"):
            again = model.decode(latents[:known], batch.given)
        assert once.shape == model.decode(latents, batch.given).shape
        assert not torch.equal(once, again)
        without = [model.decode(latents[:known], batch.given, temperature=0.0) for _ in range(2)]
        assert same(*zip(without, strict=True))


@pytest.mark.parametrize("more", [False, True])
def test_another_number_of_groups_is_refused(subject, more):
    model, batch = subject
    latents = model.read(batch).latents
    with pytest.raises(ValueError, match=rf"has {model.groups} groups?\b"):
        model.decode((*latents, latents[-1]) if more else (), batch.given)


def test_samples_are_latents_like_those_that_are_read(subject):
    model, batch = subject
    drawn, read = model.sample(EXAMPLES, batch.given), model.read(batch).latents
    assert [(z.shape, z.dtype) for z in drawn] == [(z.shape, z.dtype) for z in read]
    assert model.mean(model.decode(drawn, batch.given)).shape == batch.x.shape


def test_a_reading_at_the_means_draws_nothing(subject):
    model, batch = subject
    one, another = (model.read(batch, draw=False) for _ in range(2))
    assert same((*one.latents, one.output, *one.bound), (*another.latents, another.output, *another.bound))
    with seeded(0, "latents"):
        drawn, at_means = model.read_both(batch)
    with seeded(0, "latents"):
        alone = model.read(batch)
    assert same((*at_means.latents, at_means.output), (*one.latents, one.output))
    assert same((*drawn.latents, drawn.output), (*alone.latents, alone.output))


def test_one_example_does_not_depend_on_the_others(subject):
    model, batch = subject
    given = {name: value[:1] for name, value in batch.given.items()}
    alone, together = (model.read(some, draw=False).bound for some in (Batch(batch.x[:1], given), batch))
    torch.testing.assert_close(alone.rate[0], together.rate[0])
    torch.testing.assert_close(alone.distortion[0], together.distortion[0])


def test_the_target_is_scored_and_x_is_read(subject):
    model, batch = subject
    one, another = model.read(batch, draw=False), model.read(batch, target=1 - batch.x, draw=False)
    assert torch.equal(one.bound.rate, another.bound.rate)
    assert not torch.equal(one.bound.distortion, another.bound.distortion)
    assert same(one.latents, another.latents)


def test_only_one_vector_of_latents_has_a_rate_of_each_dimension(subject):
    model, batch = subject
    reading = model.read(batch)
    if isinstance(model, FlatLatent) and model.has_rate and type(model.prior).kl is not Prior.kl:
        torch.testing.assert_close(reading.rates.sum(1, keepdim=True), reading.bound.rate)
        assert model.posterior(batch).mean.shape == (EXAMPLES, model.latent_dims)
    else:
        assert reading.rates is None


def test_lanes_of_one_program_have_the_bounds_of_the_models_alone(name, subject):
    _, batch = subject
    models = [made(name, seed)[0] for seed in (0, 1)]
    if isinstance(getattr(models[0], "primary", None), Frozen):  # lanes are of one recipe, which names one run
        models[1].primary = models[0].primary
    alone = []
    for seed, model in enumerate(models):
        with drawing_from(Source(seed)):
            alone.append(model(batch))
    given = {key: torch.stack([value] * 2) for key, value in batch.given.items()}
    with noise_of_lanes([torch.Generator().manual_seed(seed) for seed in (0, 1)]):
        stacked = Stack(models)(Batch(torch.stack([batch.x] * 2), given))
    for part in (0, 1):
        torch.testing.assert_close(stacked[part], torch.stack([bound[part] for bound in alone]), rtol=1e-4, atol=1e-4)


def test_a_state_dict_is_all_of_a_model(name, subject):
    model, batch = subject
    other, _ = made(name, 1)
    if isinstance(getattr(model, "primary", None), Frozen):
        other.primary = model.primary
    assert not same(model.read(batch, draw=False).bound, other.read(batch, draw=False).bound)
    other.load_state_dict(model.state_dict())
    assert same(model.read(batch, draw=False).bound, other.read(batch, draw=False).bound)
