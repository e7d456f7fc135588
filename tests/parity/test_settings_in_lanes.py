"""Whichever way lanes are trained, each setting of a recipe is honoured or refused.

A walk over the schema finds the settings, a new one too. A setting in which lanes may differ is trained in a lane of one
stack and alone. Lanes that differ in any other are refused, and lanes that share it are moved stacked and alone.
"""

import pickle
from typing import Annotated, Literal, get_args, get_origin

import pytest
import torch
from pydantic import BaseModel
from tests.parity.test_stacked import alone, same, stacked

from kelbo.data.batches import Batches
from kelbo.data.image_set import ImageSet, quantized
from kelbo.data.images import ArrayImages
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.recipes import change, find
from kelbo.recipes.data_specs import DigitsSpec
from kelbo.recipes.files import load
from kelbo.recipes.schema import COMPUTED, Recipe
from kelbo.runs import Run
from kelbo.seeds import Source, drawing_from
from kelbo.sweeps import choice
from kelbo.sweeps.definition import prepare_sweep, train_lanes
from kelbo.sweeps.lane import train_lane
from kelbo.sweeps.stackable import groups, stackable
from kelbo.training import fit

BASE = change(
    find("digits"),
    [
        *("data.size=8", "model.network.width=8", "model.latents=3", "training.batch_size=16", "training.steps=3"),
        *("training.log_every=2", "training.checkpoint_every=100", "training.pictures_every=100"),
    ],
)
TRIED = ("true", "0.7", "7", "[0.5,0.9]", '"other"')
"""values of settings that are no choice, each taken where it is valid"""
OF_ITS_OWN = {
    "norm": ["none"],
    "width": ["0.06", "7"],  # a factor or a number; true is one too, and of some widths no model
    "encoder": ['"8x1,8d2,4x1,4d4,1x1"'],
    "decoder": ['"1x1,4m1,8m4"'],
    "widths": ["[8]"],
    "groups": ["2"],
    "attention": ["false"],
    "freeze": ["'encoder'"],
    "sha256": [f'"{"0" * 64}"'],
}
OF_ANOTHER_RUN = {"secondary": ('runs.primary.path="elsewhere"',)}
"""kinds of model that are made of another run's"""
OF_ITS_KIND = {("model.network", "larsen"): ("model.network.norm=group", "model.network.width=0.05", "data.size=16")}
OF_ITS_KIND |= {("model", "gan"): ('adversary.kind="larsen"',), ("distance", "discriminator"): ("distance.weight=0.5",)}
OF_ITS_KIND |= {("model", "spatial"): ("model.widths=[8,8]", "model.blocks=2", "model.groups=4")}
OF_ITS_KIND |= {("distance", "perceptual"): ('distance.features="features.pth"',)}
"""what a kind of table needs beside, so that it is valid, and its lanes can be stacked if they can"""
REQUIRED = {"target"}
"""settings that some kind of table needs"""


