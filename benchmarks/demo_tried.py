"""Other networks and decoders in the demo's recipe, each trained for about as many seconds of the processors.

python benchmarks/demo_tried.py    # writes benchmarks/results/demo_tried.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kelbo.evaluation import evaluate
from kelbo.evaluation.reference import evenly
from kelbo.experiments import open_run, train
from kelbo.machine import describe
from kelbo.recipes import change, find

RECIPE, IMAGES = "shapes3d-sigma", 1000
NETWORK, BETA = "model.network.kind", "objective.beta"
TRIED: dict[str, tuple[int, list[str]]] = {
    "the recipe": (600, []),
    "β = 1": (600, [f"{BETA}=1"]),
    "β = 1, convolutions (burgess)": (500, [f"{BETA}=1", f"{NETWORK}=burgess", "optimizer.learning_rate=1e-3"]),
    "β = 1, no residual blocks (higgins)": (
        800,
        [f"{BETA}=1", f"{NETWORK}=higgins", "model.network.width=256", "optimizer.learning_rate=1e-3"],
    ),
}
"""by name: steps, and settings; β rises over half of the steps, as in the recipe"""
RESULT = Path(__file__).parent / "results" / "demo_tried.json"


def tried(steps: int, settings: list[str], place: Path) -> dict[str, Any]:
    """One variant trained; numbers on some test images."""
    plan = [f"training.steps={steps}", f"objective.warmup={steps // 2}", f"training.pictures_every={steps}"]
    begun = time.process_time()
    run = train(change(find(RECIPE), [*plan, *settings]), place)
    used = time.process_time() - begun
    experiment = open_run(run.path, device="cpu")
    record = evaluate(experiment.model, evenly(experiment.data.test, IMAGES))
    made, rate = record["reconstruction"]["psnr"], record["rate"]
    return {"steps": steps, "cpu": round(used, 1), "psnr": made, "rate": rate, "settings": settings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", default="not told", help="What else the machine did meanwhile.")
    beside = parser.parse_args().beside
    result: dict[str, Any] = {"recipe": RECIPE, "machine": describe() | {"beside": beside}, "tried": {}}
    with TemporaryDirectory() as folder:
        for number, (name, how) in enumerate(TRIED.items()):
            result["tried"][name] = tried(*how, Path(folder) / str(number))
            RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
