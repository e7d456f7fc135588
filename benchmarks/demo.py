"""What `make demo` takes and reaches: seconds of each part, PSNR, and whether a classifier sees the shape in reconstructions.

    python benchmarks/demo.py --seeds 0 1 2 --beside nothing    # writes benchmarks/results/demo.json

Each seed is trained, evaluated and reported by the commands of the Makefile, one after the other, and timed by the clock and by
the processors' time; what --runs has of it is taken. The classifier learns the factor `shape` from originals of the training
split, and is asked about test images that neither it nor the model was trained on.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from kelbo.data.batches import passes
from kelbo.data.factors import Factors
from kelbo.data.images import SubsetImages
from kelbo.evaluation import reconstruct
from kelbo.evaluation.classifier import PREPARATION
from kelbo.evaluation.train_classifier import TrainedClassifier, train_classifier
from kelbo.experiments import Experiment, evaluate_run, open_run
from kelbo.experiments.doctor import examine
from kelbo.experiments.latent_order import factor_of
from kelbo.experiments.moved_latents import measure_shares
from kelbo.machine import describe

RECIPE, FACTOR = "shapes3d-sigma", "shape"
LEARNED = 20_000
"""originals from which the classifier learns"""
RESULT = Path(__file__).parent / "results" / "demo.json"


def timed(*words: str | Path) -> dict[str, float]:
    """Seconds by the clock and of the processors that a command of kelbo takes."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "kelbo", *map(str, words)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"kelbo {' '.join(map(str, words))} failed.")
    return {"wall": round(time.perf_counter() - begun, 1), "cpu": round(used.ru_utime + used.ru_stime, 1)}


def made(place: Path, seed: int) -> dict[str, Any]:
    """The seconds that the run in `place` took, which is made now unless it is there. They are kept beside it."""
    kept = place.with_suffix(".seconds.json")
    if not kept.exists():
        seconds = {
            "train": timed("train", RECIPE, "--seed", str(seed), "--out", place),
            "evaluate": timed("evaluate", place),
            "report": timed("report", place),
        }
        kept.write_text(json.dumps(seconds))
    return json.loads(kept.read_text())


def shapes_of(factors: Factors, images: SubsetImages) -> torch.Tensor:
    return factors.of(images.index)[:, factors.column(FACTOR)]


def classifier(experiment: Experiment) -> TrainedClassifier:
    """Of the rendered shapes, from originals."""
    train, test, whole = experiment.data.train, experiment.data.test, experiment.data.whole
    assert whole is not None
    assert isinstance(train, SubsetImages)
    assert isinstance(test, SubsetImages)
    some = SubsetImages(train.parent, train.index[train.spread_index(LEARNED)])
    known = (shapes_of(whole.factors, images).numpy() for images in (some, test))
    return train_classifier(some, next(known), test, next(known), name=RECIPE, epochs=2)


def seen(experiment: Experiment, judge: TrainedClassifier) -> dict[str, Any]:
    """The share of test images, and of the decoder's means at their codes, in which the classifier sees their shape."""
    test, whole = experiment.data.test, experiment.data.whole
    assert whole is not None
    assert isinstance(test, SubsetImages)
    truth, names = shapes_of(whole.factors, test), whole.factors.values[whole.factors.column(FACTOR)]
    found = []
    for batch in passes(test, 256, experiment.device):
        made = torch.from_numpy(reconstruct(experiment.model, batch.as_intensities(test.levels)))
        pictures = batch.x, (made.clamp(0, 1) * 255).round().byte()
        found.append(torch.stack([judge.network(PREPARATION(picture, 256)).argmax(1) for picture in pictures], 1))
    right = (torch.cat(found) == truth[:, None]).double()
    shares = dict(zip(("originals", "reconstructions"), right.mean(0).tolist(), strict=True))
    errors = {f"{name} error": math.sqrt(share * (1 - share) / len(test)) for name, share in shares.items()}
    each = {name: float(right[truth == value, 1].mean()) for value, name in enumerate(names)}
    return {"images": len(test), **shares, **errors, "reconstructions by shape": each}


def measured(place: Path, seconds: dict[str, Any], judge: TrainedClassifier | None) -> tuple[dict[str, Any], Any]:
    """The numbers of one run, and the classifier, which is trained if there is none yet."""
    experiment = open_run(place, device="cpu")
    judge = judge or classifier(experiment)
    record, shares = evaluate_run(experiment), measure_shares(experiment)
    model, data = experiment.model, experiment.data
    findings = examine(model, data.train, data.test, experiment.run.journal.rows(), experiment.weigh)
    moved = factor_of(shares.value if shares else None)
    return {
        "seconds": seconds,
        "total": {kind: round(sum(part[kind] for part in seconds.values()), 1) for kind in ("wall", "cpu")},
        "psnr": record["reconstruction"]["psnr"],
        "ssim": record["reconstruction"]["ssim"],
        "rate": record["rate"],
        "decoder": record["decoder"],
        "shape": seen(experiment, judge),
        "moved": {f"z {k}": [one.factor, round(one.share, 3)] for k, one in moved.items()},
        "doctor": [{"code": one.code, "severity": one.severity, "text": one.text} for one in findings],
        "warnings while training": experiment.run.warnings(),
    }, judge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", type=Path, help="Keep the runs here; in a temporary folder by default.")
    parser.add_argument("--beside", default="not told", help="What else the machine did meanwhile.")
    asked = parser.parse_args()
    result: dict[str, Any] = {"recipe": RECIPE, "machine": describe() | {"beside": asked.beside}, "seeds": {}}
    judge = None
    with TemporaryDirectory() as temporary:
        for seed in asked.seeds:
            place = (asked.runs or Path(temporary)) / f"seed-{seed}"
            place.parent.mkdir(parents=True, exist_ok=True)
            result["seeds"][str(seed)], judge = measured(place, made(place, seed), judge)
    assert judge is not None
    result["classifier"] = {"originals": LEARNED, "accuracy on test originals": judge.about["accuracy"]}
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