def tables_of(annotation):
    """The kinds of table that a field may hold."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    parts = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return [table for part in parts for table in tables_of(part)]


def settings_of(table=Recipe, prefix="", base=()):
    """(path, what makes a recipe have it, values to try) of every setting in every kind of every table."""
    for name, field in table.model_fields.items():
        path = prefix + name
        tables = [DigitsSpec] if path == "data" else tables_of(field.annotation)  # other images need files
        for inner in tables:
            kind = inner.model_fields.get("kind")
            own = () if kind is None else (f'{path}.kind="{kind.default}"',)
            own += tuple(f"{path}.{name}=3" for name in REQUIRED & inner.model_fields.keys())
            own += OF_ANOTHER_RUN.get(kind and kind.default, ()) + OF_ITS_KIND.get((path, kind and kind.default), ())
            yield from settings_of(inner, f"{path}.", (*base, *own))
        if not tables:
            choices = get_origin(field.annotation) is Literal
            yield (
                path,
                base,
                [f'"{v}"' if isinstance(v, str) else f"{v}" for v in get_args(field.annotation)]
                if choices
                else OF_ITS_OWN.get(name, TRIED),
            )


def pairs_of(path, base, values):
    """Recipes that differ in that one setting: the usual one of its table, and others."""
    size = ["data.size=32"] if "burgess" in str(base) else []
    start = change(BASE, [*size, *base])
    if path.endswith(".kind") and start != change(BASE, size):  # a kind of table beside the usual one
        yield change(BASE, [*size, *(setting for setting in base if setting.startswith("data."))]), start
    for value in values:
        higher = ["objective.target=9"] if value == '"psnr"' else []  # 3 dB are farther than any grey picture
        try:
            other = change(start, [f"{path}={value}", *higher])
        except RecipeError:
            continue
        if other != start:
            yield start, other
            if values is TRIED or values in OF_ITS_OWN.values():
                return


PAIRS = [(path, *pair) for path, base, values in settings_of() for pair in pairs_of(path, base, values)]


NEVER = {*(f"training.{name}" for name in COMPUTED), "training.freeze", "model.checkpointing"}
"""settings whose recipes are not stacked at all"""


def may_differ(one, other):
    try:
        stackable([one, other])
    except RecipeError:
        return False
    return True


FREE = [(path, one, other) for path, one, other in PAIRS if may_differ(one, other)]
SHARED = [
    (path, one, other)
    for path, one, other in PAIRS
    if not may_differ(one, other) and not other.runs and (path in NEVER or may_differ(other, other))
]
"""a recipe that does not stack with itself is refused whatever the others are"""


def test_the_walk_finds_every_setting():
    of_files = {"data.kind", "runs.path", "runs.weights", "start.weights", "start.checkpoint"}
    of_files |= {"model.given"}  # other images and other runs need files, and what is given must be known
    assert {path for path, *_ in PAIRS} == {path for path, *_ in settings_of()} - of_files


@pytest.mark.slow
def test_a_setting_in_which_lanes_may_differ_is_honoured_by_each_lane(tmp_path):
    recipes = [BASE, *(other for _, _, other in FREE)]
    for number, members in enumerate(groups(recipes)):
        lanes = [recipes[place] for place in members]
        runs, outcomes = stacked(lanes, tmp_path / f"{number}")
        assert {outcome.error for outcome in outcomes} == {None}
        for run, recipe, other in zip(runs, lanes, alone(lanes, tmp_path / f"{number}"), strict=True):
            same(run, other)
            assert load(run.recipe_path) == recipe


def images(recipe):
    """Noise of 256 levels in a size that the network takes; a hierarchy takes any."""
    side = {"rybkin": 28, "burgess": 16, "larsen": 16}.get(
        getattr(getattr(recipe.model, "network", None), "kind", ""), 8
    )
    pixels = torch.randint(256, (512, 1, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return quantized(
        ImageSet("noise", {"train": ArrayImages(pixels), "test": ArrayImages(pixels)}, ""), recipe.data.bits
    )


def moved(recipe, *, together):
    """A model's weights and buffers after two steps by the program of stacked lanes, or by the loop of a run alone."""
    fabric, data = Fabric(accelerator="cpu", devices=1, precision=recipe.training.precision), images(recipe)
    if together:
        step = choice._stacked([recipe, change(recipe, ["seed=5"])], data, fabric)
        step()
        step()
        return step.lanes[0].state.network.state_dict()
    (state, update), plan = choice._begun(recipe, data, fabric), recipe.training
    batches = (
        batch.as_intensities(data.levels) for batch in Batches(data.train, plan.batch_size, recipe.seed, fabric.device)
    )
    with drawing_from(Source(recipe.seed)):  # as the first lane does
        end = fit(state, update, batches, 2)
    return end.network.state_dict()


