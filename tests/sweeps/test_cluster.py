"""The jobs of a sweep on Ray: real workers of a Ray of this machine's own."""

import importlib.util
import os
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from safetensors.torch import load_file

from kelbo.errors import Interrupted, KelboError, RecipeError, RunError
from kelbo.experiments import train
from kelbo.recipes import change
from kelbo.runs import Run
from kelbo.sweeps import cluster, joining
from kelbo.sweeps.cluster import work_off_on_ray
from kelbo.sweeps.engines import LaneOptions, engine_for
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.joining import Demand, joined, require_reachable, require_ready, require_room
from kelbo.sweeps.lane import train_lane

HERE = str(Path(__file__).parent)
"""where Ray's workers import the tests' jobs from"""


@pytest.fixture(scope="module")
def ray():
    """A Ray of two processors on this machine."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        patch.setenv("PYTHONPATH", HERE)
        patch.setattr(joining, "processors", lambda: 2)
        with joined(None) as ray:
            yield ray


def test_outcomes_are_those_of_the_queue(ray, tmp_path, capfd):
    import queue_jobs

    heard, log = [], tmp_path / "logs"
    folders = [tmp_path / name for name in ("killed", "wrong", "diverged")]
    for folder in folders:
        folder.mkdir()
    jobs = [
        Job("three", queue_jobs.square, (3,)),
        Job("killed", queue_jobs.die_at_first, (str(folders[0]),)),
        Job("wrong", queue_jobs.fail_always, (str(folders[1]),)),
        Job("diverged", queue_jobs.diverge, (str(folders[2]),)),
        Job("threads", queue_jobs.threads),
    ]
    watch = lambda name, told: heard.append((name, told))  # noqa: E731
    outcomes = work_off_on_ray(jobs, watch=watch, log=lambda name: log / f"{name}.log", folder=tmp_path)
    found = {outcome.name: outcome for outcome in outcomes}
    assert list(found) == [job.name for job in jobs]
    assert (found["three"].value, found["three"].error, found["three"].attempts) == (9, None, 1)
    assert (found["killed"].value, found["killed"].attempts, found["killed"].error) == ("survived", 2, None)
    assert (found["wrong"].kind, found["wrong"].error) == ("ValueError", "ValueError: seven is not six")
    assert (found["diverged"].kind, found["diverged"].error) == ("Divergence", "At step 3 the loss was nan.")
    assert [len(list(folder.iterdir())) for folder in folders] == [2, 2, 1]
    assert found["threads"].value[1] == 1
    states = {name: [told["state"] for who, told in heard if who == name and "state" in told] for name in found}
    assert states["three"] == ["begun", "done"]
    assert states["killed"][-3:] == ["again", "begun", "done"]
    assert states["wrong"] == ["begun", "again", "begun", "failed"]
    assert states["diverged"] == ["begun", "failed"]
    assert ("three", {"step": 1, "steps": 1}) in heard
    assert (log / "three.log").read_text() == "squaring 3\n"
    assert "seven is not six" in (log / "wrong.log").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"killed", "wrong", "diverged", "logs"}  # no mark is left
    assert capfd.readouterr() == ("", "")  # Ray is heard nowhere


@pytest.mark.slow
def test_a_lane_whose_worker_is_killed_goes_on_from_its_checkpoint_to_the_same_weights(ray, small, tmp_path):
    import ray_jobs

    other = change(small, ["seed=1"])
    whole = train(small, tmp_path / "whole")
    jobs = [
        Job("killed", ray_jobs.train_and_die_once, (small, tmp_path / "killed" / "run", 7)),
        Job("other", train_lane, (other, tmp_path / "other")),
    ]
    (tmp_path / "killed").mkdir()
    outcomes = work_off_on_ray(jobs, folder=tmp_path)
    assert [(outcome.error, outcome.attempts) for outcome in outcomes] == [(None, 2), (None, 1)]
    run = Run.open(tmp_path / "killed" / "run")
    steps = [(run.path.parent / f"{attempt}.steps").read_text().split() for attempt in (0, 1)]
    assert steps == [[str(step) for step in range(1, 8)], [str(step) for step in range(5, 13)]]
    assert_same_weights(run, whole)
    assert Run.open(tmp_path / "other").checkpoint_steps()[-1] == 12


def assert_same_weights(run, whole):
    ours, theirs = (load_file(a.checkpoint(a.checkpoint_steps()[-1]) / "weights.safetensors") for a in (run, whole))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_signal_reaches_running_lanes_which_save_and_leaves_the_others_unbegun(ray, small, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    import ray_jobs

    long = change(small, ["training.steps=5000", "training.checkpoint_every=5000"])
    jobs = [Job(name, ray_jobs.train_slowly, (long, tmp_path / name / "run")) for name in ("a", "b", "c")]
    heard, sent = [], []

    def watch(name, told):
        heard.append((name, told))
        if {who for who, line in heard if line.get("step", 0) >= 10} == {"a", "b"} and not sent:
            sent.append(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=r"SIGINT: 0\b of 3\b"):
        work_off_on_ray(jobs, watch=watch, folder=tmp_path)
    for name in ("a", "b"):
        (step,) = Run.open(tmp_path / name / "run").checkpoint_steps()
        assert 10 <= step < 5000
    assert not (tmp_path / "c").exists()
    assert {told["kind"] for _, told in heard if told.get("state") == "failed"} == {"Interrupted"}
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_a_full_disk_stops_the_jobs_that_wait(ray):
    import queue_jobs
    import ray_jobs

    jobs = [Job("full", queue_jobs.meet_a_full_disk), *(Job(f"{n}", ray_jobs.rest, (0.3,)) for n in range(9))]
    full, *later = work_off_on_ray(jobs, cpus_per_job=2)
    assert (full.kind, full.attempts) == ("NotSaved", 1)
    assert later[-1].kind == "NotBegun"
    assert "could not be written" in later[-1].error


def test_jobs_know_where_relative_paths_are_meant_from(ray, tmp_path, monkeypatch):
    import ray_jobs

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KELBO_DATA", "sets")
    (outcome,) = work_off_on_ray([Job("where", ray_jobs.where)])
    assert outcome.value == ("sets", str(tmp_path))


def test_a_job_too_large_for_every_machine_is_refused(ray):
    with pytest.raises(RecipeError, match=r"takes 1\b CPU and 3\b GPU.*has 2\b CPU and 0\b GPU"):
        require_room(ray, Demand(1, 3))


def test_a_lane_takes_of_a_machine_what_is_asked_for(ray, tmp_path):
    import queue_jobs

    (outcome,) = engine_for([], tmp_path, LaneOptions(on="ray", cpus=2)).work([Job("threads", queue_jobs.threads)])
    assert outcome.value[1] == 2
    for options, most in (
        (LaneOptions(on="ray", cpus=3), "3 CPU and no"),
        (LaneOptions(on="ray", gpus=0.5), "1 CPU and 0.5 GPU and no"),
    ):
        with pytest.raises(RecipeError, match=rf"{most}.*2\b CPU and 0\b GPU") as caught:
            engine_for([], tmp_path, options).work([Job("threads", queue_jobs.threads)])
        assert caught.value.remedy == ("cpus", "gpus")


@pytest.mark.slow
def test_a_job_keeps_its_processors_while_it_waits_to_be_heard(ray, tmp_path, monkeypatch):
    """Of a worker that waits for an object Ray gives the processors away: every job would begin at once."""
    import queue_jobs
    import ray_jobs

    work_off_on_ray([Job(f"{number}", ray_jobs.meet, (tmp_path, 2)) for number in range(2)])  # no worker must start now
    monkeypatch.setattr(cluster, "Lines", queue_jobs.SlowToHear)
    jobs = [Job(f"{number}", ray_jobs.ended, (1,)) for number in range(2)]
    outcomes = work_off_on_ray(jobs, cpus_per_job=2)
    (_, end), (begun, _) = sorted((outcome.value - outcome.seconds, outcome.value) for outcome in outcomes)
    assert begun > end - 0.1


def test_a_machine_with_another_kelbo_is_named(ray, monkeypatch):
    nodes = require_room(ray, Demand())
    monkeypatch.setattr(joining, "version", lambda: "9.9 with Python 3.99")
    with pytest.raises(RunError, match=r"9.9.*3.99.*has 0\b"):
        require_ready(ray, nodes, None)


def test_no_jobs_are_no_work():
    assert work_off_on_ray([], address="nowhere:1") == []


def test_without_ray_it_is_said_how_to_have_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    with pytest.raises(RecipeError, match=r"'kelbo\[ray\]'"), joined(None):
        pass


@pytest.mark.parametrize("address", ["nonsense", "host", "host:port", ":6379", "ray://host:99999"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(RecipeError, match="HOST:PORT"):
        require_reachable(address)


def test_an_address_where_nothing_listens_is_told_at_once():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    begun = time.monotonic()
    with pytest.raises(KelboError, match=rf"127.0.0.1:{port}") as caught:
        require_reachable(f"127.0.0.1:{port}")
    assert caught.value.exit_code == 1
    assert time.monotonic() - begun < 5


@pytest.mark.slow
def test_an_address_where_something_else_listens_is_given_up(ray):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(KelboError, match=r"within 2\b"):
            require_reachable(address, patience=2)
    assert time.monotonic() - begun < 10
