"""What the page says in words: what was trained, and whether the decoder's σ is its error."""

from __future__ import annotations

from typing import NamedTuple

from kelbo.experiments.diagnosis import FITS, fit, over_error
from kelbo.recipes import schema as s
from kelbo.reports.shown import Shown

NAMES = {
    name.lower(): name
    for name in ("Bernoulli", "Burgess", "Gaussian", "Higgins", "Laplace", "MSE", "Rybkin", "Student", "VAE")
}


class SigmaVerdict(NamedTuple):
    """In a word and in a sentence."""

    word: str
    sentence: str


def trained(shown: Shown) -> str:
    """One sentence on what was trained, on what, for how long and for what."""
    recipe, data = shown.recipe, shown.data
    plan, model = recipe.training, recipe.model
    kind = "variational autoencoder" if shown.has_rate else "plain autoencoder"
    channels, height, width = data["shape"]
    pixels = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    steps = f"{shown.step:,}" + (f" of {plan.steps:,}" if shown.step != plan.steps else "")
    return (
        f"A {kind} with {model.latents} {'latent' if model.latents == 1 else 'latents'} "
        f"({spoken(model.network.kind)} networks, {spoken(recipe.likelihood.kind)} decoder), trained on "
        f"{data['name']} ({data['splits']['train']['images']:,} {pixels} images of {height}×{width} pixels at "
        f"{data['levels']} levels) for {steps} steps of {plan.batch_size:,} images to "
        f"{aim(recipe.objective, has_rate=shown.has_rate)}."
    )


def aim(objective: s.ObjectiveSpec, *, has_rate: bool) -> str:
    """What the objective does, as it follows "to"."""
    if not has_rate:
        return "minimise the distortion alone"
    match objective:
        case s.ElboSpec() | s.BetaSpec(beta=1.0):
            return "maximise the ELBO (β = 1)"
        case s.BetaSpec(beta=beta):
            return f"minimise distortion + β·rate with β = {beta:g}"
        case s.CapacitySpec(gamma=gamma, capacity=capacity):
            return f"minimise distortion + {gamma:g}·|rate − C| with C rising to {capacity:g} nats"
        case _:
            return f"minimise the objective {spoken(objective.kind)!r}"


def spoken(kind: str) -> str:
    """A recipe's `kind` as words: "optimal_gaussian" is "optimal Gaussian"."""
    return " ".join(NAMES.get(word, word) for word in kind.split("_"))


def calibration(sigma: float, rmse: float) -> SigmaVerdict:
    """Whether the σ that a decoder predicts is the error that its reconstructions make, both in intensities."""
    ratio = over_error(sigma, rmse)
    match fit(ratio):
        case "fits":
            return SigmaVerdict("calibrated", f"It expects the error that it makes, within a factor of {FITS:g}.")
        case "narrow":
            return SigmaVerdict(
                "overconfident", f"It expects an error {100 * (1 - ratio):.0f} % below the one it makes."
            )
    if rmse == 0 or ratio > 2:
        times = "while there is none" if rmse == 0 else f"{ratio:.1f} times the one it makes"
        return SigmaVerdict("underconfident", f"It expects an error {times}, and pays nats for that.")
    return SigmaVerdict("underconfident", f"It expects an error {100 * (ratio - 1):.0f} % above the one it makes.")