HELD = {path: [other for of, _, other in SHARED if of == path] for path, *_ in SHARED if path not in NEVER}
"""recipes by the setting that their lanes must share"""
OF_RUNS = {path for path in HELD if path.startswith(("data.", "training."))} - {"data.bits"}


@pytest.mark.parametrize("path", sorted(NEVER))
def test_a_recipe_that_says_how_its_steps_are_computed_is_sent_to_the_queue(path):
    for recipe in (other for of, _, other in SHARED if of == path):
        with pytest.raises(RecipeError, match=f"Lanes with {path} = .* cannot be stacked") as caught:
            stackable([recipe])
        assert caught.value.remedy == ("how",)
        assert choice.choose([recipe, change(recipe, ["seed=5"])]).how == "queue"


QUICK = ("model.kind", "model.latents", "model.network.kind", "likelihood.kind")
"""settings whose lanes are trained in the quick tests; the others' are in the slow ones"""


@pytest.mark.parametrize(
    "path",
    [path if path in QUICK else pytest.param(path, marks=pytest.mark.slow) for path in HELD if path not in OF_RUNS],
)
def test_a_setting_that_lanes_must_share_is_honoured_in_a_stack(path):
    for recipe in HELD[path]:
        ours, theirs = moved(recipe, together=True), moved(recipe, together=False)
        # by the norm: Adam's first steps make much of a gradient that is almost nothing, as of an attention's keys' bias
        for name, value in ours.items():
            if name.endswith("to_k.bias"):
                continue
            room = 1e-3 * float(theirs[name].double().norm())
            assert float((value - theirs[name]).double().norm()) <= room, f"{recipe}: {name}"


@pytest.mark.parametrize("path", sorted(OF_RUNS))
def test_a_setting_of_the_run_around_its_steps_that_lanes_must_share_is_honoured_in_a_stack(path, tmp_path):
    for number, recipe in enumerate(HELD[path]):
        runs, _ = stacked([recipe], tmp_path / f"{number}")
        same(*runs, *alone([recipe], tmp_path / f"{number}"))
        assert load(runs[0].recipe_path) == recipe


def test_the_queue_and_ray_train_each_lane_by_its_whole_recipe(tmp_path):
    """Both send the jobs that they are given, pickled, to processes that call `train_lane`."""
    given = []

    def work(jobs, **_):
        given.extend(jobs)
        return []

    laid = prepare_sweep(BASE, ["objective.beta=2,4"], [1, 2], tmp_path / "sweep")
    train_lanes(laid, work=work)
    assert [(job.call, job.arguments[0]) for job in given] == [(train_lane, lane.recipe) for lane in laid.lanes]
    for _, one, other in PAIRS:
        assert pickle.loads(pickle.dumps((one, other))) == (one, other)


def test_a_job_of_the_queue_leaves_the_run_of_its_recipe_to_the_last_bit(tmp_path):
    recipe = change(
        BASE, ["training.precision=bf16-mixed", "training.ema=0.5", "training.clip=0.1", "schedule.kind=drop"]
    )
    train_lane(recipe, tmp_path / "lane", tell=lambda _: None)
    same(Run.open(tmp_path / "lane"), *alone([recipe], tmp_path), share=0)


def test_lanes_with_statistics_of_batches_are_not_stacked():
    recipe = change(BASE, ["data.size=16", "model.network.kind=larsen"])
    with pytest.raises(RecipeError, match=r"model\.network\.norm") as refused:
        stackable([recipe])
    assert refused.value.remedy == ("how",)
    assert recipe.model.network.norm == "batch"
    assert groups([recipe, BASE]) == [[0], [1]]


def test_lanes_that_use_other_runs_are_not_stacked():
    """Nor by themselves: one program would show every lane the first one's frozen models."""
    recipe = change(BASE, ['runs.primary.path="elsewhere"'])
    with pytest.raises(RecipeError, match=r"runs\.primary") as refused:
        stackable([recipe])
    assert refused.value.remedy == ("how",)
    assert groups([recipe, BASE]) == [[0], [1]]
