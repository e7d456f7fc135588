"""What is told of a run that trains on is of one checkpoint, whatever is written and removed meanwhile."""

import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import torch
from safetensors.torch import load_file
from tests.records import evaluations, page_of

from kelbo.cli.main import main
from kelbo.errors import Damaged, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, find
from kelbo.runs import Run, Sweep
from kelbo.runs.index import index
from kelbo.studies import measuring
from kelbo.studies.measures import bound
from kelbo.sweeps import frame as tidy
from kelbo.sweeps.definition import prepare_sweep
from kelbo.training import every, opened

SETTINGS = ["model.network.width=16", "model.latents=3", "training.batch_size=32", "training.log_every=1"]
EVERY = ["training.checkpoint_every=2", "training.pictures_every=2", "objective.warmup=100", "objective.beta=100"]


def recipe(steps, *settings):
    return change(find("digits"), [*SETTINGS, *EVERY, f"training.steps={steps}", *settings])


@pytest.fixture
def run(tmp_path):
    return train(recipe(4), tmp_path / "run")


def go_on(run, steps):
    """The run's later steps remove the checkpoints that it had."""
    train(recipe(steps), run.path, resume=True)
    return run.checkpoint_steps()


def is_of(experiment, run, step):
    """Whether weights, σ and memory are those of the checkpoint of `step`, which is there still."""
    weights = load_file(run.checkpoint(step) / "weights.safetensors")
    same = all(torch.equal(value, weights[name]) for name, value in experiment.model.named_parameters())
    own = experiment.sigma._asdict() == run.sigma(step)["last step"]
    return same and own and experiment.step == step and int(experiment.checkpoint.memory["step"]) == step - 1


def test_an_evaluation_weighs_the_rate_as_its_own_checkpoint_did(run):
    experiment = open_run(run.path)
    assert go_on(run, 10) == [8, 10]
    record = evaluate_run(experiment)
    assert record["settings"]["step"] == 4
    decoder = record["decoder"]
    assert decoder["equivalent_beta"] == pytest.approx(3 * decoder["sigma"] ** 2, rel=1e-5)


@pytest.mark.parametrize("file", ["state.json", "training.safetensors", "weights.safetensors"])
def test_a_checkpoint_that_is_removed_while_it_is_read_is_read_anew_from_the_newest(run, monkeypatch, file):
    readers = {"state.json": "header_of", "training.safetensors": "read_tensors", "weights.safetensors": "_digest"}
    read, moved = getattr(opened, readers[file]), []

    def read_late(*arguments):
        if not moved:
            moved.append([])
            moved[0] = go_on(run, 10)
        return read(*arguments)

    monkeypatch.setattr(opened, readers[file], read_late)
    experiment = open_run(run.path)
    assert moved == [[8, 10]]
    assert is_of(experiment, run, 10)


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_read_anew(run, monkeypatch):
    read, begun = opened.read_tensors, []

    def replaced(*arguments):
        if not begun:
            begun.append(True)
            place = run.checkpoint(4)
            place.rename(run.path / "old")
            place.mkdir()
            for file in (run.path / "old").iterdir():
                (place / file.name).write_bytes(file.read_bytes())
        else:
            begun.append(True)
        return read(*arguments)

    monkeypatch.setattr(opened, "read_tensors", replaced)
    assert is_of(open_run(run.path), run, 4)
    assert len(begun) == 4  # both files twice


def test_a_damaged_newest_checkpoint_is_told_and_not_passed_over(run):
    (run.checkpoint(4) / "training.safetensors").write_bytes(b"torn")
    with pytest.raises(Damaged, match="training.safetensors"):
        open_run(run.path)


def stop(*_):
    raise KeyboardInterrupt


