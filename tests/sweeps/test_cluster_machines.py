"""The jobs of a sweep on Ray's machines, played by several of its nodes on this one: one dies, one does not see the folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from safetensors.torch import load_file

from kelbo.errors import RunError
from kelbo.experiments import train
from kelbo.recipes import change
from kelbo.runs import Run
from kelbo.sweeps.cluster import work_off_on_ray
from kelbo.sweeps.jobs import Job

HERE = str(Path(__file__).parent)
"""where Ray's workers import the tests' jobs from"""
RAY = str(Path(sys.executable).with_name("ray"))


class Cluster:
    """A Ray of several machines, played by as many of Ray's own nodes on this one."""

    def __init__(self, folder):
        self.folder, self.nodes = folder, []
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            self.port = server.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def start(self, *arguments, before=()):
        """One node more, whose processes live until `stop`; `before` is what its command is preceded by."""
        here = {"PYTHONPATH": HERE, "RAY_AUTH_MODE": "token"}
        # the tests see no accelerator, but a node that is said to have some must not be told that it has none
        inherited = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        how = ["--block", "--disable-usage-stats", "--object-store-memory=100000000"]
        log = (self.folder / f"node-{len(self.nodes)}.log").open("w")
        with log:
            command = [*before, RAY, "start", *arguments, *how]
            self.nodes.append(subprocess.Popen(command, stdout=log, stderr=log, env={**inherited, **here}))
        end = time.monotonic() + 60
        while "runtime started" not in (told := Path(log.name).read_text()):
            assert time.monotonic() < end, told[-1000:]
            time.sleep(0.1)

    def join(self, before=()):
        """A machine of one processor. One after the other: nodes of one machine would take each other's ports."""
        self.start(f"--address={self.address}", "--num-cpus=1", before=before)

    def stop(self):
        for node in reversed(self.nodes):
            node.terminate()
        for node in self.nodes:
            node.wait(timeout=60)


@pytest.fixture
def cluster(tmp_path_factory, monkeypatch):
    """The head of a cluster, which takes no jobs."""
    monkeypatch.syspath_prepend(HERE)
    # a Ray of one's own, as other tests start one, asks for a token; a process is with such clusters or with others
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    subprocess.run([RAY, "get-auth-token", "--generate"], check=True, capture_output=True)
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start("--head", f"--port={cluster.port}", "--num-cpus=0", "--include-dashboard=false")
        yield cluster
    finally:
        cluster.stop()


@pytest.mark.slow
def test_a_lane_whose_machine_dies_goes_on_elsewhere_to_the_same_weights(cluster, small, tmp_path):
    import ray_jobs

    cluster.join()
    cluster.join()
    long = change(small, ["training.steps=150"])
    whole = train(long, tmp_path / "whole")
    processes, heard, killed = {}, [], []

    def watch(name, told):
        heard.append((name, told.get("state")))
        if told.get("state") == "begun":
            processes[name] = told["process"]
        if name == "a" and told.get("step", 0) >= 30 and len(processes) == 2 and not killed:
            killed.append(parent(processes["a"]))
            assert "raylet" in Path(f"/proc/{killed[0]}/cmdline").read_text()
            os.kill(killed[0], signal.SIGKILL)

    jobs = [Job(name, ray_jobs.train_slowly, (long, tmp_path / name / "run")) for name in ("a", "b")]
    outcomes = work_off_on_ray(jobs, address=cluster.address, folder=tmp_path, watch=watch)
    assert [(outcome.error, outcome.attempts) for outcome in outcomes] == [(None, 2), (None, 1)]
    assert [state for name, state in heard if name == "a" and state] == ["begun", "again", "begun", "done"]
    ours, theirs = (
        load_file(run.checkpoint(150) / "weights.safetensors") for run in (Run.open(tmp_path / "a" / "run"), whole)
    )
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)
    first, second = ((tmp_path / "a" / f"{attempt}.process").read_text() for attempt in (0, 1))
    assert first != second
    assert not Path(f"/proc/{first}").exists()


def parent(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.slow
def test_a_machine_that_does_not_see_the_folder_is_named_before_any_job(cluster, tmp_path):
    import queue_jobs

    elsewhere = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {tmp_path} && exec "$0" "$@"']
    if subprocess.run([*elsewhere, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody hide a folder from a process")
    cluster.join(before=elsewhere)
    jobs = [Job("three", queue_jobs.square, (3,))]
    with pytest.raises(RunError, match=str(tmp_path)):
        work_off_on_ray(jobs, address=cluster.address, folder=tmp_path)


@pytest.mark.slow
def test_each_lane_has_an_accelerator_of_its_own(cluster):
    import ray_jobs

    cluster.start(f"--address={cluster.address}", "--num-cpus=4", "--num-gpus=1")
    outcomes = work_off_on_ray([Job(f"{n}", ray_jobs.accelerator) for n in range(2)], address=cluster.address)
    assert [outcome.value for outcome in outcomes] == ["0", "0"]
    outcomes = work_off_on_ray([Job("none", ray_jobs.accelerator)], address=cluster.address, gpus_per_job=0)
    assert [outcome.value for outcome in outcomes] == [None]  # as its node has it
