"""A model of your own in kelbo's training, evaluation and pages: a VAE of digits whose prior is learned.

    python examples/own_model.py            # trains 300 steps, evaluates, writes the run's page
    python examples/own_model.py --steps 20

What is yours is written here: the model. Everything else (data, optimiser, update) is as the recipe says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.parts import Parts
from kelbo.experiments.pictures import measure_page
from kelbo.latents import StandardNormal
from kelbo.models import VAE
from kelbo.protocols import NOTHING
from kelbo.recipes import build, change, find
from kelbo.reports.run_page import write_page


class LearnedNormal(StandardNormal):
    """p(z) = N(mean, diag(exp(log_variance))), both learned."""

    def __init__(self, dims: int) -> None:
        super().__init__(dims)
        self.mean, self.log_variance = nn.Parameter(torch.zeros(dims)), nn.Parameter(torch.zeros(dims))

    def log_prob(self, z, given=NOTHING) -> Tensor:
        return super().log_prob((z - self.mean) / self.scale) - 0.5 * self.log_variance.sum()

    def sample(self, count, given=NOTHING, temperature=1.0) -> Tensor:
        return self.mean + self.scale * super().sample(count, given, temperature)

    def kl(self, posterior, given=NOTHING) -> Tensor:
        ratio = posterior.log_variance - self.log_variance
        shift = (posterior.mean - self.mean).square() * torch.exp(-self.log_variance)
        return 0.5 * (shift + torch.expm1(ratio) - ratio)

    @property
    def scale(self) -> Tensor:
        return torch.exp(0.5 * self.log_variance)


def model(recipe, images, runs) -> VAE:
    """As the recipe says, with the other prior."""
    vae = build.model(recipe, images, runs)
    vae.prior = LearnedNormal(vae.latent_dims)
    return vae


def main(steps: int, out: Path) -> None:
    parts, recipe = Parts(model=model), change(find("digits"), [f"training.steps={steps}"])
    run = train(recipe, out, parts=parts)
    experiment = open_run(run.path, parts=parts)
    record = evaluate_run(experiment)
    print(f"ELBO {record['elbo']['mean']:.1f} nats, rate {record['rate']['mean']:.1f}")
    measure_page(experiment)
    print(write_page(run))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("runs/own-model"))
    arguments = parser.parse_args()
    main(arguments.steps, arguments.out)
