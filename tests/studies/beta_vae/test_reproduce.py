"""The whole study, tiny: begun, killed, gone on with, refused."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from kelbo.data import mpi3d
from kelbo.errors import Interrupted, NotSaved, RunError
from kelbo.recipes.beta_study import PARTS
from kelbo.runs import Measurement, Run
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies import course
from kelbo.studies.beta_vae import reproduce as module
from kelbo.studies.beta_vae.reproduce import begin, expected, reproduce
from kelbo.studies.beta_vae.results import _distance_curve
from kelbo.studies.beta_vae.training import entries_of
from kelbo.studies.study_features import Features

pytestmark = pytest.mark.slow  # the σ-VAE study holds the course of studies quickly

PROGRAM = Path(__file__).with_name("tiny_study.py")


@pytest.fixture(scope="session")
def tiny():
    spec = importlib.util.spec_from_file_location("tiny_study", PROGRAM)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def study(tiny, tmp_path_factory):
    """A study done once: its folder, and what was heard of it."""
    out, heard = tmp_path_factory.mktemp("studies") / "tiny", []
    reproduce(tiny.plan(), out, workers=1, say=heard.append, estimated=12.0)
    return out, heard


def results(out):
    return json.loads((out / "results.json").read_text())


def test_a_study_leaves_its_runs_its_numbers_and_its_page(study):
    out, _ = study
    found = results(out)
    assert (found["study"], found["format"], found["budget"], found["mode"]) == ("beta-vae", 1, "tiny", "corrected")
    assert found["only"] == ["fig3"]
    assert found["seconds"]["estimated"] == 12.0
    assert min(found["seconds"]["training"], found["seconds"]["measuring"], found["seconds"]["lanes"]) > 0
    assert {left["what"] for left in found["plan"]["left_out"]} == {"dsprites-conv", "3dshapes-conv"}
    assert [(lane["beta"], lane["seed"], lane["state"], lane["error"]) for lane in found["lanes"]] == [
        (0.1, 123, "done", None),
        (4.0, 123, "done", None),
    ]
    for lane in found["lanes"]:
        assert (out / lane["run"] / "recipe.toml").exists()
        assert (lane["role"], lane["set"], lane["steps"]) == ("mpi3d", "arm", 6)
        assert lane["bound"]["images"] == 64
        [score] = lane["scores"]
        assert (score["factors"], score["classifier"], score["pairs"]) == ("all", "logistic", 64)
        assert score["low"] <= score["value"] <= score["high"]
        assert [row["step"] for row in lane["curve"]] == [1, 2, 3, 4, 5, 6]
        assert lane["distances"] is None
        assert lane["distance_curve"] == []
    assert {(b["kind"], b["seed"], b["fitted_on"], len(b["scores"])) for b in found["baselines"]} == {
        ("pca", 123, 150, 1),
        ("ica", 123, 150, 1),
    }
    assert (found["architectures"], found["quirks"], found["identity"]) == ([], [], None)
    assert "β-VAE" in (out / "report.html").read_text()


def test_a_finished_study_is_neither_trained_nor_measured_again(study, tiny, monkeypatch):
    out, _ = study
    before, heard = results(out), []

    def refuse(*_, **__):
        raise AssertionError("nothing is left to do")

    monkeypatch.setattr(module, "train", refuse)
    monkeypatch.setattr(course, "work_off", refuse)
    reproduce(tiny.plan(), out, say=heard.append)
    assert heard == ["2 of 2 lanes are trained already, or diverged"]
    assert {**results(out), "finished": before["finished"]} == before


def test_another_study_in_the_folder_is_refused(study, tiny, tmp_path):
    out, _ = study
    before = (out / "study.json").read_bytes()
    with pytest.raises(RunError, match=r"'corrected'.*'as-published'"):
        reproduce(tiny.plan(mode="as-published"), out)
    assert (out / "study.json").read_bytes() == before
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match=r"thesis\.tex"):
        begin(tiny.plan(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_lanes_on_other_images_are_not_taken_for_the_plans(study, tiny, tmp_path):
    out, _ = study
    before = (out / "results.json").read_bytes()
    (tmp_path / mpi3d.FILES["toy"][0]).touch()  # the official file, which was not there when the lanes were trained
    with pytest.raises(RunError, match=r"mpi3d-conv.*data\.kind.*mpi3d"):
        reproduce(tiny.plan(root=tmp_path), out)
    assert (out / "results.json").read_bytes() == before


def test_of_a_finished_study_nothing_is_expected(study, tiny, monkeypatch):
    out, _ = study
    monkeypatch.setattr(module, "probe", lambda *_: pytest.fail("nothing is left to time"))
    assert expected(tiny.plan(), out, 1).seconds == 0


def test_sweeps_that_were_begun_before_their_study_are_taken_up(study, tiny, tmp_path):
    (tmp_path / "mpi3d-conv").mkdir()
    assert begin(tiny.plan(), tmp_path).record()["budget"] == "tiny"


def test_two_processes_do_not_work_on_one_study(study, tiny):
    out, _ = study
    with Study(out).held(), pytest.raises(RunError, match="another process"):
        reproduce(tiny.plan(), out)


def test_a_full_disk_is_one_message_and_the_old_results_stay(study, tiny, monkeypatch):
    out, _ = study
    before = (out / "results.json").read_bytes()

    def refuse(self, results):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Study, "save_results", refuse)
    with pytest.raises(NotSaved, match="No space"):
        reproduce(tiny.plan(), out)
    assert (out / "results.json").read_bytes() == before


def test_a_diverged_lane_is_told_of_and_not_tried_again(study, tiny, monkeypatch):
    out, _ = study
    plan, heard = tiny.plan(), []
    lane = entries_of(plan, Study(out))[1]
    for step in lane.run.checkpoint_steps():
        lane.run.checkpoint(step).rename(lane.run.path / f"away-{step}")
    lane.sweep.save_status(lane.lane.name, {"state": "diverged", "error": "At step 3 the rate was inf."})
    try:
        reproduce(plan, out, say=heard.append)
    finally:
        for place in lane.run.path.glob("away-*"):
            place.rename(lane.run.checkpoint(int(place.name.removeprefix("away-"))))
        lane.sweep.save_status(lane.lane.name, {"state": "done", "error": None})
    told = results(out)["lanes"][1]
    assert (told["state"], told["error"], told["bound"], told["scores"]) == (
        "diverged",
        "At step 3 the rate was inf.",
        None,
        [],
    )
    assert "mpi3d-conv/beta=4,seed=123 diverged: At step 3 the rate was inf." in heard
    assert "diverged" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_killed_study_goes_on_and_leaves_finished_lanes_alone(tiny, tmp_path):
    out = tmp_path / "study"
    program = subprocess.Popen([sys.executable, str(PROGRAM), str(out)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        while not list(out.glob("mpi3d-conv/states/*.json")):
            assert program.poll() is None, "the study ended before its first lane did"
            time.sleep(0.02)
    finally:
        program.kill()
        program.wait()
    first = entries_of(tiny.plan(), Study(out))[0]
    assert first.state == ("done", None)
    stamp = (first.run.checkpoint(6) / "weights.safetensors").stat().st_mtime_ns
    reproduce(tiny.plan(), out, workers=1)
    assert (first.run.checkpoint(6) / "weights.safetensors").stat().st_mtime_ns == stamp
    found = results(out)
    assert [lane["state"] for lane in found["lanes"]] == ["done", "done"]
    assert all(lane["scores"] for lane in found["lanes"])


@pytest.mark.slow
def test_a_signal_stops_the_study_and_says_how_it_goes_on(tiny, tmp_path):
    out = tmp_path / "study"

    @contextmanager
    def until_it_trains(_jobs):
        def watch(_name, told):
            if "step" in told:
                os.kill(os.getpid(), signal.SIGINT)

        yield watch

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(Interrupted, match="SIGINT.*same command"):
        reproduce(tiny.plan(), out, workers=1, watching=until_it_trains)
    assert Study(out).record()["seconds"]["training"] > 0
    assert not (out / "report.html").exists()
    with Study(out).held():
        pass  # it let go


def test_a_curve_that_was_read_in_another_way_is_not_shown(tmp_path):
    features = Features("inception-2015", "its weights", (3, 32, 32), None, False)
    budget = SimpleNamespace(followed=64, readings=5)
    plan = SimpleNamespace(features={"cifar10": features}, budget=budget, split="test", as_published=False)
    entry = SimpleNamespace(run=Run(tmp_path), plan=SimpleNamespace(part=PARTS["cifar10-conv"]))
    row = {"step": 3, "reconstruction": 2.0, "sample": 4.0}
    network = {"weights": "its weights", "resize": "network"}
    told = {"network": network, "images": 64, "split": "test", "sampled": False}
    others = [{"network": network | {"weights": "others"}}, {"network": network | {"resize": "legacy"}}]
    for other in (*others, {"images": 20}, {"split": "train"}, {"sampled": True}):
        entry.run.measurements.keep(Measurement("distances", told | other, "", {"rows": [row]}))
        assert _distance_curve(plan, entry) == [], other
    entry.run.measurements.keep(Measurement("distances", told, "", {"rows": [row]}))
    assert _distance_curve(plan, entry) == [row]
