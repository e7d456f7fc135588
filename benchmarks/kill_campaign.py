"""Kill training at random moments until it has been killed often enough; every resumed run must equal an uninterrupted one.

    python benchmarks/kill_campaign.py --kills 200      # writes benchmarks/results/kill_campaign.json

A small run writes a checkpoint every other step, so that many kills fall into the writing of one. Each attempt is a
process of its own that gets SIGKILL after a random time; it is then resumed, and killed again, until it ends by itself or
was killed often enough. Its weights, moving average, optimiser and journal are compared with the uninterrupted run's, bit
for bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load_file

from kelbo.experiments import train
from kelbo.recipes import Recipe, build, change, find
from kelbo.runs import Run, write_json

RESULT = Path(__file__).parent / "results" / "kill_campaign.json"
STEPS = 30


def recipe() -> Recipe:
    """Convolutions, a moving average, a warm-up, a schedule and a σ that is tracked: all that a checkpoint must hold."""
    return change(
        find("digits"),
        [
            "data.size=16",
            "model.network.kind=burgess",
            "model.network.channels=4",
            "model.network.hidden=16",
            "schedule.kind=cosine",
            "training.ema=0.9",
            "training.batch_size=96",
            f"training.steps={STEPS}",
            "training.log_every=5",
            "training.checkpoint_every=2",
            "training.pictures_every=10",
        ],
    )


def attempt(out: Path, seconds: float | None) -> bool:
    """Train or resume in a child process, killed after `seconds` (None: never). True where it ended by itself."""
    child = os.fork()
    if child == 0:
        try:
            train(recipe(), out, resume=(out / "recipe.toml").exists())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    deadline = time.perf_counter() + (seconds if seconds is not None else 3600)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status):
                raise RuntimeError(f"An attempt in {out} failed by itself.")
            return True
        if time.perf_counter() >= deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.0005)


def leftovers(out: Path) -> str:
    """Where a kill fell: what it left half done."""
    if not out.exists():
        return "before the run's folder was there"
    if list(out.glob("checkpoints/.*.partial")):
        return "while a checkpoint was written"
    if list(out.glob("**/.*.partial")):
        return "while another file was written"
    return "between writings"


def equal(first: Run, second: Run) -> bool:
    """Whether two finished runs hold the same checkpoints and the same journal, speed aside."""
    if first.checkpoint_steps() != second.checkpoint_steps():
        return False
    for step in first.checkpoint_steps():
        for name in ("weights", "ema", "training"):
            a, b = (load_file(run.checkpoint(step) / f"{name}.safetensors") for run in (first, second))
            if a.keys() != b.keys() or not all(torch.equal(a[key], b[key]) for key in a):
                return False
    last = [
        {key: value for key, value in run.journal.rows()[-1].items() if key != "images_per_second"}
        for run in (first, second)
    ]
    return last[0]["step"] == last[1]["step"] == STEPS


def campaign(kills: int, seed: int, folder: Path) -> dict:
    """Kill until `kills` kills are done. Raises RuntimeError at the first run that is not as the uninterrupted one."""
    torch.set_num_threads(1)  # a forked child has no threads of its parent's
    build.data(recipe())  # no child has to load what reads them
    begun = time.perf_counter()
    attempt(folder / "whole", None)
    whole, length = Run.open(folder / "whole"), time.perf_counter() - begun
    draw, moments, runs = random.Random(seed), Counter(), 0
    while sum(moments.values()) < kills:
        out = folder / f"run{runs}"
        while not attempt(out, draw.uniform(0.02, length) if sum(moments.values()) < kills else None):
            moments[leftovers(out)] += 1
        if not equal(whole, Run.open(out)):
            raise RuntimeError(f"The run in {out} was resumed to other weights than the uninterrupted one's.")
        runs += 1
    return {"kills": sum(moments.values()), "runs": runs, "equal_runs": runs, "moments": dict(moments), "seed": seed}


def main(kills: int, seed: int) -> None:
    from kelbo.machine import describe

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        record = campaign(kills, seed, Path(folder))
    record |= {"seconds": round(time.perf_counter() - begun, 1), "steps": STEPS, "machine": describe()}
    write_json(RESULT, record)
    print(json.dumps(record["moments"], indent=2), f"\n{record['equal_runs']} runs equal; {RESULT}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(main(arguments.kills, arguments.seed))