def test_a_run_without_a_checkpoint_yet_says_so(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(recipe(4), tmp_path / "run", hooks=[stop])
    with pytest.raises(RunError, match="no checkpoint"):
        open_run(tmp_path / "run")


@pytest.mark.usefixtures("unrendered")
def test_a_page_shows_one_checkpoint_with_the_rows_and_pictures_up_to_it(run):
    experiment = open_run(run.path)
    go_on(run, 10)
    evaluate_run(open_run(run.path))  # a newer record lies there by now
    page = page_of(experiment).read_text()
    assert "for 4 of 10 steps" in page or "for 4 steps" in page
    assert "readings up to step 4" in page
    assert "readings up to step 10" not in page
    assert evaluations(run)["test"]["settings"]["step"] == 10  # nor did the page's own replace it
    assert [row["step"] for row in experiment.rows()] == [1, 2, 3, 4]


@pytest.mark.usefixtures("unrendered")
def test_a_record_of_the_other_weights_of_a_checkpoint_is_not_shown_for_these(tmp_path):
    run = train(recipe(4, "training.ema=0.9"), tmp_path / "run")
    evaluate_run(open_run(run.path, average=False))
    page_of(open_run(run.path))
    assert evaluations(run)["test"]["settings"]["weights"] == "moving average"


def test_a_studys_numbers_are_kept_under_the_weights_that_they_are_of(run, monkeypatch):
    wanted = bound("bound", "test", len(open_run(run.path).data.test))
    open_later = measuring.open_run

    def trained_on(*arguments, **how):
        go_on(run, 10)
        return open_later(*arguments, **how)

    monkeypatch.setattr(measuring, "open_run", trained_on)
    measuring.measure_lane(run.path, [wanted], None, tell=lambda _: None)
    assert measuring.kept(run, [wanted])["bound"].weights == opened.digest(run)


def test_a_lane_that_ends_while_a_table_is_made_counts_as_it_was_when_its_numbers_were_read(tmp_path, monkeypatch):
    laid = prepare_sweep(recipe(4), ["objective.beta=1,2"], [0], tmp_path / "sweep")
    for lane in laid.lanes:
        with pytest.raises(KeyboardInterrupt):
            train(lane.recipe, laid.sweep.run(lane.name).path, hooks=[every(3, stop)])
    numbers = tidy._numbers_of

    def ended(run):
        found = numbers(run)
        laid.sweep.save_status(run.path.name, {"state": "done", "error": None})
        return found

    monkeypatch.setattr(tidy, "_numbers_of", ended)
    assert {row.state for row in tidy.rows(Sweep.open(tmp_path / "sweep"))} == {"unfinished"}
    monkeypatch.undo()
    assert {row.state for row in tidy.rows(Sweep.open(tmp_path / "sweep"))} == {"done"}


@contextmanager
def in_training(tmp_path):
    """A run that another thread trains, with a checkpoint after every step, and that thread."""
    endless, done = recipe(100_000, "training.checkpoint_every=1", "model.latents=2"), threading.Event()

    def go_on_until_done(*_):
        if done.wait(0.002):
            raise KeyboardInterrupt

    def train_on():
        with suppress(KeyboardInterrupt):
            train(endless, tmp_path / "run", hooks=[go_on_until_done])

    thread = threading.Thread(target=train_on)
    thread.start()
    try:
        run = Run(tmp_path / "run")
        while not run.checkpoint_steps():
            assert thread.is_alive()
            time.sleep(0.01)
        yield run, thread
    finally:
        done.set()
        thread.join()


@pytest.mark.usefixtures("unrendered")
def test_every_reader_works_on_a_run_that_is_being_trained(tmp_path, monkeypatch):
    with in_training(tmp_path) as (run, training):
        experiments = [open_run(run.path) for _ in range(2)]
        for experiment in experiments:
            assert int(experiment.checkpoint.memory["step"]) == experiment.step - 1
        assert [entry.run.path for entry in index(tmp_path)] == [run.path]
        for verb in (["report"], ["evaluate"], ["sample"], ["encode", "--out", tmp_path / "codes.npz"]):
            monkeypatch.setattr(sys, "argv", ["kelbo", verb[0], str(run.path), *map(str, verb[1:])])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
        experiments.append(open_run(run.path))
        assert training.is_alive()
    steps = [experiment.step for experiment in experiments]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]
