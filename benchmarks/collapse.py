"""How often the σ-VAE release's recipe on MNIST loses its encoder at once, by decoder, in kelbo and in plain PyTorch.

    python benchmarks/collapse.py --root DATA --seeds 10 --precision bf16-mixed    # writes benchmarks/results/collapse.json

Each decoder is trained from several seeds for 100 steps. The rate of the last 25 tells: a posterior that is the prior has none.
The plain version is the release's loss and network in PyTorch's own layers with PyTorch's own initial weights, fed the same
images in an order of its own.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STEPS, LAST = 100, 25
COLLAPSED = 0.1
"""nats an image, as kelbo warns of; seeds that live have several times that"""
DECODERS = ("shared_gaussian", "optimal_gaussian")


def ours(decoder: str, seed: int, root: Path | None, precision: str) -> float:
    """The rate of kelbo's run. TypeError of one without a rate, which has not collapsed."""
    from kelbo.experiments import train
    from kelbo.recipes import change
    from kelbo.studies.sigma_vae.sets import set_recipe

    settings = [f"likelihood.kind={decoder}", f"seed={seed}", f"training.precision={precision}"]
    settings += [f"training.log_every={LAST}", f"training.checkpoint_every={STEPS}", f"training.pictures_every={STEPS}"]
    with TemporaryDirectory() as folder:
        run = train(change(set_recipe("mnist", root, STEPS), settings), Path(folder) / "run")
        return float(run.journal.rows()[-1]["rate"])


def plain(decoder: str, seed: int, root: Path | None, precision: str) -> float:
    """The rate of the same model written down in PyTorch."""
    import torch
    from torch import nn

    from kelbo.recipes import build
    from kelbo.studies.sigma_vae.sets import set_recipe
    from kelbo.units import intensities

    images = build.data(set_recipe("mnist", root)).train
    torch.manual_seed(seed)
    encoder = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU()),
        *(nn.Conv2d(64, 128, 5, 2, 2), nn.ReLU(), nn.Flatten()),
    )
    mean, log_variance = nn.Linear(6272, 20), nn.Linear(6272, 20)
    decode = nn.Sequential(
        *(nn.Linear(20, 6272), nn.Unflatten(1, (128, 7, 7)), nn.ConvTranspose2d(128, 64, 6, 2, 2), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 32, 6, 2, 2), nn.ReLU(), nn.ConvTranspose2d(32, 1, 5, 1, 2), nn.Sigmoid()),
    )
    log_sigma = nn.Parameter(torch.zeros(()), requires_grad=decoder == "shared_gaussian")
    parts = nn.ModuleList([encoder, mean, log_variance, decode])
    optimizer = torch.optim.Adam([*parts.parameters(), *([log_sigma] if log_sigma.requires_grad else [])], 1e-3)
    rates = []
    for _ in range(STEPS):
        x = intensities(images.take(torch.randint(len(images), (128,))), images.levels)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            features = encoder(x)
            mu, log_var = mean(features).float(), log_variance(features).float()
            x_hat = decode(mu + (log_var / 2).exp() * torch.randn_like(mu)).float()
        squared = (x - x_hat).square()
        log_s = squared.mean().log() / 2 if decoder == "optimal_gaussian" else log_sigma
        distortion = (squared / (2 * (2 * log_s).exp()) + log_s + math.log(2 * math.pi) / 2).sum()
        rate = (mu.square() + log_var.exp() - 1 - log_var).sum() / 2
        optimizer.zero_grad()
        (distortion + rate).backward()
        optimizer.step()
        rates.append(float(rate.detach()) / len(x))
    return sum(rates[-LAST:]) / LAST


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--root", type=Path, help="Where MNIST's official files lie.")
    asked.add_argument("--seeds", type=int, default=4)
    asked.add_argument("--precision", default="32-true", choices=["32-true", "bf16-mixed"])
    given = asked.parse_args()

    import torch

    from kelbo.machine import describe, keep_freed_memory
    from kelbo.runs import write_json

    keep_freed_memory()
    rates: dict[str, dict[str, list[float]]] = {}
    for decoder in DECODERS:
        for name, trained in (("kelbo", ours), ("plain PyTorch", plain)):
            found = [trained(decoder, seed, given.root, given.precision) for seed in range(given.seeds)]
            rates.setdefault(decoder, {})[name] = found
            print(decoder, name, [round(rate, 3) for rate in found], flush=True)
    told: dict[str, Any] = {
        "what": (__doc__ or "").splitlines()[0],
        "steps": STEPS,
        "precision": given.precision,
        "seeds": given.seeds,
        "rate_of_the_last_steps": rates,
        "collapsed": {d: {n: sum(r < COLLAPSED for r in of) for n, of in by.items()} for d, by in rates.items()},
        "machine": describe() | {"threads": torch.get_num_threads()},
    }
    write_json(Path(__file__).parent / "results" / "collapse.json", told)
    print(told["collapsed"])


if __name__ == "__main__":
    main()
