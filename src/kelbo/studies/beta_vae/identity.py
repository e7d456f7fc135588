"""The β-VAE study's section 4.2, trained: with a Gaussian decoder, β is a variance and nothing else.

For intensities x of D dimensions and the decoder's mean m (its equations 8 to 10),

    loss at β, σ = 1    ½ ‖x - m‖² + D/2 · ln 2π + β·KL
    loss at 1, σ² = β   1/2β ‖x - m‖² + D/2 · ln 2πβ + KL

so the first is β times the second plus D/2 · (ln 2π - β ln 2πβ), which no weight changes. Gradients are proportional by β in
every parameter, and an optimiser that does not see the scale of a gradient takes the same steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kelbo.data.batches import Batches
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.experiments.running import beginning
from kelbo.recipes import Recipe, build, change, find
from kelbo.seeds import Source, drawing_from, seed_for, seeded
from kelbo.studies.beta_vae.models import BETAS
from kelbo.training import TrainState, Values, fit

NOTE = (
    "The same VAE twice on scikit-learn's digits, from the same weights, with the same batches and noise: once a Gaussian of "
    "σ = 1 with the rate weighed by β, once a Gaussian of σ² = β and the plain bound. The second loss is shown times β plus "
    "the constant D/2·(ln 2π - β ln 2πβ), nats per image. loss_gap and gradient_gap are relative, at the weights that both "
    "begin with, and come from float32 alone; trajectory_gap is the largest distance of the two curves as a share of what the "
    "loss fell by. Adam divides by a gradient's own size, so it takes the same steps but for its ε and for rounding, which "
    "training magnifies."
)


def pair(beta: float, steps: int = 200, seed: int = 0) -> tuple[Recipe, Recipe]:
    """Two recipes that section 4.2 says are one: β beside a unit Gaussian, and the bound of a Gaussian of variance β."""
    small = ["data.size=8", "model.latents=8", "model.network.width=64", "objective.warmup=0", f"seed={seed}"]
    plain = ["optimizer.kind=adam", "optimizer.weight_decay=0", f"training.steps={steps}", "training.batch_size=64"]
    recipe = change(find("digits"), [*small, *plain, "likelihood.kind=fixed_gaussian"])
    weighed = change(recipe, [f"objective.beta={beta!r}", "likelihood.sigma=1.0"])
    return weighed, change(recipe, ["objective.beta=1.0", f"likelihood.sigma={math.sqrt(beta)!r}"])


def on_the_scale_of_beta(loss: float, beta: float, dims: int) -> float:
    """A loss at σ² = β and weight 1 as the loss at σ = 1 and weight β, nats per example of `dims` dimensions."""
    return beta * loss + dims / 2 * (math.log(2 * math.pi) - beta * math.log(2 * math.pi * beta))


def measure_identity(runs: Sequence[Path], *, steps: int, seed: int) -> dict[str, Any]:  # noqa: ARG001  an extra's face
    """`identity`, as a study's extra."""
    return identity(steps, seed)


def identity(
    steps: int = 150, seed: int = 0, betas: Sequence[float] = BETAS, pictured: float | None = None
) -> dict[str, Any]:
    """Train each of `betas` both ways for `steps` and tell how far they part; seconds on one core, nothing on disk.

    loss_gap and gradient_gap, one a β: relative differences before the first step, the gradient's the larger of encoder's
    and decoder's. trajectory_gap: see `note`. curves: [step, loss] of the β `pictured` (the first by default), both on the
    scale of β.
    """
    pictured = betas[0] if pictured is None else pictured
    data, measured, curves = build.data(pair(1.0, steps, seed)[0]), [], {}
    for beta in betas:
        weighed, gaussian = (_trained(recipe, data) for recipe in pair(beta, steps, seed))
        scaled = [on_the_scale_of_beta(loss, beta, data.train.dims) for loss in gaussian.losses]
        fell = weighed.losses[0] - min(weighed.losses)
        measured.append(
            {
                "betas": beta,
                "loss_gap": abs(weighed.losses[0] - scaled[0]) / abs(weighed.losses[0]),
                "gradient_gap": max(
                    float((weighed.gradients[part] - beta * gaussian.gradients[part]).norm() / total.norm())
                    for part, total in weighed.gradients.items()
                ),
                "trajectory_gap": max(abs(a - b) for a, b in zip(weighed.losses, scaled, strict=True)) / fell,
            }
        )
        if beta == pictured:
            curves = {"beta": _curve(weighed.losses), "gaussian": _curve(scaled)}
    columns = {name: [row[name] for row in measured] for name in measured[0]}
    return {**columns, "steps": steps, "seed": seed, "pictured": pictured, "curves": curves, "note": NOTE}


class _Trained(NamedTuple):
    """losses: of every step, before it. gradients: of the first step, of encoder and decoder, each as one vector."""

    losses: list[float]
    gradients: dict[str, Tensor]


def _trained(recipe: Recipe, data: ImageSet) -> _Trained:
    """The recipe's parts put together as a run puts them, on the CPU, without a folder."""
    fabric = Fabric(accelerator="cpu", devices=1)
    losses, gradients = [], {}

    def watch(state: TrainState, values: Values) -> None:
        losses.append(float(values["loss"]))
        if state.step == 1:
            for part in ("encoder", "decoder"):
                parameters = getattr(state.network, part).parameters()
                gradients[part] = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])

    with seeded(recipe.seed, "init"):
        state, update = beginning(recipe, data, fabric)
    with drawing_from(Source(seed_for(recipe.seed, "latents", 0))):
        order = Batches(data.train, recipe.training.batch_size, recipe.seed, fabric.device)
        batches = (batch.as_intensities(data.levels) for batch in order)
        fit(state, update, batches, recipe.training.steps, [watch])
    return _Trained(losses, gradients)


def _curve(losses: Sequence[float], points: int = 100) -> list[list[float]]:
    """[step, loss], thinned to about `points`."""
    every = max(1, len(losses) // points)
    return [[step, loss] for step, loss in enumerate(losses, 1) if step == 1 or step % every == 0]
