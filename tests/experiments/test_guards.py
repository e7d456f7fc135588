"""What a run refuses to go on with, and what follows it when it moves."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kelbo.data.image_set import describe_splits
from kelbo.errors import Damaged, RecipeError, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, dump, find, load, parse

SMALL = [
    "training.steps=4",
    "training.batch_size=16",
    "model.kind=vae",
    "model.latents=2",
    "model.network.kind=higgins",
]


def stripes(count):
    return np.random.default_rng(0).integers(0, 256, size=(count, 12, 12), dtype=np.uint8)


def array_recipe(path, *settings):
    table = find("frey").model_dump(mode="json") | {"data": {"kind": "array", "root": str(path)}}
    return change(parse(table), [*SMALL, "model.network.width=8", *settings])


@pytest.fixture
def run(tmp_path):
    np.save(tmp_path / "a.npy", stripes(60))
    return train(array_recipe(tmp_path / "a.npy"), tmp_path / "run")


def test_changed_images_are_refused_since_test_images_may_have_been_trained_on(run, tmp_path):
    np.save(tmp_path / "a.npy", stripes(61))
    with pytest.raises(RunError, match=r"was 54\b.*now 55\b"):
        open_run(run.path)
    with pytest.raises(RunError, match="have changed"):
        train(array_recipe(tmp_path / "a.npy", "training.steps=6"), run.path, resume=True)


def test_moved_images_are_found_where_the_user_says(run, tmp_path):
    shutil.move(tmp_path / "a.npy", tmp_path / "it's moved.npy")
    moved = open_run(run.path, data_root=tmp_path / "it's moved.npy")
    assert evaluate_run(moved)["settings"]["images"] == 6
    resumed = train(array_recipe(tmp_path / "it's moved.npy", "training.steps=6"), run.path, resume=True)
    assert resumed.checkpoint_steps()[-1] == 6


def test_steps_cannot_be_raised_under_a_schedule_laid_out_over_them(tmp_path):
    recipe = change(find("digits"), ["training.steps=2", "schedule.kind=drop", "model.network.width=8"])
    train(recipe, tmp_path / "run")
    with pytest.raises(RunError, match=r"training.steps: 2\b → 4\b"):
        train(change(recipe, ["training.steps=4"]), tmp_path / "run", resume=True)


def test_another_number_of_processes_is_refused_with_both_numbers(run, tmp_path):
    state = run.checkpoint(4) / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"processes": 2}))
    with pytest.raises(RunError, match=r"by 2\b.*now 1\b"):
        train(array_recipe(tmp_path / "a.npy", "training.steps=6"), run.path, resume=True)


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_header_is_named(run, content):
    (run.checkpoint(4) / "state.json").write_text(content)
    with pytest.raises(Damaged, match=r"00000004"):
        open_run(run.path)


def test_a_recipe_edited_after_training_is_told_from_the_weights(run):
    text = run.recipe_path.read_text()
    run.recipe_path.write_text(text.replace("width = 8", "width = 9"))
    with pytest.raises(Damaged, match="other weights"):
        open_run(run.path)


def test_a_device_that_is_not_there_is_named(run):
    with pytest.raises(RecipeError, match="'nonsense'"):
        open_run(run.path, device="nonsense")


def test_averaged_weights_are_scored_with_the_sigma_of_their_own_errors(tmp_path):
    settings = ["training.steps=60", "training.ema=0.99", "model.network.width=32", "optimizer.learning_rate=3e-3"]
    run = train(change(find("digits"), settings), tmp_path / "run")
    averaged, last = open_run(run.path), open_run(run.path, average=False)
    records = [evaluate_run(experiment, "train") for experiment in (averaged, last)]
    assert [record["settings"]["weights"] for record in records] == ["moving average", "last step"]
    assert records[0]["decoder"]["sigma"] == pytest.approx(records[0]["decoder"]["rmse"], rel=0.1)
    assert float(averaged.model.likelihood.running_variance) != float(last.model.likelihood.running_variance)


def test_the_weight_of_the_rate_needs_no_journal(tmp_path):
    run = train(
        change(find("digits"), ["training.steps=2", "objective.warmup=0", "objective.beta=4"]), tmp_path / "run"
    )
    run.journal.path.unlink()
    decoder = evaluate_run(open_run(run.path))["decoder"]
    assert decoder["equivalent_beta"] == pytest.approx(4 * decoder["sigma"] ** 2, rel=1e-4)


def test_an_autoencoder_writes_no_rate_and_no_bound_anywhere(tmp_path):
    run = train(change(find("digits"), ["training.steps=2", "model.kind=autoencoder"]), tmp_path / "run")
    row = run.journal.rows()[-1]
    assert row["elbo"] is row["rate"] is None
    assert "equivalent_beta" not in row


def test_a_setting_that_is_none_survives_the_runs_own_recipe(tmp_path):
    recipe = change(find("folder-sigma"), ["data.size=none", "training.clip=none"])
    (tmp_path / "r.toml").write_text(dump(recipe))
    assert load(tmp_path / "r.toml").data.size is None
    assert load(tmp_path / "r.toml") == recipe


@pytest.mark.parametrize("setting", ["kind=digits", "training.kind=foo"])
def test_a_kind_where_there_is_none_is_no_setting(setting):
    with pytest.raises(RecipeError, match="no setting"):
        change(find("digits"), [setting])


@pytest.mark.parametrize("setting", ["objective.beta=inf", "optimizer.learning_rate=nan", "optimizer.betas=[2, 3]"])
def test_numbers_that_are_none_are_refused(setting):
    with pytest.raises(RecipeError, match=setting.split("=")[0]):
        change(find("digits"), [setting])


def test_a_provenance_without_images_is_told_as_damaged(tmp_path):
    run = train(change(find("digits"), [*SMALL, "training.steps=1"]), tmp_path / "run")
    (run.path / "provenance.json").write_text("{}")
    with pytest.raises(Damaged, match="its images"):
        open_run(run.path)


def test_a_run_of_pictures_that_were_read_as_one_set_says_how_to_read_them_so_again(tmp_path):
    for number, pixels in enumerate(stripes(20)):
        (tmp_path / "x" / ("train", "val")[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "x" / ("train", "val")[number % 2] / f"{number}.png")
    table = find("frey").model_dump(mode="json") | {
        "data": {"kind": "folder", "root": str(tmp_path / "x"), "size": None}
    }
    run = train(change(parse(table), [*SMALL, "model.network.width=8", "data.splits=ignore"]), tmp_path / "run")
    kept = run.recipe_path.read_text()
    run.recipe_path.write_text(
        kept.replace('splits = "ignore"\n', "")
    )  # as a version that knew no such setting left it
    with pytest.raises(RunError, match=r'write splits = "ignore" below \[data\] in .*recipe\.toml'):
        open_run(run.path)
    run.recipe_path.write_text(kept)
    assert len(open_run(run.path).data.test) == 2


def test_whoever_trains_sees_the_splits_before_anything_is_written_but_the_lock(tmp_path):
    seen = []
    np.savez(tmp_path / "a.npz", train=stripes(30), val=stripes(5), test=stripes(4))
    recipe = array_recipe(tmp_path / "a.npz")
    run = train(
        recipe,
        tmp_path / "run",
        inspect=lambda data: seen.append((describe_splits(data), [path.name for path in (tmp_path / "run").iterdir()])),
    )
    assert seen == [("a: 30 train images (train), 5 validation images (val), 4 test images (test)", [".lock"])]
    told = run.provenance()["data"]["splits"]
    assert {split: (one["images"], one["from"]) for split, one in told.items()} == {
        "train": (30, "train"),
        "validation": (5, "val"),
        "test": (4, "test"),
    }
    assert evaluate_run(open_run(run.path), "validation")["settings"]["images"] == 5
