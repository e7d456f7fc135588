"""One seed must not move two things: replicas differ in their training, never in the images that they are tested on."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import build, change, dump, find, load, parse
from kelbo.recipes.known_sets import SETS
from kelbo.runs import Run
from kelbo.sweeps.definition import find_sweep, prepare_sweep, train_lanes

OFFICIAL = {"mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "celeba", "frey"}
SMALL = ["model.network.width=8", "model.latents=2", "training.steps=3", "training.batch_size=16"]


@pytest.fixture
def small():
    return change(find("digits"), SMALL)


def recipe_on(kind, root, seed, **data):
    place = {"root": str(root)} if kind in ("array", "folder", "table") else {}
    return parse({"name": "x", "seed": seed, "data": {"kind": kind} | place | data, "training": {"steps": 1}})


def root_of(kind, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    return tmp_path / "a.npy" if kind == "array" else tmp_path


def fingerprints(data):
    return {split: images.fingerprint() for split, images in data.splits.items()}


def as_an_earlier_version_wrote_it(folder):
    """What such a version left: its recipes knew no split_seed."""
    recipe = folder / "recipe.toml"
    if recipe.exists():
        recipe.write_text(re.sub(r"^split_seed.*\n", "", recipe.read_text(), flags=re.M))
    definition = folder / "sweep.json"
    if definition.exists():
        told = json.loads(definition.read_text())
        told["recipe"] = re.sub(r"(?m)^split_seed.*\n", "", told["recipe"])
        definition.write_text(json.dumps(told))


@pytest.mark.parametrize("kind", sorted(SETS))
def test_the_seed_of_a_recipe_does_not_choose_the_seed_of_the_split(kind, tmp_path):
    recipes = [recipe_on(kind, tmp_path, seed) for seed in (0, 5)]
    assert [recipe.split_seed for recipe in recipes] == [0, 0]
    assert ("split_seed" in recipes[0].data.model_dump()) == (kind not in OFFICIAL)
    assert recipes[0].fingerprint == recipes[1].fingerprint


@pytest.mark.parametrize("kind", ["digits", "array", "folder", "arm"])
def test_replicas_have_one_test_split_and_another_split_seed_another(kind, tmp_path):
    root = root_of(kind, tmp_path)
    indices = [
        build.data(recipe_on(kind, root, seed, **data)).test.index.tolist()
        for seed, data in [(0, {}), (5, {}), (5, {"split_seed": 1}), (1, {"split_seed": "seed"})]
    ]
    assert indices[0] == indices[1]
    assert indices[2] == indices[3] != indices[0]


def test_replicas_are_one_recipe_and_another_split_is_another():
    recipes = [change(find("digits"), [f"seed={seed}"]) for seed in (0, 1)]
    assert len({recipe.fingerprint for recipe in recipes}) == 1
    changed = [change(recipes[0], [f"data.split_seed={value}"]).fingerprint for value in ("1", "2", "seed")]
    assert len({recipes[0].fingerprint, *changed}) == 4


def test_an_earlier_versions_run_keeps_its_test_images_when_opened_evaluated_and_resumed(small, tmp_path):
    recipe = change(small, ["seed=3", "data.split_seed=seed"])
    run = train(recipe, tmp_path / "run")
    before = fingerprints(open_run(run.path).data)
    assert before != fingerprints(build.data(change(small, ["seed=3"])))
    as_an_earlier_version_wrote_it(run.path)
    assert "split_seed" not in run.recipe_path.read_text()
    opened = open_run(run.path)
    assert fingerprints(opened.data) == before
    assert evaluate_run(opened)["settings"]["recipe"] == run.provenance()["recipe"]
    for steps in (5, 7):  # the very command that began it, twice: the first writes the recipe anew
        train(change(small, ["seed=3", f"training.steps={steps}"]), run.path, resume=True)
        assert fingerprints(open_run(run.path).data) == before
    train(load(run.recipe_path), run.path, resume=True)
    assert Run(run.path).checkpoint_steps()[-1] == 7


def test_an_earlier_versions_sweep_goes_on_with_its_lanes_own_test_images(small, tmp_path):
    out, seeds = tmp_path / "sweep", [1, 2]
    laid = prepare_sweep(change(small, ["data.split_seed=seed"]), [], seeds, out)
    for lane in laid.lanes:
        train(lane.recipe, laid.sweep.run(lane.name).path)
    as_an_earlier_version_wrote_it(out)
    for lane in laid.lanes:
        as_an_earlier_version_wrote_it(laid.sweep.run(lane.name).path)
    for again in (find_sweep(out), prepare_sweep(small, [], seeds, out, resume=True)):
        assert [lane.recipe.split_seed for lane in again.lanes] == seeds
        assert [lane.recipe.fingerprint for lane in again.lanes] == [lane.recipe.fingerprint for lane in laid.lanes]
        assert train_lanes(again, workers=1, threads=1) == []
    trained = [open_run(laid.sweep.run(lane.name).path).data for lane in laid.lanes]
    assert fingerprints(trained[0]) != fingerprints(trained[1])


def test_a_recipe_that_a_user_writes_without_the_setting_is_not_taken_for_an_earlier_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(dump(change(find("digits"), ["seed=3"])).replace("split_seed = 0\n", ""))
    assert load(path).split_seed == 0
    assert load(path, kept=True).split_seed == 3
