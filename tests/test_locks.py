"""Locks between processes: who holds one is told, and nothing is left of a holder that is gone."""

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
import threading

import pytest

from kelbo.errors import Locked
from kelbo.locks import UNTIL_FREE, held, holder_of, require_unlocked

HOLDS = """
import sys, time
from pathlib import Path
from kelbo.locks import held
with held(Path(sys.argv[1]), "it is used"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / ".lock"


def test_the_second_is_told_who_holds_it_and_since_when(lock):
    with held(lock, "runs/a is being trained"):
        since = f"{holder_of(lock).since:%Y-%m-%d %H:%M:%S} UTC"
        with pytest.raises(Locked) as told, held(lock, "runs/a is being trained", remedy=("out",)):
            pass
    who = f"process {os.getpid()} on {platform.node()}, since {since}"
    assert str(told.value).startswith(f"runs/a is being trained by {who}. ")
    assert told.value.remedy == ("out",)


def test_it_can_be_taken_again_and_again_also_after_an_error(lock):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), held(lock, "it is used"):
            raise ZeroDivisionError
    require_unlocked(lock, "it is used")
    assert holder_of(lock) is None


def test_a_holder_that_is_killed_holds_it_no_longer(lock):
    process = subprocess.Popen([sys.executable, "-c", HOLDS, lock], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(Locked, match=f"by process {process.pid} on "):
        require_unlocked(lock, "it is used")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert holder_of(lock).process == process.pid  # its words are left, which nobody reads unless the lock is held
    with held(lock, "it is used"):
        assert holder_of(lock).process == os.getpid()


def test_looking_whether_it_is_held_makes_no_file(lock):
    require_unlocked(lock, "it is used")
    assert not lock.exists()


def test_a_file_system_without_locks_is_told_of_and_nothing_stays_behind_that_would_lock(lock, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with held(lock, "it is used"):
            assert holder_of(lock) is None
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        f"{lock.parent} cannot be locked"
    ] * 2


def test_one_that_waits_gets_the_file_that_came_in_place_of_a_removed_one(lock):
    waiting, gone = threading.Event(), []

    def wait():
        waiting.set()
        with held(lock, "it is used", patience=UNTIL_FREE):
            gone.append(lock.exists())

    other = threading.Thread(target=wait)
    with held(lock, "it is used"):
        other.start()
        waiting.wait()
        lock.unlink()
    other.join()
    assert gone == [True]
