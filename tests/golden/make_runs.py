"""Train the runs in runs/, which later versions must still open, evaluate and go on with to the same weights.

They are those of the version that wrote them, so they are not made anew when kelbo changes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "KELBO_CACHE": "none"}

import cases
import folders

RUNS = Path(__file__).with_name("runs")
TINY = {
    **{"model.network.width": 12, "model.latents": 3, "objective.warmup": 10, "seed": 4},
    **{"training.batch_size": 64, "training.log_every": 5, "training.checkpoint_every": 20},
    "training.pictures_every": 1000,
}
OLD: dict[str, tuple[int, dict[str, object]]] = {
    "vae-ema": (40, {"likelihood.kind": "shared_gaussian", "training.ema": 0.9, "training.clip": 50.0}),
    "optimal-sigma": (20, {"likelihood.kind": "optimal_gaussian", "objective.beta": 2.0}),
    "autoencoder": (40, {"model.kind": "autoencoder", "likelihood.kind": "shared_gaussian"}),
}
"""steps that each was to have, and its settings; all of them ended after step 20"""


def make(name: str, place: Path) -> folders.Flat:
    """A run in runs/ as it was after step 20, and what becomes of it by step 40."""
    steps, settings = OLD[name]
    run, old = place / name, RUNS / name
    cpu = ["--accelerator", "cpu"]
    cases.kelbo("train", "digits", "--out", run, "--steps", steps, *cpu, *cases.chosen(TINY | settings))
    if steps > 20:
        shutil.rmtree(run / "checkpoints" / f"{steps:08d}")
        rows = (run / "journal.jsonl").read_text().splitlines(keepends=True)
        (run / "journal.jsonl").write_text("".join(row for row in rows if json.loads(row)["step"] <= 20))
    cases.evaluate(run)
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(run, old, ignore=shutil.ignore_patterns("events", "pictures"))
    cases.kelbo("train", "--resume", "--out", run, "--steps", 40, *cpu)
    cases.evaluate(run)
    return folders.whole(run)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        found = {name: make(name, Path(place)) for name in OLD}
    after = folders.written(found, machine=folders.machine(), threads=folders.threads())
    (RUNS / "after.json").write_text(after)
    sys.exit(0)
