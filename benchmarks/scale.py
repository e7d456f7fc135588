"""How commands grow with a run's rows, with runs and with lanes: seconds and peak memory, before a commit and now.

    python benchmarks/scale.py --before COMMIT --work FOLDER                 # → results/scale.json
    python benchmarks/scale.py --before COMMIT --work FOLDER --only lanes    # a part; the rest of the file stays

The runs are made, not trained, except for the one whose page is written: its rows are made too. Resuming is what a resumed run
does with its journal before its first step (cut it back to the checkpoint, let the watch read it); the others are whole
commands, with the start of Python and all imports. Each is a process of its own, in turns before and now.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import scale_folders
import scale_lanes

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.json"
BARS = {
    "resume at 200,000 rows": 2.0,
    "list of 1,000 runs": 1.0,
    "table of 1,000 lanes": 5.0,
    "report of 200,000 rows": 10.0,
}
RUNS, RUN_ROWS, LANES, LANE_ROWS = 1_000, 2_000, 1_000, 500
WHAT = "Seconds and peak memory of commands on made runs, before a commit and now; medians of rounds in turns"
DIGITS = ["training.steps=20", "training.checkpoint_every=20", "training.pictures_every=20"]


def row(step: int, chance: random.Random) -> dict[str, float]:
    """A row as a σ-VAE of digits journals it; σ fits the error, so the watch looks at all of them."""
    rate, distortion = 20 + chance.random(), 80 * math.exp(-step / 1e5) + chance.random()
    sigma = 0.1 + 0.02 * chance.random()
    bound = {
        "step": step,
        "loss": rate + distortion,
        "elbo": -rate - distortion,
        "rate": rate,
        "distortion": distortion,
    }
    beside = {"gradient_norm": 10 * chance.random(), "learning_rate": 1e-3, "images_per_second": 9e3 + chance.random()}
    read = {"sigma": sigma, "rmse": 0.11 + 1e-3 * chance.random(), "floored": 0.0, "beta": 1.0}
    return {**bound, **beside, **read, "equivalent_sigma": sigma, "equivalent_beta": sigma**2}


def journal(path: Path, rows: int) -> None:
    chance = random.Random(0)
    with path.open("w") as file:
        file.writelines(json.dumps(row(number + 1, chance)) + "\n" for number in range(rows))


def made_run(folder: Path, recipe: str, steps: int) -> None:
    """A finished run of which there is everything that lists and tables read, but no weights and no journal."""
    splits = {name: {"images": 1000, "from": None, "fingerprint": "0" * 16} for name in ("train", "test")}
    last = folder / "checkpoints" / f"{steps:08d}"
    last.mkdir(parents=True)
    (last / "state.json").write_text(json.dumps({"format": 2, "step": steps, "best": None}))
    (folder / "provenance.json").write_text(json.dumps({"data": {"splits": splits}, "machine": {"system": "Linux"}}))
    (folder / "recipe.toml").write_text(recipe)


def made_runs(folder: Path) -> None:
    from kelbo.recipes import change, dump, find

    journal(folder.with_suffix(".jsonl"), RUN_ROWS)
    for number in range(RUNS):
        recipe = dump(change(find("digits"), [f"seed={number}", f"training.steps={RUN_ROWS}"]))
        made_run(folder / f"run-{number:04d}", recipe, RUN_ROWS)
        shutil.copy(folder.with_suffix(".jsonl"), folder / f"run-{number:04d}" / "journal.jsonl")


def made_sweep(folder: Path) -> None:
    """500 values of β with two seeds each."""
    from kelbo.recipes import change, dump, find
    from kelbo.runs import Sweep
    from kelbo.sweeps.grid import grid

    base = change(find("digits"), [f"training.steps={LANE_ROWS}"])
    lanes = grid(base, ["objective.beta=" + ",".join(f"{1 + n / 100:g}" for n in range(LANES // 2))], (1, 2))
    told = [{"name": lane.name, "settings": lane.settings, "seed": lane.recipe.seed} for lane in lanes]
    sweep = Sweep.create(folder, {"recipe": dump(base), "over": [], "seeds": [1, 2], "lanes": told})
    journal(folder.with_suffix(".jsonl"), LANE_ROWS)
    for lane in lanes:
        made_run(sweep.run(lane.name).path, dump(lane.recipe), LANE_ROWS)
        shutil.copy(folder.with_suffix(".jsonl"), sweep.run(lane.name).journal.path)
        sweep.save_status(lane.name, {"state": "done"})


def reported_run(folder: Path, rows: int) -> None:
    """A trained run whose last checkpoint is said to be of the last of many rows."""
    settings = [part for setting in DIGITS for part in ("--set", setting)]
    subprocess.run(
        [sys.executable, "-m", "kelbo", "train", "digits", "--out", str(folder), *settings], check=True, stdout=2
    )
    last = folder / "checkpoints" / f"{rows:08d}"
    (folder / "checkpoints" / "00000020").rename(last)
    header = json.loads((last / "state.json").read_text())
    (last / "state.json").write_text(json.dumps({**header, "step": rows, "best": None}))
    journal(folder / "journal.jsonl", rows)


def resume(folder: Path) -> None:
    """What a resumed run does with its journal; prints its seconds."""
    from kelbo.experiments.watch import RunWatch
    from kelbo.likelihoods import OptimalGaussian
    from kelbo.runs import Run

    run = Run(folder)
    rows = int(folder.name.partition("-")[2])
    begun = time.perf_counter()
    run.journal.cut_after(rows - 1)
    RunWatch(run, OptimalGaussian(), 2 * rows, print).begin()
    print(json.dumps({"seconds": time.perf_counter() - begun}))


def timed(command: list[str], source: Path) -> dict[str, float]:
    """Seconds of a process, unless it prints those of its work, and its peak memory."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    own = json.loads(printed.splitlines()[-1]) if command[0] != "-m" else {}
    return {"seconds": seconds, **own, "peak_memory_mib": used.ru_maxrss / 1024}


