"""A worker process of the queue: it receives jobs through its connection, and sends their reports and results back."""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TextIO

import torch

from kelbo.errors import KelboError
from kelbo.shortage import memory_for
from kelbo.sweeps.jobs import Job, failure_of


def work(connection: Connection, threads: int) -> None:
    """Run jobs until the other end of the connection is closed."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    while True:
        try:
            job, log = connection.recv()
        except (EOFError, OSError):
            return
        try:
            connection.send(_result(job, log, connection))
        except OSError:
            return


def _result(job: Job, log: Path | None, connection: Connection) -> tuple[str, Any]:
    try:
        with output_in(log):
            return _called(job, connection)
    except OSError as error:  # while opening the log
        return "failed", failure_of(error)


def _called(job: Job, connection: Connection) -> tuple[str, Any]:
    def tell(report: dict[str, Any]) -> None:
        connection.send(("report", report))

    try:
        with memory_for(f"the job {job.name}", "Use fewer workers, each with more memory.", ("workers",)):
            return "done", job.call(*job.arguments, tell=tell)
    except Exception as error:
        if not isinstance(error, KelboError):
            traceback.print_exc()
        return "failed", failure_of(error)


@contextmanager
def output_in(log: Path | None) -> Iterator[None]:
    """Inside the block, standard output and error of the whole process are appended to a file."""
    if log is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            with _in_utf8(sys.stdout), _in_utf8(sys.stderr):
                yield
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                for number, before in enumerate(kept, start=1):
                    os.dup2(before, number)
                    os.close(before)


@contextmanager
def _in_utf8(stream: TextIO) -> Iterator[None]:
    """Inside the block a stream of the process writes any text, as UTF-8."""
    if not isinstance(stream, io.TextIOWrapper):
        yield
        return
    encoding, errors = stream.encoding, stream.errors
    stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        yield
    finally:
        stream.reconfigure(encoding=encoding, errors=errors)


def _die_with_parent() -> None:
    """Exit if the parent is killed: a worker must not keep writing into a run that somebody may be resuming."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
