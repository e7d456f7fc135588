"""What the page says in words: what was trained, and whether the decoder's σ is its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kelbo.experiments.diagnosis import FITS, fit, over_error
from kelbo.recipes import schema as s
from kelbo.reports.shown import Shown
from kelbo.units import counted

NAMES = {
    name.lower(): name
    for name in ("Bernoulli", "Burgess", "Gaussian", "Higgins", "Laplace", "MSE", "Rybkin", "Student", "VAE")
}


class SigmaVerdict(NamedTuple):
    """In a word and in a sentence."""

    word: str
    sentence: str


def trained(shown: Shown) -> str:
    """One sentence on what was trained, on what, for how long and, of a model that the recipe describes, for what."""
    plan, data, own = shown.recipe.training, shown.data, shown.run.own_model
    noun, examples = examples_of(data)
    steps = f"{shown.step:,}" + (f" of {plan.steps:,}" if shown.step != plan.steps else "")
    what = f"The model {own} with {_latents(shown)}" if own else _built(shown)
    told = shown.data.get("condition")
    what += f" that is given {told['name']}" if told else ""
    why = "" if own or not shown.reads else _aim(shown.recipe, shown.has_rate)
    fitted = f" Its prior, “{shown.fitted_prior}”, was fitted after training." if shown.fitted_prior else ""
    kept = f" Its {plan.freeze} was left as another run had trained it." if plan.freeze else ""
    return f"{what}, trained on {data['name']} ({examples}) for {steps} steps of {plan.batch_size:,} {noun}{why}.{kept}{fitted}"


def _aim(recipe: s.Recipe, has_rate: bool) -> str:
    """What a model was trained for, and beside or in place of what."""
    learned = " with a distance of features for the distortion" if recipe.distance is not None else ""
    beside = " beside a discriminator" if recipe.adversary is not None else ""
    return f" to {aim(recipe.objective, has_rate=has_rate)}{learned}{beside}"


def _built(shown: Shown) -> str:
    recipe, model = shown.recipe, shown.recipe.model
    kind = "variational autoencoder" if shown.has_rate else "plain autoencoder"
    if not shown.reads:
        return f"A generator with {_latents(shown)}"
    if isinstance(model, s.SecondarySpec):
        both = f"{_latents(shown)} in all" if shown.test is not None else f"{_latents(shown)} of its own"
        return f"A very deep second stage on a frozen first model, {both} ({spoken(recipe.likelihood.kind)} decoder)"
    if isinstance(model, s.HierarchicalSpec):
        return f"A very deep {kind} with {_latents(shown)} ({spoken(recipe.likelihood.kind)} decoder)"
    if isinstance(model, s.SpatialSpec):
        side = f"1/{2 ** (len(model.widths) - 1)} of a picture's side"
        what = f"{counted(model.latents, 'channel')} of latents at {side}"
        return f"A {kind} with {what} ({spoken(recipe.likelihood.kind)} decoder)"
    networks, decoder = spoken(model.network.kind), spoken(recipe.likelihood.kind)
    prior = model.prior if isinstance(model, s.VaeSpec) else None
    learned = f", VampPrior of {counted(prior.components, 'pseudo-input')}" if isinstance(prior, s.VampSpec) else ""
    return f"A {kind} with {counted(model.latents, 'latent')} ({networks} networks, {decoder} decoder{learned})"


def _latents(shown: Shown) -> str:
    if shown.test is None:
        return f"{counted(shown.run.provenance()['model']['groups'], 'group')} of latents"
    if latents := shown.test["latents"]:
        return counted(latents["dims"], "latent")
    return f"{counted(len(shown.test['rate_per_group'] or [1]), 'group')} of latents"


def examples_of(data: Mapping[str, Any]) -> tuple[str, str]:
    """What the examples are, and how many there are to train on, of which shape and levels."""
    count = data["splits"]["train"]["images"]
    match data["shape"]:
        case [dims]:
            noun, what = "vectors", f"vectors of {counted(dims, 'number')}"
        case [steps, channels, height, width]:
            noun, what = "clips", f"clips of {steps} {_colour(channels)} frames of {height}×{width} pixels"
        case [channels, height, width]:
            noun, what = "images", f"{_colour(channels)} images of {height}×{width} pixels"
        case shape:
            noun, what = "examples", f"examples of shape {shape}"
    if data["levels"] is None:
        noun, what = "rows", f"rows of {counted(data['shape'][0], 'column')}"
    return noun, f"{count:,} {what}" + (f" at {data['levels']} levels" if data["levels"] else "")


def _colour(channels: int) -> str:
    return {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")


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
        case s.DistortionTargetSpec(target=float(target), unit=unit):
            return f"minimise the rate at a {_HELD[unit].format(target)}"
        case s.RateTargetSpec(target=float(target), unit=unit):
            return f"minimise the distortion at a rate of {target:g} {unit.replace('bits_per_dim', 'bits/dim')}"
        case _:
            return f"minimise the objective {spoken(objective.kind)!r}"


_HELD = {
    "squared_error": "squared error of {:g}",
    "psnr": "PSNR of {:g} dB",
    "nats": "distortion of {:g} nats",
    "bits_per_dim": "distortion of {:g} bits/dim",
}


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
