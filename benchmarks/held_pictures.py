"""Five targets that span 16×, held by very deep VAEs on MNIST at 16×16, as a sweep in a queue of two one-thread workers.

    KELBO_DATA=… python benchmarks/held_pictures.py --sweep FOLDER    # trains what is not there yet, then measures

Writes benchmarks/results/held_pictures.json: of each target the squared error over the last 500 steps, that of the test split
(both at draws of the latents), the rate and how many groups carry some of it. Multiplier and network learn faster than in "Mind
Your Bits and Errors" (log-odds of λ by 0.02 a step, Adam at 1e-3), which has 350,000 steps; these are
1,600, of which the first 700 balance the groups' rates, since they would leave most groups unused otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kelbo.experiments import evaluate_run, open_run
from kelbo.machine import describe
from kelbo.runs import Run

TARGETS = (6.4, 3.2, 1.6, 0.8, 0.4)
STEPS, LAST = 1_600, 500
SETTINGS = (
    *("data.pad=32", "data.size=16", "model.merge=precision_weighted", "likelihood.kind=optimal_gaussian"),
    *(
        "objective.kind=distortion_target",
        "objective.form=log_odds",
        "objective.multiplier_rate=0.02",
        "objective.balance=700",
    ),
    *("optimizer.kind=adam", "optimizer.betas=[0.9,0.999]", "optimizer.weight_decay=0", "training.skip.kind=quantile"),
    *(
        f"training.steps={STEPS}",
        "training.log_every=10",
        "training.checkpoint_every=1000",
        "training.pictures_every=1000",
    ),
)
IN_USE = 0.1
"""nats of a group that counts as used"""
RESULT = Path(__file__).parent / "results" / "held_pictures.json"


def train(sweep: Path) -> float:
    """Train what of the sweep is not done; the seconds that it took."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "kelbo", "sweep", "vdvae-tiny", "--resume", "--how", "queue", "--workers", "2"]
    command += ["--out", str(sweep), "--over", f"objective.target={','.join(map(str, TARGETS))}"]
    subprocess.run([*command, *(part for each in SETTINGS for part in ("--set", each))], check=True)
    return time.perf_counter() - begun


def measured(lane: Path) -> dict[str, Any]:
    rows = [row for row in Run(lane).journal.rows() if row["step"] > STEPS - LAST]
    named = ("squared_error", "rate", "multiplier")
    last = {name: sum(row[name] for row in rows) / len(rows) for name in named}
    skipped = sum(row["skipped"] for row in Run(lane).journal.rows())
    record = evaluate_run(open_run(lane, device="cpu"), samples=0)
    groups = record["rate_per_group"]
    return {
        "last steps": last | {"rows": len(rows)},
        "test": {"squared_error": record["target"]["value"], **{name: record[name] for name in ("rate", "elbo")}},
        "rate of each group": groups,
        "groups in use": sum(rate > IN_USE for rate in groups),
        "skipped": skipped,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=Path, required=True)
    parser.add_argument("--beside", default="nothing", help="What else the machine did meanwhile.")
    asked = parser.parse_args()
    took = asked.sweep.with_suffix(".seconds")
    if not took.exists():
        took.write_text(str(round(train(asked.sweep))))
    seconds = int(took.read_text())
    lanes = {target: measured(asked.sweep / "lanes" / f"target={target},seed=0") for target in TARGETS}
    settings = {"settings": SETTINGS, "steps": STEPS, "last": LAST, "a group is in use from": f"{IN_USE} nats"}
    machine = describe() | {"beside": asked.beside}
    result = {"recipe": "vdvae-tiny", **settings, "seconds of training": seconds, "targets": lanes, "machine": machine}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
