"""Sweeps in their folders: laid, trained, killed, gone on with."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kelbo.errors import Damaged, Locked, RunError, SweepFailed
from kelbo.experiments import train
from kelbo.recipes import change
from kelbo.runs import Sweep
from kelbo.sweeps.definition import find_sweep, prepare_sweep, require_all_done, train_lanes
from kelbo.sweeps.stacked import work_off_stacked

BETAS = ["objective.beta=0.5,4"]


def weights(path: Path, step: int) -> bytes:
    return (path / "checkpoints" / f"{step:08d}" / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from kelbo.recipes import find

    settings = ["model.network.width=16", "model.latents=3", "training.steps=12", "training.batch_size=32"]
    every = ["training.log_every=4", "training.checkpoint_every=4", "training.pictures_every=100"]
    recipe = change(find("digits"), [*settings, *every])
    laid = prepare_sweep(recipe, BETAS, [1], tmp_path_factory.mktemp("sweeps") / "s")
    train_lanes(laid, workers=1, threads=1)
    return laid


def test_each_lane_is_the_run_that_its_recipe_alone_would_be(trained, tmp_path):
    for lane in trained.lanes:
        alone = train(lane.recipe, tmp_path / lane.name)
        assert weights(trained.sweep.run(lane.name).path, 12) == weights(alone.path, 12)
        assert trained.sweep.status(lane.name) == {"state": "done", "error": None}


def test_finished_lanes_are_not_touched(trained):
    lanes = trained.sweep.path / "lanes"
    before = {path: path.stat().st_mtime_ns for path in lanes.rglob("*") if path.is_file()}
    again = prepare_sweep(trained.lanes[0].recipe, BETAS, [1], trained.sweep.path, resume=True)
    assert train_lanes(again, workers=1) == []
    assert {path: path.stat().st_mtime_ns for path in lanes.rglob("*") if path.is_file()} == before


def test_a_sweep_is_found_again_as_it_was_laid(trained):
    assert find_sweep(trained.sweep.path).lanes == trained.lanes


def test_a_sweep_never_overwrites_anything_and_resumes_its_own_lanes_only(trained, small):
    with pytest.raises(RunError, match="exists already"):
        prepare_sweep(small, BETAS, [1], trained.sweep.path)
    with pytest.raises(RunError, match=r"objective.beta=0.5,4\b; seeds 1\b \(2\b.*seeds 1, 2\b"):
        prepare_sweep(small, BETAS, [1, 2], trained.sweep.path, resume=True)
    with pytest.raises(RunError, match="no sweep"):
        find_sweep(trained.sweep.path / "lanes")


def test_two_commands_cannot_run_one_sweep_at_a_time(trained):
    with (
        trained.sweep.held(),
        pytest.raises(Locked, match=f"is being run by process {os.getpid()} on "),
        Sweep(trained.sweep.path).held(),
    ):
        pass


def test_a_diverged_lane_is_told_and_the_others_finish(small, tmp_path):
    laid = prepare_sweep(small, ["optimizer.learning_rate=1e30,1e-3"], [], tmp_path / "s")
    train_lanes(laid, work=work_off_stacked)
    states = [laid.sweep.status(lane.name) for lane in laid.lanes]
    assert [state["state"] for state in states] == ["diverged", "done"]
    with pytest.raises(
        SweepFailed,
        match=r"1\b of 2\b.*learning_rate=1e30,seed=0.*diverge again",
    ):
        require_all_done(laid)


def test_a_diverged_lane_is_left_alone_unless_it_is_asked_for(small, tmp_path):
    laid = prepare_sweep(small, ["optimizer.learning_rate=1e30,1e-3"], [], tmp_path / "s")
    diverged, whole = laid.lanes
    laid.sweep.save_status(diverged.name, {"state": "diverged", "error": "At step 3 the loss was nan."})
    assert (laid.unfinished(), laid.diverged(), laid.to_train()) == ([diverged, whole], [diverged], [whole])
    assert [outcome.name for outcome in train_lanes(laid, work=work_off_stacked)] == [whole.name]
    assert not laid.sweep.run(diverged.name).path.exists()
    assert train_lanes(laid, work=work_off_stacked) == []
    with pytest.raises(SweepFailed, match="diverge again") as caught:
        require_all_done(laid)
    assert caught.value.remedy == ("resume", "retry_diverged")
    (outcome,) = train_lanes(laid, work=work_off_stacked, retry_diverged=True)
    assert (outcome.name, outcome.kind) == (diverged.name, "Divergence")
    assert laid.sweep.status(diverged.name)["error"] == outcome.error


def test_a_lane_that_diverged_once_and_is_finished_since_is_done(small, tmp_path):
    laid = prepare_sweep(small, [], [1], tmp_path / "s")
    (lane,) = laid.lanes
    laid.sweep.save_status(lane.name, {"state": "diverged", "error": "At step 3 the loss was nan."})
    train_lanes(laid, work=work_off_stacked, retry_diverged=True)
    assert (laid.unfinished(), laid.diverged(), laid.sweep.status(lane.name)["state"]) == ([], [], "done")


def test_what_is_to_be_done_about_lanes_is_told_by_how_they_ended(small, tmp_path):
    laid = prepare_sweep(small, BETAS, [1], tmp_path / "s")
    first, second = (lane.name for lane in laid.lanes)
    laid.sweep.save_status(first, {"state": "failed", "error": "seven is not six", "remedy": ["data_root"]})
    again = f"Resuming the sweep in {laid.sweep.path}"
    with pytest.raises(SweepFailed, match=rf"\[{second}: not begun\] {again}") as caught:
        require_all_done(laid)
    assert caught.value.remedy == ("data_root", "resume")
    laid.sweep.save_status(second, {"state": "diverged", "error": "At step 3 the loss was nan."})
    with pytest.raises(SweepFailed, match=again) as caught:
        require_all_done(laid)
    assert caught.value.remedy == ("data_root", "resume", "retry_diverged")


def test_how_a_lane_ended_is_told_where_it_cannot_be_kept(small, tmp_path):
    laid = prepare_sweep(small, ["optimizer.learning_rate=1e30,1e-3"], [], tmp_path / "s")
    (laid.sweep.path / "states").write_text("no folder")
    outcomes = train_lanes(laid, work=work_off_stacked)
    assert [outcome.kind for outcome in outcomes] == ["Divergence", None]
    with pytest.raises(SweepFailed, match=r"1\b of 2\b.*learning_rate=1e30,seed=0"):
        require_all_done(laid, outcomes)


def test_lanes_of_another_recipe_are_told_apart(trained):
    other = change(trained.lanes[0].recipe, ["objective.beta=1", "training.steps=24"])
    with pytest.raises(RunError, match=r"training.steps: 12\b → 24\b"):
        prepare_sweep(other, BETAS, [1], trained.sweep.path, resume=True)


def test_a_sweep_that_is_being_run_is_not_laid_anew(small, tmp_path):
    laid = prepare_sweep(small, BETAS, [1], tmp_path / "s")
    with laid.sweep.held(), pytest.raises(Locked):
        prepare_sweep(small, BETAS, [2], tmp_path / "s")
    assert find_sweep(tmp_path / "s").lanes == laid.lanes
    prepare_sweep(small, BETAS, [2], tmp_path / "s")  # none of its lanes has begun, so it is none yet
    with pytest.raises(RunError, match="another sweep"):
        train_lanes(laid)
    assert not (tmp_path / "s" / "lanes").exists()


def test_a_lane_that_was_given_more_steps_since_is_finished(small, tmp_path):
    laid = prepare_sweep(small, [], [1], tmp_path / "s")
    (lane,) = laid.lanes
    train(change(lane.recipe, ["training.steps=24", "training.checkpoint_every=4"]), laid.sweep.run(lane.name).path)
    assert 12 not in laid.sweep.run(lane.name).checkpoint_steps()
    assert laid.unfinished() == []


def test_a_definition_that_lacks_something_is_named(small, tmp_path):
    laid = prepare_sweep(small, BETAS, [1], tmp_path / "s")
    laid.sweep.definition_path.write_text('{"format": 1, "over": []}')
    with pytest.raises(Damaged, match=r"sweep.json"):
        find_sweep(tmp_path / "s")


SWEEP = """
import sys
from pathlib import Path
from kelbo.recipes.files import load
from kelbo.sweeps.definition import prepare_sweep, train_lanes, require_all_done
if __name__ == "__main__":
    laid = prepare_sweep(load(Path(sys.argv[1])), ["objective.beta=0.5,4"], [1, 2], Path(sys.argv[2]), resume=True)
    train_lanes(laid, workers=2, threads=1)
    require_all_done(laid)
"""


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_ends_with_the_weights_of_an_uninterrupted_one(small, tmp_path):
    from kelbo.recipes.files import dump

    recipe, script = tmp_path / "recipe.toml", tmp_path / "sweep.py"
    recipe.write_text(dump(change(small, ["training.steps=400", "training.checkpoint_every=20"])))
    script.write_text(SWEEP)

    def command(out):
        return [sys.executable, str(script), str(recipe), str(out)]

    begun = time.perf_counter()
    subprocess.run(command(tmp_path / "whole"), check=True)
    whole, kills = time.perf_counter() - begun, 0
    chance = random.Random(5)
    while True:
        process = subprocess.Popen(command(tmp_path / "killed"), stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(timeout=chance.uniform(0.5, 0.8) * whole if kills < 3 else 120)
            break
        except subprocess.TimeoutExpired:
            if kills % 2:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()  # its workers must follow it by themselves
            process.wait()
            kills += 1
    assert process.returncode == 0
    assert kills >= 2  # by each of the two ways; a busy machine's first run is slow, and the others end before a third
    for lane in Sweep.open(tmp_path / "whole").lanes:
        assert weights(tmp_path / "killed" / "lanes" / lane, 400) == weights(tmp_path / "whole" / "lanes" / lane, 400)
