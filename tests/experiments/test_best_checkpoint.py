"""A set with a validation split keeps the checkpoint that is best on it beside the last ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.records import evaluations, page_of, scores

from kelbo.cli.runs import _entry, _recipe
from kelbo.data.images import SubsetImages
from kelbo.errors import Divergence, Interrupted, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.parts import Parts
from kelbo.experiments.scoring import score_run
from kelbo.recipes import build, change, find, readers
from kelbo.runs import Run
from kelbo.runs.checkpoints import best as best_checkpoint
from kelbo.runs.index import index
from kelbo.sweeps.measured import numbers
from kelbo.sweeps.stacked import train_stacked

TINY = [
    "model.network.width=16",
    "model.latents=3",
    "objective.warmup=0",
    "training.batch_size=32",
    "training.pictures_every=100",
    "training.log_every=3",
    "training.checkpoint_every=2",
]
WORSE = ("optimizer.learning_rate=0.3", "likelihood.kind=shared_gaussian")
"""a rate at which the bound is soon worse than at the beginning, and goes up and down"""


def recipe(*settings):
    return change(find("digits"), [*TINY, *settings])


READ = readers.image_data


def three_splits(spec, split_seed):
    """The digits with 400 of the training images as a validation split."""
    whole = READ(spec, split_seed)
    index = torch.arange(len(whole.train))
    parts = {"train": index[400:], "validation": index[:400]}
    splits = {name: SubsetImages(whole.train, part) for name, part in parts.items()}
    return replace(whole, splits={**splits, "test": whole.test})


def two_splits(spec, split_seed):
    """The same images to train on and to test on."""
    whole = three_splits(spec, split_seed)
    return replace(whole, splits={name: whole.splits[name] for name in ("train", "test")})


@pytest.fixture
def validated(monkeypatch):
    monkeypatch.setattr(readers, "image_data", three_splits)


def elbos(run):
    return {row["step"]: row["validation_elbo"] for row in run.journal.rows() if "validation_elbo" in row}


def best_step(run):
    found = elbos(run)
    return max(found, key=found.get)


@pytest.fixture
def run(validated, tmp_path):
    return train(recipe("training.steps=14", *WORSE), tmp_path / "run")


def test_the_best_checkpoint_outlives_the_later_ones(run):
    assert list(elbos(run)) == [2, 4, 6, 8, 10, 12, 14]
    best = best_step(run)
    assert best < 12
    assert best_checkpoint(run) == (best, -elbos(run)[best], "bound")
    assert run.checkpoint_steps() == [best, 12, 14]
    (listed,) = [_entry(entry, *_recipe(entry)) for entry in index(run.path)]
    assert (listed["checkpoint"], listed["best"]["step"]) == (14, best)


def test_the_validation_numbers_are_those_of_an_evaluation_of_that_checkpoint(run):
    best = open_run(run.path, checkpoint="best")
    record = evaluate_run(best, "validation")
    row = next(row for row in run.journal.rows() if row["step"] == best.step)
    for name in ("elbo", "rate", "distortion"):
        assert record[name]["mean"] == pytest.approx(row[f"validation_{name}"], rel=1e-6)
    assert record["settings"]["step"] == best.step
    assert record["settings"]["checkpoint"] == "best"
    assert evaluations(run).keys() == {"validation-best"}


def test_records_of_both_checkpoints_stand_side_by_side(run):
    for which in ("best", "last"):
        experiment = open_run(run.path, checkpoint=which)
        evaluate_run(experiment)
        score_run(experiment, ["latents"])
    told = {name: record["settings"]["checkpoint"] for name, record in {**evaluations(run), **scores(run)}.items()}
    assert told == {"test": "last", "test-best": "best", "latents-test": "last", "latents-test-best": "best"}
    steps = {name: record["settings"]["step"] for name, record in evaluations(run).items()}
    assert steps == {"test": 14, "test-best": best_step(run)}
    elbos_of_test = [number for number in numbers(run) if number.quantity == "elbo" and "test" in number.source]
    assert [number.conditions["checkpoint"] for number in elbos_of_test] == ["last", "best"]
    assert elbos_of_test[0].value != elbos_of_test[1].value


@pytest.mark.usefixtures("unrendered")
def test_a_page_is_of_the_checkpoint_that_was_asked_for(run):
    page = page_of(open_run(run.path, checkpoint="best")).read_text()
    assert f"for {best_step(run)} of 14 steps" in page
    assert "best on validation images" in page
    assert "best on validation images" not in page_of(open_run(run.path)).read_text()


@pytest.mark.parametrize("settings", [(), ("training.ema=0.9",), ("model.kind=autoencoder",)])
def test_a_resumed_run_has_the_best_checkpoint_of_one_that_never_stopped(validated, tmp_path, settings):
    asked = recipe("training.steps=14", *WORSE, *settings)

    def stop(state, *_):
        if state.step == 9:
            raise KeyboardInterrupt

    whole = train(asked, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(asked, tmp_path / "stopped", hooks=[stop])
    resumed = train(asked, tmp_path / "stopped", resume=True)
    assert best_checkpoint(resumed) == best_checkpoint(whole) is not None
    assert resumed.checkpoint_steps() == whole.checkpoint_steps()
    for step in whole.checkpoint_steps():
        for file in ("weights", "training"):
            first, second = (load_file(run.checkpoint(step) / f"{file}.safetensors") for run in (whole, resumed))
            assert first.keys() == second.keys()
            assert all(torch.equal(first[name], second[name]) for name in first)
    first, second = ([{**row, "images_per_second": 0} for row in run.journal.rows()] for run in (whole, resumed))
    assert first == second


def test_a_checkpoint_that_a_signal_asks_for_is_never_the_best(validated, tmp_path):
    """So a run that was stopped has the best one of a run that was not."""

    def stop(state, *_):
        if state.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    asked = recipe("training.steps=4")
    with pytest.raises(Interrupted):
        train(asked, tmp_path / "run", hooks=[stop])
    assert best_checkpoint(Run(tmp_path / "run")).step == 2
    run = train(asked, tmp_path / "run", resume=True)
    assert list(elbos(run)) == [2, 4]
    assert elbos(run) == elbos(train(asked, tmp_path / "whole"))


def test_training_does_not_notice_that_it_is_validated(tmp_path, monkeypatch):
    settings = ("training.steps=6", "training.ema=0.9")
    monkeypatch.setattr(readers, "image_data", three_splits)
    validated = train(recipe(*settings), tmp_path / "validated")
    monkeypatch.setattr(readers, "image_data", two_splits)
    alone = train(recipe(*settings), tmp_path / "alone")
    assert best_checkpoint(alone) is None
    assert "best" not in json.loads((alone.checkpoint(6) / "state.json").read_text())
    for file in ("weights", "ema", "training", "generators-0"):
        first, second = (load_file(run.checkpoint(6) / f"{file}.safetensors") for run in (validated, alone))
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_without_validation_images_has_no_best_checkpoint_and_says_so(tmp_path):
    run = train(recipe("training.steps=2"), tmp_path / "run")
    assert not any(name.startswith("validation") for row in run.journal.rows() for name in row)
    with pytest.raises(RunError, match="validation split"):
        open_run(run.path, checkpoint="best")


def test_a_plain_autoencoder_is_judged_by_its_distortion(validated, tmp_path):
    run = train(recipe("training.steps=6", "model.kind=autoencoder"), tmp_path / "run")
    rows = [row for row in run.journal.rows() if "validation_distortion" in row]
    assert "validation_elbo" not in rows[0]
    least = min(rows, key=lambda row: row["validation_distortion"])
    assert best_checkpoint(run) == (least["step"], least["validation_distortion"], "bound")


@pytest.mark.parametrize("kind", ["shared_gaussian", "optimal_gaussian", "per_image_gaussian"])
@pytest.mark.parametrize("average", [(), ("training.ema=0.9",)])
def test_the_weights_and_the_sigma_that_are_judged_are_those_that_evaluation_uses(validated, tmp_path, average, kind):
    run = train(recipe("training.steps=6", *average, f"likelihood.kind={kind}"), tmp_path / "run")
    record = evaluate_run(open_run(run.path), "validation")
    assert record["settings"]["weights"] == ("moving average" if average else "last step")
    assert record["elbo"]["mean"] == pytest.approx(elbos(run)[6], rel=1e-6)


def test_stacked_lanes_keep_their_own_best_checkpoints(validated, tmp_path):
    recipes = [recipe("training.steps=14", *WORSE, f"seed={seed}") for seed in (0, 1)]
    folders = [tmp_path / "a", tmp_path / "b"]
    assert [outcome.error for outcome in train_stacked(recipes, folders)] == [None, None]
    for folder in folders:
        run = Run(folder)
        best = best_step(run)
        assert best_checkpoint(run) == (best, -elbos(run)[best], "bound")
        assert run.checkpoint_steps() == sorted({best, 12, 14})


def test_a_best_checkpoint_that_was_taken_away_is_missed_by_nobody_that_trains_on(run):
    best = best_step(run)
    shutil.rmtree(run.checkpoint(best))
    with pytest.raises(RunError, match="best checkpoint"):
        open_run(run.path, checkpoint="best")
    longer = train(recipe("training.steps=16", *WORSE), run.path, resume=True)
    assert best_checkpoint(longer).step == 16


def breaking(make, value):
    """Makes optimisers whose second step leaves a weight of this value."""

    def optimizers(*arguments):
        made, steps = make(*arguments)["model"], []

        def spoil(*_):
            steps.append(1)
            if len(steps) == 2:
                with torch.no_grad():
                    made.param_groups[0]["params"][0].fill_(value)

        made.register_step_post_hook(spoil)
        return {"model": made}

    return optimizers


@pytest.mark.parametrize("kind", ["optimal_gaussian", "shared_gaussian", "bernoulli"])
@pytest.mark.parametrize(("value", "saved"), [(torch.nan, [1]), (1e30, [1, 2])])
def test_a_run_that_breaks_at_a_validated_step_diverges_as_any_other(validated, tmp_path, kind, value, saved):
    asked = recipe("training.steps=4", "training.checkpoint_every=1", f"likelihood.kind={kind}")
    parts = Parts(optimizers=breaking(build.optimizers, value))
    with pytest.raises(Divergence):
        train(asked, tmp_path / "run", parts=parts)
    run = Run(tmp_path / "run")
    assert run.checkpoint_steps() == saved
    assert best_checkpoint(run).step == 1


@pytest.mark.slow
def test_two_processes_judge_a_checkpoint_by_the_numbers_of_one(tmp_path):
    pixels = READ(find("digits").data).train.spread(900)[:, 0].numpy() * 15
    for split, part in (("train", pixels[:400]), ("val", pixels[400:800]), ("test", pixels[800:])):
        (tmp_path / "pictures" / split).mkdir(parents=True)
        for number, picture in enumerate(part):
            Image.fromarray(picture).save(tmp_path / "pictures" / split / f"{number:03d}.png")
    settings = [
        "data.size=16",
        "data.mode=grey",
        "model.network.kind=higgins",
        *TINY,
        "training.ema=0.9",
        "likelihood.kind=optimal_gaussian",
    ]
    command = ["train", "folder-sigma", "--data-root", tmp_path / "pictures", "--out", tmp_path / "run", "--steps", "6"]
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    processes = ["--accelerator", "cpu", "--devices", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KELBO_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "kelbo", *map(str, command), *processes, *chosen],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path / "run")
    record = evaluate_run(open_run(run.path, checkpoint="best"), "validation")
    assert record["settings"]["images"] == 400
    assert record["elbo"]["mean"] == pytest.approx(-best_checkpoint(run).cost, rel=1e-6)


@pytest.mark.parametrize("ema", ["none", "0.9"])
def test_a_solved_sigma_never_lags_behind_the_weights_that_are_judged_nor_behind_the_best_ones(
    validated, tmp_path, ema
):
    settings = ["likelihood.kind=optimal_gaussian", f"training.ema={ema}", "optimizer.learning_rate=0.03"]
    run = train(recipe("training.steps=14", "training.log_every=2", *settings), tmp_path / "run")
    best, last = best_checkpoint(run).step, run.checkpoint_steps()[-1]
    weights = ["last step"] + (["moving average"] if ema != "none" else [])
    for step in {best, last}:  # so that neither needs its data for noise
        assert [name for name in run.sigma(step) if name != "of"] == weights
    experiment = open_run(run.path, checkpoint="best")
    assert experiment.sigma.variance == run.sigma(best)[weights[-1]]["variance"]
    record = evaluate_run(experiment, "validation")
    assert record["elbo"]["mean"] == pytest.approx(elbos(run)[best], rel=1e-5)
