"""The likelihood is one setting of any recipe: every kind of it trains, and with every network and kind of model some do.

What there is is read off the schema, so a new kind is under this law as soon as recipes may name it.
"""

from __future__ import annotations

from itertools import product
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import pytest
import torch

from kelbo.bound import Batch
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.distributed.fabric import Fabric
from kelbo.recipes import build, change, find
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.training import TrainState, fit
from kelbo.training.checkpoint import save
from kelbo.training.opened import load
from kelbo.units import intensities

LEVELS, SIDE, STEPS = 16, 32, 3
SMALL = {"width": 8, "channels": 4, "hidden": 8}
"""what makes a network small, if it has such a setting"""
SMALL_SPATIAL = {"widths": [4, 8], "blocks": 1, "groups": 4}
SMALL_SHARE = {"width": 0.05}
"""likewise, of those whose width is a factor"""


def kinds(spec: type, path: str) -> dict[str, type]:
    """Every `kind` that the schema allows at a path, with the spec that it is of."""
    specs = [spec]
    for key in path.split("."):
        having = (one for one in specs if key in one.model_fields)
        specs = [part for one in having for part in parts(one.model_fields[key].annotation)]
    return {kind: one for one in specs for kind in literals(one.model_fields["kind"].annotation)}


def parts(annotation: Any) -> list[type]:
    if get_origin(annotation) is Annotated:
        return parts(get_args(annotation)[0])
    return list(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else [annotation]


def literals(annotation: Any) -> tuple[str, ...]:
    assert get_origin(annotation) is Literal
    return get_args(annotation)


LIKELIHOODS, NETWORKS, MODELS = (kinds(Recipe, path) for path in ("likelihood", "model.network", "model"))
DEPENDENT = {"secondary", "gan"}
"""kinds that are made of another run's model (see tests/laws/test_two_stage.py), or have no likelihood"""
FLAT = [kind for kind, spec in MODELS.items() if "network" in spec.model_fields and kind not in DEPENDENT]
OWN = "own"
"""of models whose networks cannot be chosen"""
WIDE = ("per_pixel_gaussian", "categorical", "logistic_mixture")
"""likelihoods that ask a network for more than one number a pixel, each in its own way"""
CASES = [
    *(("vae", "higgins", kind) for kind in LIKELIHOODS),
    *((model, network, "optimal_gaussian") for model, network in product(FLAT, NETWORKS)),
    *(
        (model, OWN, kind)
        for model, kind in product(sorted(MODELS.keys() - DEPENDENT - {*FLAT}), ("optimal_gaussian", *WIDE))
    ),
    *(("vae", network, kind) for network, kind in product(NETWORKS, WIDE)),
]
CASES = list(dict.fromkeys(CASES))
"""every kind of each once, and those together that a network's output and a likelihood's input bind"""


def recipe(model: str, network: str) -> Recipe:
    """A tiny recipe of this kind of model and network."""
    fields = MODELS[model].model_fields if network == OWN else NETWORKS[network].model_fields
    place = "model" if network == OWN else "model.network"
    sizes = SMALL | SMALL_SHARE if network == "larsen" else SMALL | SMALL_SPATIAL if model == "spatial" else SMALL
    small = [f"{place}.{name}={size}" for name, size in sizes.items() if name in fields]
    settings = [f"model.kind={model}", *([] if network == OWN else [f"model.network.kind={network}"]), *small]
    return change(find("digits"), [*settings, "model.latents=3", f"training.steps={STEPS}", "training.batch_size=4"])


@pytest.fixture(scope="module")
def images():
    """Sixteen grey images of smooth random shades."""
    coarse = np.random.default_rng(0).integers(0, LEVELS, (16, 1, 8, 8), dtype=np.uint8)
    split = ArrayImages(coarse.repeat(SIDE // 8, 2).repeat(SIDE // 8, 3), LEVELS)
    return ImageSet("made", {"train": split, "test": split}, "made by a test")


@pytest.fixture(scope="module")
def fabric():
    return Fabric(accelerator="cpu", devices=1)


def begun(chosen, images, fabric):
    torch.manual_seed(0)
    model = build.model(chosen, images)
    made = build.optimizers(chosen, model)
    wrapped, optimizer = fabric.setup(model, made["model"])
    return TrainState(wrapped, {"model": optimizer}, build.objective(chosen).initial())


class Seen:
    """A hook that keeps what every step left: its loss, and which parameters had a gradient that was not zero."""

    def __init__(self):
        self.losses, self.moved = [], set()

    def __call__(self, state, values):
        self.losses.append(values["loss"].item())
        named = state.network.named_parameters()
        self.moved |= {name for name, p in named if p.grad is not None and p.grad.isfinite().all() and p.grad.any()}


def total_mass(likelihood, output):
    """Of one grey pixel, (1, P) of the decoder's output: the sum of exp(log_prob) over its levels, or the integral."""
    if likelihood.kind == "mass":
        x = torch.arange(likelihood.levels).float() / (likelihood.levels - 1)
        weights = torch.ones_like(x)
    elif likelihood.support == "unit":
        x = (torch.arange(4000) + 0.5) / 4000
        weights = torch.full_like(x, 1 / 4000)
    else:  # the real line, by way of a tangent as wide as the distribution
        angle = ((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 - 0.5) * torch.pi
        mean, variance = (float(value) for value in likelihood.moments(output))
        x = (mean + variance**0.5 * angle.tan()).float()
        weights = (variance**0.5 * torch.pi / 4000 / angle.cos() ** 2).float()
    nats = likelihood.log_prob(x.view(-1, 1), output.expand(len(x), -1))
    return float((nats.exp() * weights).sum())


@pytest.mark.parametrize(("model", "network", "kind"), CASES, ids=map("-".join, CASES))
def test_a_recipe_of_which_only_the_likelihood_is_changed_trains_and_measures(
    model, network, kind, images, fabric, tmp_path
):
    chosen = change(recipe(model, network), [f"likelihood.kind={kind}"])
    state, seen = begun(chosen, images, fabric), Seen()
    batches = [Batch(levels).as_intensities(LEVELS) for levels in images.train.spread(4 * STEPS).split(4)]
    fit(state, build.update(chosen, fabric), batches, STEPS, [seen])

    assert len(seen.losses) == STEPS
    assert np.isfinite(seen.losses).all()
    trained = state.network
    names = {name for name, _ in trained.named_parameters() if name.partition(".")[0] != "encoder"}
    assert names
    assert names - seen.moved == set()

    x = intensities(images.test.spread(4), LEVELS)
    likelihood = trained.likelihood
    with trained.evaluating(), torch.no_grad():
        output = trained.read(Batch(x), draw=False).output
        assert likelihood.normalized
        pixel = output[:1, :, SIDE // 2, SIDE // 2]
        assert total_mass(likelihood, pixel) == pytest.approx(1, abs=2e-3)
        mean, variance = likelihood.moments(output)
        drawn = likelihood.sample(output)
        assert mean.shape == variance.shape == drawn.shape == x.shape
        assert (variance > 0).all()
        assert mean.isfinite().all()
        assert drawn.isfinite().all()
        assert likelihood.sample(trained.decode(trained.sample(2))).shape == (2, *images.shape)

    run = Run.create(tmp_path / "run", "", {})
    save(run, fabric, state)
    again = begun(chosen, images, fabric).network
    assert load(run, again, torch.device("cpu")).step == STEPS
    with trained.evaluating(), again.evaluating():
        assert torch.equal(likelihood.log_prob(x, output), again.likelihood.log_prob(x, output))
        assert torch.equal(again.read(Batch(x), draw=False).output, output)


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_what_a_likelihood_tracks_in_training_can_be_told_it_anew(kind, images, fabric):
    """Else it would lag behind the weights that it is reported with: evaluation tells only a σ that is solved for."""
    model = begun(change(recipe("vae", "higgins"), [f"likelihood.kind={kind}"]), images, fabric).network
    before = {name: value.clone() for name, value in model.named_buffers()}
    model(Batch(images.train.spread(4)).as_intensities(LEVELS))
    moved = {name for name, value in model.named_buffers() if not torch.equal(value, before[name])}
    likelihood = model.likelihood
    assert bool(moved) == (likelihood.sigma_from == "solved") == likelihood.forget()
    if moved:
        assert {name.partition(".")[0] for name in moved} == {"likelihood"}
        with likelihood.settled(0.25), model.evaluating():
            assert torch.all(likelihood.variance(torch.zeros(2, 1, SIDE, SIDE)) == 0.25)
        assert all(not value.any() for value in likelihood.buffers())


def test_the_law_speaks_of_all_that_recipes_may_name():
    """Of one setting that decides, `likelihood.kind`, whatever the others: and every kind has a way from schema to object."""
    assert {"vae", "autoencoder"} <= MODELS.keys()
    assert {"higgins", "burgess", "rybkin", "larsen"} <= NETWORKS.keys()
    assert {"shared_gaussian", "optimal_gaussian", "per_pixel_gaussian", "bernoulli", "student_t"} <= LIKELIHOODS.keys()
    for place, known in enumerate((MODELS, NETWORKS, LIKELIHOODS)):
        assert {case[place] for case in CASES} - {OWN} == known.keys() - DEPENDENT


def test_a_new_kind_of_model_in_the_schema_is_under_the_law_at_once():
    from pydantic import BaseModel

    class Plain(BaseModel):
        kind: Literal["vae", "autoencoder"] = "vae"

    class Deep(BaseModel):
        kind: Literal["hierarchical"] = "hierarchical"

    class Grown(BaseModel):
        model: Plain | Deep
        one: Annotated[Plain | Deep, "discriminated"]

    assert kinds(Grown, "model") == kinds(Grown, "one") == {"vae": Plain, "autoencoder": Plain, "hierarchical": Deep}
