"""The recipe mnist-conditional on MNIST: does each sample show the digit that was given, and what are labels worth in nats?

    KELBO_DATA=… python benchmarks/conditional_mnist.py --runs FOLDER    # trains what is not there yet, then measures

Writes benchmarks/results/conditional_mnist.json. Beside the recipe: its twin that is told nothing, over the same seeds, and a
calibrated decoder (optimal_gaussian, beta 1, grey images) of the same network, which is drawn from N(0, I) and from the priors
that were fitted to it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from kelbo.evaluation import sample
from kelbo.evaluation.classifier import PREPARATION
from kelbo.evaluation.train_classifier import TrainedClassifier, train_classifier
from kelbo.experiments import Experiment, evaluate_run, open_run, train
from kelbo.experiments.fitted_priors import fit_prior
from kelbo.machine import describe
from kelbo.recipes import change, find
from kelbo.recipes.sets import read

SEEDS, DIGITS, DRAWS = (0, 1, 2), 10, 100
SAMPLES = 4
"""importance samples"""
KINDS = ("mixture", "flow")
"""of priors that are fitted to the calibrated run"""
CALIBRATED = ["data.bits=8", "likelihood.kind=optimal_gaussian", "objective.kind=beta", "training.steps=8000"]
ARMS: dict[str, list[str]] = {"conditional": [], "twin": ["model.given=null"], "calibrated": CALIBRATED}
RESULT = Path(__file__).parent / "results" / "conditional_mnist.json"


def trained(runs: Path, arm: str, seed: int) -> Path:
    """The run's folder; trained now unless it is there. The seconds of the wall's clock and of the CPUs are beside it."""
    place = runs / f"{arm}-{seed}"
    seconds = runs / f"{arm}-{seed}.seconds"
    if not seconds.exists():
        begun, used = time.perf_counter(), time.process_time()
        train(change(find("mnist-conditional"), [*ARMS[arm], f"seed={seed}"]), place)
        seconds.write_text(f"{time.perf_counter() - begun:.1f} {time.process_time() - used:.1f}")
    return place


def classifier(runs: Path) -> TrainedClassifier:
    """Trained on MNIST's grey training images, once."""
    place = runs / "classifier.pt"
    if place.exists():
        return torch.load(place, weights_only=False)
    data = read("mnist")
    known = data.train, data.labels["train"], data.test, data.labels["test"]
    made = train_classifier(*known, name="mnist", epochs=3)
    torch.save(made, place)
    return made


def seen(experiment: Experiment, judge: TrainedClassifier) -> list[float]:
    """The share of samples of each digit (the decoder's mean) in which the classifier sees that digit."""
    condition = experiment.condition
    assert condition is not None
    shares = []
    for digit in range(DIGITS):
        given = condition.given(torch.full((DRAWS, 1), digit))
        images = torch.from_numpy(sample(experiment.model, DRAWS, given=given, seed=digit))
        levels = (images.clamp(0, 1) * 255).round().byte()
        guess = judge.network(PREPARATION(levels, 256)).argmax(1)
        shares.append(float((guess == digit).float().mean()))
    return shares


def measured(place: Path, judge: TrainedClassifier, prior: str | None = None) -> dict[str, Any]:
    experiment = open_run(place, device="cpu", prior=prior)
    record = evaluate_run(experiment, samples=0 if prior else SAMPLES)
    names = ("elbo", "rate", "distortion", "importance_weighted", "marginal")
    found = {name: record[name] for name in names if record.get(name)}
    if experiment.condition is not None:
        found["each digit"] = seen(experiment, judge)
        found["accuracy"] = sum(found["each digit"]) / DIGITS
    return found


def with_fitted_priors(place: Path, judge: TrainedClassifier) -> dict[str, Any]:
    """The same weights with priors that were fitted to the codes of each class."""
    for kind in KINDS:
        if not (place / "priors" / f"{kind}.safetensors").exists():
            fit_prior(open_run(place, device="cpu"), kind)
    return {kind: measured(place, judge, kind) for kind in KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--beside", default="nothing", help="What else the machine did meanwhile.")
    asked = parser.parse_args()
    asked.runs.mkdir(parents=True, exist_ok=True)
    judge = classifier(asked.runs)
    judge.network.eval()
    wanted = [("conditional", 0), ("twin", 0), ("calibrated", 0)]
    wanted += [(arm, seed) for seed in SEEDS[1:] for arm in ("conditional", "twin")]
    places = {(arm, seed): trained(asked.runs, arm, seed) for arm, seed in wanted}
    result: dict[str, Any] = {
        "recipe": "mnist-conditional",
        "likelihood": "bernoulli on images of 1 bit (thresholded at 128); calibrated: optimal_gaussian on grey images",
        "samples": f"{DRAWS} of each digit, the decoder's mean",
        "classifier": {"accuracy": judge.about["accuracy"], "trained on": "grey training images", "epochs": 3},
        "machine": describe() | {"beside": asked.beside},
    }
    for (arm, seed), place in places.items():
        wall, cpu = map(float, (asked.runs / f"{place.name}.seconds").read_text().split())
        found = measured(place, judge) | {"seconds": wall, "cpu_seconds": cpu}
        if arm == "calibrated":
            found["with fitted priors"] = with_fitted_priors(place, judge)
        result.setdefault(arm, {})[str(seed)] = found
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
