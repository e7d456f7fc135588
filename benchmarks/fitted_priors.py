"""What a fitted prior is worth on MNIST: bound, rate and distance of samples with N(0, I), with a mixture and a flow fitted to
the codes of the same model, and with a VampPrior learned beside.

    python benchmarks/fitted_priors.py --root DATA --work runs/priors    # writes benchmarks/results/fitted_priors.json

DATA holds MNIST's official files in mnist/. Runs, features and priors that the work folder has already are read from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETTINGS = [
    *("model.network.kind=higgins", "model.network.width=400", "model.latents=16", "schedule.kind=cosine"),
    *(
        "training.steps=5000",
        "training.log_every=250",
        "training.pictures_every=5000",
        "training.checkpoint_every=2500",
    ),
]
VAMP = ["model.prior.kind=vamp", "model.prior.components=200"]
FITS: dict[str, dict[str, Any]] = {"mixture": {"kind": "mixture"}, "flow": {"kind": "flow"}}
SAMPLES, WEIGHED, CLOUD = 64, 20, 5_000
"""pictured samples; draws of the importance-weighted bound; images on each side of a distance"""


def trained(folder: Path, settings: list[str]) -> dict[str, float] | None:
    """Train a run unless its folder has one; processor seconds and wall-clock seconds, if it was trained now."""
    from kelbo.experiments import train
    from kelbo.recipes import change, find

    if (folder / "recipe.toml").exists():
        return None
    return timed(lambda: train(change(find("mnist-sigma"), settings), folder))


def timed(action: Callable[[], object]) -> dict[str, float]:
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - processor}


def measured(run: Path, prior: str | None, network: Any, pictures: Path) -> dict[str, Any]:
    """The bounds on the test split, and the distance of samples."""
    from kelbo import evaluation
    from kelbo.experiments import evaluate_run, open_run
    from kelbo.experiments.scoring import score_run
    from kelbo.runs import save_grid

    opened = open_run(run, device="cpu", prior=prior)
    record = evaluate_run(opened, samples=WEIGHED)
    scores = score_run(opened, ["images"], network=network(opened), images=CLOUD)["images"]["scores"]
    save_grid(pictures / f"{run.name}-{prior or 'own'}.png", evaluation.sample(opened.model, SAMPLES), 8)
    return {
        **{name: record[name] for name in ("elbo", "rate", "distortion", "importance_weighted")},
        "frechet": {name: scores["sample"]["frechet"][name] for name in ("value", "low", "high", "called")},
        "recall": scores["sample"]["recall"]["value"],
        "precision": scores["sample"]["precision"]["value"],
        "settings": record["settings"],
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--root", type=Path, required=True, help="Where MNIST's official files lie, in mnist/.")
    asked.add_argument("--work", type=Path, required=True, help="Folder of the runs.")
    asked.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "fitted_priors.json")
    told = asked.parse_args()

    import torch

    from kelbo.evaluation.features import feature_network
    from kelbo.experiments import open_run
    from kelbo.experiments.feature_networks import train_for
    from kelbo.experiments.fitted_priors import fit_prior
    from kelbo.experiments.prior_files import read_prior
    from kelbo.machine import describe
    from kelbo.runs.tensors import read_tensors

    torch.set_num_threads(1)
    root = f'data.root="{told.root.resolve()}"'
    plain, vamp, features = told.work / "standard", told.work / "vamp", told.work / "mnist.safetensors"
    seconds_path = told.work / "seconds.json"
    seconds = json.loads(seconds_path.read_text()) if seconds_path.exists() else {}

    def keep(name: str, took: dict[str, float] | None) -> None:
        if took is not None:
            seconds[name] = took
            seconds_path.write_text(json.dumps(seconds))

    keep("vamp", trained(vamp, [*SETTINGS, *VAMP, root]))
    keep("standard", trained(plain, [*SETTINGS, root]))
    opened = open_run(plain, device="cpu")
    if not features.exists():
        train_for(opened.data, features, "mnist")
    fits = {}
    for name, how in FITS.items():
        if name not in opened.run.prior_names():
            keep(name, timed(lambda how=how: fit_prior(opened, **how)))
        fits[name] = dict(read_prior(opened.run, name).about)

    def network(experiment: Any) -> Any:
        return feature_network(str(features), experiment.data.image_shape)

    of = {"standard": (plain, None), **{name: (plain, name) for name in FITS}, "vamp": (vamp, None)}
    found = {name: measured(*run, network, told.work) for name, run in of.items()}
    result = {
        "what": (__doc__ or "").partition("\n\n")[0].replace("\n", " "),
        "recipe": ["mnist-sigma", *SETTINGS],
        "vamp": VAMP,
        "fits": fits,
        "features": read_tensors(features, "classifier")[1],
        "seconds": seconds,
        "beside": "one thread; other work ran on the machine's two cores all the time",
        "results": found,
        "machine": describe(),
    }
    told.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
