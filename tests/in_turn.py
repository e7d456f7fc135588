"""The queue's face without its processes."""

import pickle
import time

from kelbo.sweeps.jobs import Outcome, failure_of, ignore_reports


def work_off_in_turn(jobs, *, watch=ignore_reports, **_):
    """Every job's outcome, each worked off in this process and tried once; jobs are such as another process could get."""
    return [_worked_off(pickle.loads(pickle.dumps(job)), watch) for job in jobs]


def _worked_off(job, watch):
    begun, value, failure = time.perf_counter(), None, None
    watch(job.name, {"state": "begun", "attempt": 1})
    try:
        value = job.call(*job.arguments, tell=lambda told: watch(job.name, told))
    except Exception as error:
        failure = failure_of(error)
    seconds = time.perf_counter() - begun
    watch(job.name, {"state": "failed", **failure._asdict()} if failure else {"state": "done", "seconds": seconds})
    return Outcome(job.name, value, failure and failure.error, failure and failure.kind, 1, seconds)
