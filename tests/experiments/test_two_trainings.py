"""Two trainings of one run: the second is told who has it, and changes nothing."""

import os
import subprocess
import sys

import pytest

from kelbo.errors import DataMissing, Locked, NotSaved
from kelbo.experiments import open_run, train
from kelbo.experiments.fitted_priors import fit_prior
from kelbo.experiments.prior_files import held_to_fit
from kelbo.recipes import change, find
from kelbo.runs import Run
from kelbo.sweeps.stacked import train_stacked

SMALL = ["model.network.width=16", "model.latents=3", "training.batch_size=32", "training.pictures_every=100"]


def recipe(steps=4, *settings):
    return change(find("digits"), [*SMALL, f"training.steps={steps}", *settings])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("resume", [False, True])
def test_the_second_training_names_the_first_and_writes_nothing(tmp_path, resume):
    run = train(recipe(), tmp_path / "run")
    with run.held():
        before = contents(run.path)
        with pytest.raises(Locked, match=f"is being trained by process {os.getpid()} on "):
            train(recipe(8), run.path, resume=resume)
        assert contents(run.path) == before


def test_a_run_that_has_only_begun_to_read_its_images_is_taken_too(tmp_path):
    def second(_):
        with pytest.raises(Locked):
            train(recipe(), tmp_path / "run")

    assert train(recipe(), tmp_path / "run", inspect=second).checkpoint_steps() == [4]


def test_a_training_that_could_not_begin_leaves_no_folder(tmp_path):
    out = tmp_path / "runs" / "run"
    with pytest.raises(DataMissing):
        train(change(find("mnist-sigma"), [f"data.root={tmp_path / 'nowhere'}"]), out)
    assert not out.parent.exists()


def test_what_a_killed_training_left_before_it_began_counts_as_nothing(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    assert train(recipe(), tmp_path / "run").checkpoint_steps() == [4]


def test_one_process_trains_a_run_and_resumes_it_also_after_an_error(tmp_path):
    def fail(*_):
        raise ZeroDivisionError

    run = train(recipe(), tmp_path / "run")
    with pytest.raises(ZeroDivisionError):
        train(recipe(8), run.path, resume=True, hooks=[fail])
    for steps in (8, 12):
        train(recipe(steps), run.path, resume=True)
    assert run.checkpoint_steps()[-1] == 12


def test_a_run_in_training_can_be_opened(tmp_path):
    run = train(recipe(), tmp_path / "run")
    with run.held():
        assert open_run(run.path).step == 4


def test_a_stacked_lane_that_another_process_trains_fails_alone(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    with Run(folders[0]).held():
        outcomes = train_stacked([recipe(4, f"seed={seed}") for seed in (1, 2)], folders)
    assert [outcome.kind for outcome in outcomes] == ["Locked", None]


def test_a_prior_that_is_being_fitted_is_not_fitted_twice_at_once(tmp_path):
    run = train(recipe(), tmp_path / "run")
    with held_to_fit(run, "two"), pytest.raises(Locked):
        fit_prior(open_run(run.path), "mixture", name="two", components=2)
    assert not run.prior("two").parent.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    run = train(recipe(), tmp_path / "run")
    (run.path / ".lock").unlink()
    (run.path / ".lock").mkdir()  # which no file can be made in place of, not even by root
    with pytest.raises(NotSaved, match=str(run.path)):
        train(recipe(8), run.path, resume=True)


@pytest.mark.slow
def test_the_second_command_is_refused_and_after_a_kill_of_the_first_trains_at_once(tmp_path):
    out = tmp_path / "run"
    train = [sys.executable, "-m", "kelbo", "train", "digits", "--out", str(out), "--steps", "100000"]
    first, resume = subprocess.Popen(train, stdout=subprocess.PIPE, text=True), [*train, "--resume"]
    until_it_trains(first)
    refused = subprocess.run(resume, capture_output=True, text=True)
    assert (refused.returncode, f"process {first.pid} on" in refused.stderr) == (1, True)
    first.kill()
    first.communicate()
    second = subprocess.Popen(resume, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until_it_trains(second)
    second.terminate()
    assert "Stopped by SIGTERM" in second.communicate()[1]


def until_it_trains(process):
    assert any(line.startswith("step ") for line in process.stdout)
