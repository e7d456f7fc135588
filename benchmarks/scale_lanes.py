"""What a row of a journal costs stacked lanes, and what many lanes hold: a part of `scale.py`, which runs this.

    python benchmarks/scale_lanes.py --lanes 200 --out FOLDER    # one measurement, as JSON

Lanes of the digits that differ in their seeds, a small MLP on batches of 16, a row after every 25 steps as in the recipe. A
row's time is that between the steps before and after it, less the median of such times without a row, in seconds of the
processor, so that a busy machine does not count; checkpoints and pictures come at the end only, and are left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path

EVERY, ROWS = 25, 3
"""steps between rows, and the rows that are timed"""
BARS = {"row of 200 lanes": 0.2}
"""processor seconds: 1 ms a lane"""


def commands(work: Path) -> dict[str, list[str]]:
    return {"row of 200 lanes": [str(Path(__file__)), "--lanes", "200", "--out", str(work / "lanes")]}


def prepare(work: Path) -> None:
    """Nothing: each measurement makes its own lanes."""


def fresh(work: Path, name: str) -> None:  # noqa: ARG001
    shutil.rmtree(work / "lanes", ignore_errors=True)


class Gaps:
    """Processor seconds between a step of all lanes and the next one, by the number of the first."""

    def __init__(self) -> None:
        self.begun, self.ended, self.seconds = 0.0, 0.0, {}
        self.threads = self.open_files = 0

    def around(self, call):
        def step(*what):
            if self.ended:
                self.seconds[len(self.seconds) + 1] = time.process_time() - self.ended
            else:
                self.begun = time.process_time()
                self.threads = threading.active_count()
                self.open_files = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
            found = call(*what)
            self.ended = time.process_time()
            return found

        return step

    def told(self, lanes: int, since: float) -> dict[str, float]:
        plain = statistics.median(value for step, value in self.seconds.items() if step % EVERY)
        row = statistics.median(value for step, value in self.seconds.items() if step % EVERY == 0) - plain
        return {
            "seconds": row,
            "milliseconds_a_lane": 1e3 * row / lanes,
            "begin_milliseconds_a_lane": 1e3 * (self.begun - since) / lanes,
            "threads": self.threads,
            "open_files": self.open_files,
        }


def measured(lanes: int, out: Path) -> dict[str, float]:
    from kelbo.recipes import change, find
    from kelbo.sweeps.stacked import train_stacked
    from kelbo.sweeps.stacked_step import Step

    steps = EVERY * ROWS + 1
    small = ["model.network.width=32", "training.batch_size=16", f"training.log_every={EVERY}"]
    every = [f"training.{what}={steps}" for what in ("steps", "checkpoint_every", "pictures_every")]
    base = change(find("digits"), [*small, *every])
    gaps = Gaps()
    Step.__call__ = gaps.around(Step.__call__)
    since = time.process_time()
    recipes = [change(base, [f"seed={seed}"]) for seed in range(lanes)]
    outcomes = train_stacked(recipes, [out / str(seed) for seed in range(lanes)])
    if failed := [outcome.error for outcome in outcomes if outcome.error]:
        raise SystemExit(failed[0])
    return gaps.told(lanes, since)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    print(json.dumps(measured(given.lanes, given.out)))