def commands(work: Path) -> dict[str, list[str]]:
    """What is measured, by name. The run of fewer rows is for a version that takes too long with many."""
    script, kelbo = str(Path(__file__)), ["-m", "kelbo"]
    return {
        "resume at 20,000 rows": [script, "--resume", str(work / "rows-20000")],
        "resume at 200,000 rows": [script, "--resume", str(work / "rows-200000")],
        "list of 1,000 runs": [*kelbo, "runs", "list", str(work / "runs")],
        "table of 1,000 lanes": [*kelbo, "sweep", "table", str(work / "sweep")],
        "report of 200,000 rows": [*kelbo, "report", str(work / "report")],
    }


def prepare(work: Path) -> None:
    for rows in (20_000, 200_000):
        (work / f"rows-{rows}").mkdir(exist_ok=True)
    if not (work / "runs").exists():
        made_runs(work / "runs")
    if not (work / "sweep").exists():
        made_sweep(work / "sweep")
    if not (work / "report").exists():
        reported_run(work / "report", 200_000)


def fresh(work: Path, name: str) -> None:
    """What a measurement changes is as before it."""
    if name.startswith("resume"):
        rows = int(name.split()[2].replace(",", ""))
        shutil.rmtree(work / f"rows-{rows}")
        (work / f"rows-{rows}").mkdir()
        journal(work / f"rows-{rows}" / "journal.jsonl", rows)


class Part(NamedTuple):
    """What can be measured by itself. slow_before: names that take too long before, and are measured now only."""

    bars: dict[str, float]
    slow_before: set[str]
    prepare: Callable[[Path], None]
    commands: Callable[[Path], dict[str, list[str]]]
    fresh: Callable[[Path, str], None]


PARTS = {
    # resuming takes time that grows with the square of the rows before: minutes
    "journals": Part(BARS, {"resume at 200,000 rows"}, prepare, commands, fresh),
    "lanes": Part(scale_lanes.BARS, set(), scale_lanes.prepare, scale_lanes.commands, scale_lanes.fresh),
    "folders": Part(
        scale_folders.BARS,
        scale_folders.SLOW_BEFORE,
        scale_folders.prepare,
        scale_folders.commands,
        scale_folders.fresh,
    ),
}


def rounds(part: Part, work: Path, sources: dict[str, Path], count: int) -> dict:
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(count):
        for name, command in part.commands(work).items():
            for version, source in sources.items():
                if version == "before" and name in part.slow_before:
                    continue
                part.fresh(work, name)
                one = timed(command, source)
                found.setdefault(name, {}).setdefault(version, []).append(one)
                print(f"round {number + 1}/{count} {name}, {version}: {one['seconds']:.2f} s", flush=True)
    return found


def record(parts: list[str], found: dict, commit: str) -> dict:
    """The results file with some parts' numbers in place of those that it has of them."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    bars = {name: bar for part in parts for name, bar in PARTS[part].bars.items()}
    medians = {
        name: {
            version: {key: statistics.median(one[key] for one in taken) for key in taken[0]}
            for version, taken in versions.items()
        }
        for name, versions in found.items()
    }
    new = {"before": dict.fromkeys(parts, commit), "bars_seconds": bars, "median": medians, "rounds": found}
    return {"what": WHAT} | {key: kept.get(key, {}) | value for key, value in new.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", metavar="COMMIT")
    parser.add_argument("--work", type=Path, help="folder for the runs; some 500 MB")
    parser.add_argument("--only", choices=PARTS, help="measure one part, and keep what the file says of the others")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resume", type=Path, metavar="RUN", help="measure what resuming does with one journal")
    given = parser.parse_args()
    if given.resume:
        resume(given.resume)
        return
    if given.work is None:
        parser.error("--work names a folder for the runs")
    parts = [given.only] if given.only else list(PARTS)
    given.work.mkdir(parents=True, exist_ok=True)
    for part in parts:
        PARTS[part].prepare(given.work)
    old = given.work / "before"
    repository = ["git", "-C", str(HERE.parent)]
    subprocess.run([*repository, "worktree", "add", "--detach", str(old), given.before], check=True)
    try:
        sources = {"before": old / "src", "now": HERE.parent / "src"}
        found = {}
        for part in parts:
            found |= rounds(PARTS[part], given.work, sources, given.rounds)
    finally:
        subprocess.run([*repository, "worktree", "remove", "--force", str(old)], check=True)
    from kelbo.machine import describe  # only now: a process's peak begins with that of the one that starts it
    from kelbo.runs import write_json

    told = record(parts, found, given.before)
    write_json(RESULTS, told | {"machine": describe()})
    for name in found:
        now, bar = told["median"][name]["now"], told["bars_seconds"].get(name)
        print(
            f"{name}: {now['seconds']:.2f} s{'' if bar is None else f' of {bar:g} s'}, {now['peak_memory_mib']:.0f} MiB"
        )


if __name__ == "__main__":
    main()
