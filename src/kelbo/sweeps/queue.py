"""A queue of jobs run by processes of this machine, each with one thread or one accelerator.

On a CPU several one-thread processes train faster than one process with several threads
(`benchmarks/results/sweep_speed.json`), and lanes are independent. Workers are spawned, so a program that calls `work_off` must
guard its entry point with `if __name__ == "__main__":`, as with all of multiprocessing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from kelbo.container import memory, processors
from kelbo.distributed.signals import Signals
from kelbo.errors import Remedy
from kelbo.sweeps.jobs import Failure, Job, Ledger, Outcome, Task, Watch, ignore_reports
from kelbo.sweeps.worker import work

MEMORY = 2 * 2**30
"""bytes of memory that are reserved for a worker"""


def workers_here(jobs: int) -> int:
    """One per accelerator, else as many as the container's processors and memory allow, and no more than jobs."""
    if devices := torch.cuda.device_count():
        return min(devices, jobs)
    return max(1, min(processors(), jobs, memory() // MEMORY))


def work_off(
    jobs: Sequence[Job],
    *,
    workers: int | None = None,
    threads: int | None = None,
    watch: Watch = ignore_reports,
    retries: int = 1,
    log: Callable[[str], Path] | None = None,
) -> list[Outcome]:
    """Every job's outcome, in the order of `jobs`; a job that fails leaves the others alone.

    workers: processes; by default as `workers_here` counts. threads: of each; by default the processors are shared evenly. A
    job that fails, or whose process dies, is retried `retries` times, unless its error would happen again. A job that cannot
    write stops the queue: running jobs continue, waiting jobs are not started (kind "NotBegun"). log: the file that a job's
    standard output and error are appended to.

    A first SIGINT or SIGTERM is forwarded to the jobs, which save and stop, and Interrupted is raised; a second one ends them.
    """
    if not jobs:
        return []
    count = min(workers or workers_here(len(jobs)), len(jobs))
    with Signals() as signals:
        ledger = Ledger([Task(job) for job in jobs], watch, retries, signals)
        return _Queue(ledger, count, threads or max(1, processors() // count), log).run()


@dataclass
class _Worker:
    process: Any
    connection: Connection
    task: Task | None = None


class _Queue:
    def __init__(self, ledger: Ledger, workers: int, threads: int, log: Callable[[str], Path] | None) -> None:
        self.ledger, self.threads, self.log = ledger, threads, log
        self.waiting = deque(ledger.tasks)
        self.workers = [self._start(number) for number in range(workers)]

    def run(self) -> list[Outcome]:
        try:
            while self._give_out() or any(worker.task for worker in self.workers):
                self._listen()
                self._forward_signals()
        finally:
            self._close()
        for task in self.waiting:
            self.ledger.end(task, None, self.ledger.not_begun())
        return self.ledger.outcomes()

    def _give_out(self) -> bool:
        """Hand waiting jobs to idle workers; returns whether any job still waits."""
        if self.ledger.signals.caught or self.ledger.halted:
            return False
        for number, worker in enumerate(self.workers):
            if worker.task or not self.waiting:
                continue
            if not worker.process.is_alive():
                worker = self.workers[number] = self._start(number)
            task = worker.task = self.waiting.popleft()
            task.attempts, task.begun = task.attempts + 1, time.perf_counter()
            self.ledger.watch(task.job.name, {"state": "begun", "attempt": task.attempts})
            with suppress(OSError):  # it has just died, which _listen finds
                worker.connection.send((task.job, self.log(task.job.name) if self.log else None))
        return bool(self.waiting)

    def _listen(self) -> None:
        busy = {worker.connection: worker for worker in self.workers if worker.task}
        busy_or_dead = wait([*busy, *(worker.process.sentinel for worker in busy.values())], timeout=0.2)
        for worker in busy.values():
            if worker.connection in busy_or_dead or worker.process.sentinel in busy_or_dead:
                self._receive(worker)

    def _receive(self, worker: _Worker) -> None:
        assert worker.task is not None
        try:
            while worker.task and worker.connection.poll():
                kind, content = worker.connection.recv()
                if kind == "report":
                    self.ledger.watch(worker.task.job.name, content)
                else:
                    self._ended(worker, *((content, None) if kind == "done" else (None, content)))
            if worker.task and not worker.process.is_alive() and not worker.connection.poll():
                raise EOFError
        except (EOFError, OSError):
            worker.process.join()
            code = worker.process.exitcode
            how = _killed(-code) if code and code < 0 else f"ended with exit code {code}"
            if worker.task:  # our signal kills a job that has no step to save yet
                kind = "Interrupted" if self.ledger.signals.caught else "ProcessDied"
                remedy: tuple[Remedy, ...] = ("workers",) if code == -signal.SIGKILL else ()
                failure = Failure(f"its process {how}", kind, final=False, fatal=False, remedy=remedy)
                self._ended(worker, None, failure)

    def _ended(self, worker: _Worker, value: object, failure: Failure | None) -> None:
        task, worker.task = worker.task, None
        assert task is not None
        task.seconds += time.perf_counter() - task.begun
        if self.ledger.end(task, value, failure):
            self.waiting.append(task)

    def _forward_signals(self) -> None:
        """Forward the first signal as SIGTERM, on which training saves; the second as SIGKILL."""
        if (count := self.ledger.signals.count) > self.ledger.forwarded:
            self.ledger.forwarded = count
            for worker in self.workers:
                if worker.task and worker.process.is_alive():
                    (worker.process.terminate if count == 1 else worker.process.kill)()

    def _start(self, number: int) -> _Worker:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, self.threads), daemon=False)
        devices = torch.cuda.device_count()
        own = {"OMP_NUM_THREADS": str(self.threads)}
        own |= {"CUDA_VISIBLE_DEVICES": _device(number % devices)} if devices else {}
        with _environment(own), _ignoring_interrupts():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _close(self) -> None:
        for worker in self.workers:
            worker.connection.close()  # on which an idle worker exits
            if worker.task and worker.process.is_alive():  # after an error here nobody waits for its answer
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(timeout=30)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _killed(number: int) -> str:
    """How a process was ended by a signal. One that SIGKILL ends cannot tell why; if nobody sent it, the system did."""
    name = signal.Signals(number).name
    why = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by {name}{why}"


def _device(number: int) -> str:
    """The accelerator's name for a child process, from those visible to this one."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return seen.split(",")[number] if seen else str(number)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Processes started inside the block ignore SIGINT: Ctrl-C reaches the whole terminal, and this process decides."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # else the first process to start launches it, which clears the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Processes started inside the block have these variables, which libraries read when they are loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
