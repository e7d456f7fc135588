"""The queue's jobs run by a Ray cluster (extra `ray`), or by a Ray on this machine alone.

Ray is an engine for tasks on many machines. It runs the jobs and returns their reports; what to retry and when to stop is
decided here, as `kelbo.sweeps.queue` does. Lanes write into their folders, so **the sweep's folder must lie on a file system
that every machine mounts at the same path**; data likewise, or on each machine at the same path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kelbo.distributed.signals import Signals
from kelbo.sweeps.jobs import Failure, Job, Ledger, Outcome, Task, Watch, failure_of, ignore_reports
from kelbo.sweeps.joining import Demand, has_accelerators, here, joined, require_ready, require_room
from kelbo.sweeps.ray_machine import Line, Lines
from kelbo.sweeps.ray_worker import Ended, work

LOOK = 0.3
"""seconds between two looks at the jobs' reports"""
PATIENCE = 5.0
"""seconds after a signal in which Ray may confirm that it cancelled a job that had not started"""


def work_off_on_ray(
    jobs: Sequence[Job],
    *,
    address: str | None = None,
    folder: Path | None = None,
    watch: Watch = ignore_reports,
    retries: int = 1,
    log: Callable[[str], Path] | None = None,
    cpus_per_job: float = 1,
    gpus_per_job: float | None = None,
) -> list[Outcome]:
    """Every job's outcome, in the order of `jobs`, as `work_off` gives it; jobs run on any machine with room.

    address: HOST:PORT of the cluster's head from one of its machines, ray://HOST:PORT from outside, "auto" for the cluster
    that runs here; None or "local" starts a Ray on this machine alone and stops it afterwards. A Ray that the program has
    already joined is used as it is. folder: must be visible and writable on all machines, which is checked before the first
    job. cpus_per_job, gpus_per_job: what one job takes, and as many PyTorch threads as processors; by default one accelerator
    if the cluster has any: Ray shows all accelerators to a job that asks for none, and every job would use the first.

    A job whose worker or machine dies is started again elsewhere, `retries` times; a lane then continues from its last
    checkpoint. A first SIGINT or SIGTERM is forwarded to the jobs, which save and stop, and Interrupted is raised; a second
    one ends them. RecipeError without Ray, or if a job fits on no machine. KelboError if nothing answers at the address.
    RunError if a machine does not see the folder or has another kelbo.
    """
    if not jobs:
        return []
    with joined(address) as ray:
        demand = Demand(cpus_per_job, float(has_accelerators(ray)) if gpus_per_job is None else gpus_per_job)
        require_ready(ray, require_room(ray, demand), folder)
        with Signals() as signals:
            tasks = [_Task(_absolute(job)) for job in jobs]
            return _OnRay(ray, tasks, Ledger(tasks, watch, retries, signals), demand, log).run()


@dataclass
class _Task(Task):
    ref: Any = None


class _OnRay:
    def __init__(
        self, ray: Any, tasks: Sequence[_Task], ledger: Ledger, demand: Demand, log: Callable[[str], Path] | None
    ) -> None:
        self.ray, self.ledger, self.watch, self.log = ray, ledger, ledger.watch, log
        self.tasks = {task.job.name: task for task in tasks}
        self.reports: Any = None
        self.stopping = 0.0
        self.threads = max(1, int(demand.cpus))
        # Ray's own retries would restart a job that we count as dead, and cannot tell which errors would happen again
        self.work = ray.remote(work).options(
            num_cpus=demand.cpus, num_gpus=demand.gpus, max_retries=0, scheduling_strategy="SPREAD"
        )
        self.lines = ray.remote(Lines).options(num_cpus=0, scheduling_strategy=here(ray)).remote()
        self.place = Path.cwd(), {name: value for name, value in os.environ.items() if name.startswith("KELBO_")}

    def run(self) -> list[Outcome]:
        for task in self.tasks.values():
            self._submit(task)
        try:
            while running := {task.ref: task for task in self.tasks.values() if self._awaited(task)}:
                ended, _ = self.ray.wait(list(running), num_returns=len(running), timeout=LOOK)
                self._listen()
                for ref in ended:
                    self._ended(running[ref], self._result(ref))
                self._forward_signals()
        finally:
            self.ray.kill(self.lines)
        return self.ledger.outcomes()

    def _awaited(self, task: _Task) -> bool:
        in_time = not self.stopping or time.perf_counter() - self.stopping < PATIENCE
        return task.ref is not None and (in_time or task.begun > 0)

    def _submit(self, task: _Task) -> None:
        task.attempts, task.begun = task.attempts + 1, 0.0
        log = self.log(task.job.name).absolute() if self.log else None
        task.ref = self.work.remote(task.job, log, task.attempts, self.threads, self.place, self.lines)

    def _listen(self) -> None:
        """Take the reports. A slow answer is awaited at the next look, since each report is delivered only once."""
        self.reports = self.reports or self.lines.take.remote()
        if not self.ray.wait([self.reports], timeout=LOOK)[0]:
            return
        lines, self.reports = self.ray.get(self.reports), None
        for name, line in lines:
            task = self.tasks[name]
            if "attempt" in line:
                self._begun(task, line)
            elif task.ref is not None:
                self.watch(name, line)

    def _begun(self, task: _Task, line: Line) -> None:
        """Note that a job has started. For a job that ends at once, the announcement arrives with its end and again later."""
        if task.ref is not None and not task.begun and line["attempt"] == task.attempts:
            task.begun = time.perf_counter()
            self.watch(task.job.name, line)

    def _result(self, ref: Any) -> Ended:
        """The value of an ended task, or how it failed."""
        errors = self.ray.exceptions
        try:
            return self.ray.get(ref)
        except errors.TaskCancelledError:
            return Ended(failure=self.ledger.not_begun())
        except errors.RayTaskError as error:  # outside the job itself: the job or its value cannot be pickled
            return Ended(failure=failure_of(error.cause))
        except errors.RayError as error:
            what = " ".join(str(error).split()).partition(". ")[0]
            return Ended(
                failure=Failure(f"its process or machine died ({what})", "ProcessDied", final=False, fatal=False)
            )

    def _ended(self, task: _Task, ended: Ended) -> None:
        if ended.begun:
            self._begun(task, ended.begun)
        since = time.perf_counter() - task.begun if task.begun else 0.0
        task.seconds += since if ended.seconds is None else ended.seconds
        task.ref, before = None, self.ledger.halted
        if self.ledger.end(task, ended.value, ended.failure):
            self._submit(task)
        if self.ledger.halted is not before:
            self._cancel([waiting for waiting in self.tasks.values() if waiting.ref is not None and not waiting.begun])

    def _cancel(self, tasks: Sequence[_Task], *, force: bool = False) -> None:
        for task in tasks:
            self.ray.cancel(task.ref, force=force)

    def _forward_signals(self) -> None:
        """Forward the first signal as SIGINT, on which training saves; the second ends the processes."""
        if (count := self.ledger.signals.count) > self.ledger.forwarded:
            self.ledger.forwarded, self.stopping = count, self.stopping or time.perf_counter()
            self._cancel([task for task in self.tasks.values() if task.ref is not None], force=count > 1)


def _absolute(job: Job) -> Job:
    """The job with absolute paths: a worker may start in another folder."""
    return replace(job, arguments=tuple(a.absolute() if isinstance(a, Path) else a for a in job.arguments))
