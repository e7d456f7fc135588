"""The queue: jobs in processes of their own, and what becomes of those that fail."""

import os
import signal
import threading
import time
from multiprocessing import Pipe
from types import SimpleNamespace

import pytest

from kelbo.errors import Interrupted
from kelbo.sweeps import queue
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.queue import work_off
from kelbo.sweeps.worker import work


def attempts(folder):
    return len(list(folder.glob("attempt-*")))


def test_outcomes_come_in_the_order_of_the_jobs_and_failures_leave_the_others_alone(queue_jobs, tmp_path):
    heard, log = [], tmp_path / "logs"
    folders = [tmp_path / name for name in ("killed", "wrong", "diverged")]
    for folder in folders:
        folder.mkdir()
    jobs = [
        Job("three", queue_jobs.square, (3,)),
        Job("killed", queue_jobs.die_at_first, (str(folders[0]),)),
        Job("wrong", queue_jobs.fail_always, (str(folders[1]),)),
        Job("diverged", queue_jobs.diverge, (str(folders[2]),)),
        Job("four", queue_jobs.square, (4,)),
        Job("threads", queue_jobs.threads),
    ]
    watch = lambda name, told: heard.append((name, told))  # noqa: E731
    found = {a.name: a for a in work_off(jobs, workers=2, threads=1, watch=watch, log=lambda name: log / f"{name}.log")}
    assert list(found) == [job.name for job in jobs]
    assert (found["three"].value, found["four"].value) == (9, 16)
    assert found["threads"].value == ("1", 1)
    assert (found["killed"].value, found["killed"].attempts, found["killed"].error) == ("survived", 2, None)
    assert ("killed", "again", "its process was killed by SIGKILL, as the system does when memory runs out") in [
        (name, told.get("state"), told.get("error")) for name, told in heard
    ]
    assert (found["wrong"].kind, found["wrong"].error) == ("ValueError", "ValueError: seven is not six")
    assert attempts(folders[1]) == 2  # anything may have been chance, once
    assert (found["diverged"].kind, attempts(folders[2])) == ("Divergence", 1)  # it would come again
    assert ("three", {"step": 1, "steps": 1}) in heard
    assert (log / "three.log").read_text() == "squaring 3\n"
    assert "seven is not six" in (log / "wrong.log").read_text()


def test_a_signal_reaches_the_jobs_which_save(queue_jobs, tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def stop():
        while not (tmp_path / "waiting").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    jobs = [Job("waits", queue_jobs.wait_for_a_signal, (str(tmp_path),)), Job("never", queue_jobs.square, (2,))]
    with pytest.raises(Interrupted, match=r"SIGINT: 0\b of 2\b"):
        work_off(jobs, workers=1, threads=1)
    assert (tmp_path / "saved").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_no_jobs_are_no_work():
    assert work_off([]) == []


def test_a_full_disk_stops_the_queue_and_what_fails_meanwhile_keeps_its_own_error(queue_jobs, tmp_path):
    heard = []

    def watch(name, told):
        heard.append((name, told.get("state")))
        if told.get("state") == "failed":
            (tmp_path / "halted").touch()

    jobs = [
        Job("full", queue_jobs.meet_a_full_disk),
        Job("wrong", queue_jobs.fail_once_there_is, (tmp_path / "halted",)),
        Job("later", queue_jobs.square, (2,)),
    ]
    full, wrong, later = work_off(jobs, workers=2, threads=1, watch=watch)
    assert (full.kind, full.attempts) == ("NotSaved", 1)
    assert (wrong.kind, wrong.error) == ("ValueError", "ValueError: eight is not six")
    assert ("wrong", "failed") in heard
    assert (later.kind, later.value) == ("NotBegun", None)
    assert "could not be written" in later.error
    assert "later" not in {name for name, _ in heard}


def test_a_log_that_cannot_be_written_is_named(queue_jobs, tmp_path):
    (tmp_path / "logs").write_text("in the way")
    ours, theirs = Pipe()
    worker = threading.Thread(target=work, args=(theirs, 1))
    worker.start()
    ours.send((Job("a", queue_jobs.square, (3,)), tmp_path / "logs" / "a"))
    end, failure = ours.recv()
    assert (end, failure.kind, failure.fatal) == ("failed", "FileExistsError", True)
    assert failure.error == f"{tmp_path / 'logs'}: File exists"
    ours.close()
    worker.join()


def test_a_job_that_dies_of_our_signal_was_stopped(queue_jobs, tmp_path):
    heard = []

    def watch(name, told):
        heard.append(told)
        if "step" in told:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match=r"SIGTERM: 0\b of 1\b"):
        work_off([Job("a", queue_jobs.hear_nothing)], workers=1, threads=1, watch=watch)
    assert (heard[-1]["kind"], heard[-1]["error"]) == ("Interrupted", "its process was killed by SIGTERM")


def test_after_a_second_signal_nothing_is_said_to_be_saved(queue_jobs, tmp_path):
    def stop():
        for mark in ("waiting", "asked"):
            while not (tmp_path / mark).exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(Interrupted, match=r"0 of 1\b.*last saved"):
        work_off([Job("a", queue_jobs.never_stop, (str(tmp_path),))], workers=1, threads=1)


@pytest.mark.parametrize(
    ("asked", "cores", "expected"),
    [({}, 6, (2, 3)), ({"workers": 5}, 6, (3, 2)), ({"workers": 1, "threads": 4}, 6, (1, 4)), ({}, 1, (2, 1))],
)
def test_processes_and_their_threads_are_those_asked_for_or_share_the_machine(asked, cores, expected, monkeypatch):
    made = []
    monkeypatch.setattr(queue, "workers_here", lambda _: 2)
    monkeypatch.setattr(queue, "processors", lambda: cores)
    monkeypatch.setattr(queue, "_Queue", lambda _, *counts: made.append(counts[:2]) or SimpleNamespace(run=list))
    work_off([Job(f"{number}", print) for number in range(3)], **asked)
    assert made == [expected]
