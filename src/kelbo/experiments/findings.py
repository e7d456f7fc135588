"""Findings about a run, in one form for warnings, the doctor and reports: a code, its numbers and its text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from kelbo import units
from kelbo.experiments import target_texts
from kelbo.units import counted

Severity = Literal["problem", "warning", "not judged", "fine"]
"""problem: numbers or samples of the run mislead. warning: it could be much better. not judged: too few images to tell."""

MASSES = "likelihood.kind=categorical, logistic_mixture"
ONE_SIGMA = "likelihood.kind=optimal_gaussian"


class Finding(NamedTuple):
    """code: stable, for programs. fields: finite numbers, words and None, as JSON takes them. text: for people."""

    code: str
    severity: Severity
    fields: Mapping[str, Any]
    text: str


def finding(code: str, severity: Severity, **fields: Any) -> Finding:
    """A finding whose text is made of its code and fields. KeyError for an unknown code, TypeError for other fields."""
    return Finding(code, severity, fields, TEXTS[code](**fields))


def of_rows(found: Finding) -> Finding:
    """The finding in the words of a table's rows, whose σ is in standard deviations of the columns."""
    text = TEXTS_OF_ROWS.get(found.code, TEXTS[found.code])(**found.fields)
    return found._replace(text=units.of_rows(text))


def _at(step: int | None) -> str:
    return "The" if step is None else f"At step {step} the"


def _untested(conditions: str) -> str:
    return f"No test image is under {conditions}: what the model makes of that is learned and never measured."


# ── latents ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _collapsed(rate: float, below: float, source: str | None, step: int | None) -> str:
    remedies = "another seed or a lower optimizer.learning_rate"
    if source in ("given", "learned"):  # one σ, which may stay far above the error for long
        remedies = f"another seed, a lower optimizer.learning_rate or a σ that fits from the first step ({ONE_SIGMA})"
    return (
        f"{_at(step)} rate is {rate:.2g} nats per image, below {below:g}: the posterior has collapsed to the prior, and the "
        f"decoder ignores the latents. An encoder whose units died early does not recover: try {remedies}. If β is large, "
        "lower it (objective.beta) or raise it slowly (objective.warmup)."
    )


def _stage_unused(stage: int, rate: float, below: float) -> str:
    return (
        f"The rate of stage {stage} is {rate:.2g} nats per image, below {below:g}: it ignores its latents and adds one fixed "
        "change to the picture before it. Posteriors that begin at their prior are not switched off before the output depends "
        "on them (model.merge=residual); balanced rates keep more groups (objective.balance)."
    )


def _discriminator_wins(accuracy: float, before: float | None, distance: float | None, step: int | None) -> str:
    rises = "" if distance is None else f" The distance of features rose from {before:.4g} to {distance:.4g} nats."
    return (
        f"{_at(step)} discriminator tells {accuracy:.1%} of the images right, and has for long: the decoder learns little from "
        f"it.{rises} Try adversary.loss=non_saturating, a balance (adversary.balance), a lower adversary.learning_rate, "
        "adversary.r1 or adversary.spectral_norm."
    )


def _latents_inactive(active: int, dims: int, rate: float) -> str:
    return f"{_latents_used(active, dims, rate)} " + (
        "Fewer latents (model.latents) would do the same; a smaller β or σ would use more of them."
        if active
        else "The posterior does not depend on the image. Lower the weight of the rate (objective.beta)."
    )


def _latents_used(active: int, dims: int, rate: float) -> str:
    return f"{active} of {counted(dims, 'latent')} are active; the rate is {rate:.2f} nats per image."


def _groups_used(used: int, groups: int, least: float, rate: float) -> str:
    return (
        f"{used} of {counted(groups, 'group')} of latents have a rate of {least:.2g} nats or more; the rate is {rate:.2f} nats "
        "per image."
    )


def _prior(gap: float, rate: float, per_latent_images: int | None) -> str:
    if per_latent_images is None:
        return f"KL(q(z) ‖ p(z)) is about {gap:.2f} nats, and the rate is {rate:.2f}."
    return (
        f"The codes of each latent alone are {gap:.2f} nats from the prior in total, and the rate is {rate:.2f}. How latents "
        f"depend on one another cannot be measured on {counted(per_latent_images, 'image')} at this rate."
    )


def _prior_far(gap: float, rate: float, per_latent_images: int | None) -> str:
    return (
        f"{_prior(gap, rate, per_latent_images)} Draws from the prior often lie far from the codes of images, so samples look "
        "worse than reconstructions. Use a larger β, fewer latents or more training steps."
    )


# ── the decoder's σ ───────────────────────────────────────────────────────────────────────────────────────────────────


def _sigma_fits(sigma: float, rmse: float, step: int | None = None) -> str:
    return f"{_at(step)} decoder expects errors of σ = {sigma:.4f} and makes errors of {rmse:.4f} on test images."


def _sigma_floor(rmse: float, floor: float, share: float, step: int | None) -> str:
    lies = f"at its floor, {floor:.4f} (about half a grey level of 256)"
    if share < 1:
        return (
            f"{_at(step)} σ of {100 * share:.0f} % of the pixels is {lies}: these pixels repeat from image to image, and each "
            "earns up to 5 nats for that alone, so the ELBO says little about the others. Use one σ "
            f"({ONE_SIGMA}) or a mass over the levels ({MASSES})."
        )
    return (
        f"{_at(step)} decoder's σ is {lies}, and the error on test images is {rmse:.4f}: a density grows without bound if "
        "pixels repeat, and the ELBO depends on the floor. Look for images that are constant or copies of one another, or "
        f"use a mass over the levels ({MASSES})."
    )


def _sigma_narrow(sigma: float, rmse: float, source: str, memorised: bool, step: int | None) -> str:
    text = f"{_sigma_fits(sigma, rmse, step)} It is overconfident, which lowers the ELBO of new images. "
    if source == "given":
        return f"{text}Raise likelihood.sigma, or learn it ({ONE_SIGMA})."
    if memorised:
        return (
            f"{text}It fits its training images more closely than new ones: use more data, a smaller network, "
            "optimizer.weight_decay or fewer steps."
        )
    return f"{text}Its errors on training images are as large: train longer, or use one σ ({ONE_SIGMA})."


def _sigma_wide(
    sigma: float, rmse: float, source: str, step: int | None, needed: float | None = None, left: int | None = None
) -> str:
    weight = (sigma / max(rmse, 1e-12)) ** 2
    text = f"{_sigma_fits(sigma, rmse, step)} The rate weighs {weight:.3g} times as much as under a σ that fits. "
    if source == "given":
        return f"{text}Lower likelihood.sigma, or learn it ({ONE_SIGMA})."
    if source == "learned":
        how = "is not falling" if needed is None else f"needs {needed:,.0f} more steps at its present speed"
        forecast = "" if left is None else f"It {how}; {left:,} are left. "
        return (
            f"{text}σ is learned, by about the learning rate a step. {forecast}Solve for it ({ONE_SIGMA}), raise "
            "optimizer.learning_rate, or continue training with more steps (training.steps)."
        )
    if source == "solved":
        return (
            f"{text}σ is the error on training images at draws of the latents: either test images are easier than training "
            "images (take both from the same source), or the draws lie far from the posterior's mean (train longer)."
        )
    return f"{text}Train longer, set training.clip, or use one σ ({ONE_SIGMA})."


def _averaged(batch: int, dims: int, beta: float | None, collapse_expected: bool) -> str:
    variance = batch * dims / 2
    weighs = "" if beta is None else f", so the rate weighs as β = {beta:,.4g} would beside ½ squared error"
    collapse = " The posterior will most likely collapse." * collapse_expected
    return (
        f"likelihood.kind=mse_vae averages squared errors over {batch:,} images and {dims:,} pixels but does not average the "
        f"rate: this is a Gaussian of σ² = B·D/2 = {variance:,.0f} (σ = {math.sqrt(variance):,.1f} for intensities in "
        f"[0, 1]){weighs}.{collapse} Choose {ONE_SIGMA}, unless you want this baseline."
    )


def _sigma_floor_of_rows(rmse: float, floor: float, share: float, step: int | None) -> str:
    which = "decoder's σ" if share == 1 else f"σ of {100 * share:.0f} % of the numbers"
    return (
        f"{_at(step)} {which} is at its floor, {floor:.4f} standard deviations of a column, and the error on test rows "
        f"is {rmse:.4f}: a density grows without bound if numbers repeat, and the ELBO depends on the floor. Look for "
        "columns that another one determines, or that have one value in most rows, and leave them out (data.without)."
    )


# ── pixels, units, training ───────────────────────────────────────────────────────────────────────────────────────────


def _pixels_calibrated(half: float, total_variation: float) -> str:
    return (
        f"The decoder's central 50 % intervals hold {100 * half:.0f} % of the pixels; {100 * total_variation:.0f} % of its "
        "probability integral transforms lie in the wrong bins."
    )


def _pixels_miscalibrated(half: float, total_variation: float) -> str:
    return (
        f"{_pixels_calibrated(half, total_variation)} A single σ for sharp and flat pixels causes this: try "
        "likelihood.kind=per_pixel_gaussian, laplace, student_t or logistic_mixture, and compare ELBO and calibration."
    )


def _data_dark(brightest: float, levels: int) -> str:
    return (
        f"The brightest training pixel is {brightest:.3f} of [0, 1] ({levels} levels): most likely 0/1 or float images saved "
        "as 8-bit levels. Set how many levels they have (data.levels for arrays), or scale them to 0 … 255."
    )


def _not_normalised(likelihood: str, unit: str | None) -> str:
    text = f": {unit}" if unit else ""
    return (
        f"{likelihood} is not a distribution over these images{text}. Its nats are not comparable with any others. Use a "
        f"likelihood of the images' own levels ({MASSES}; continuous_bernoulli for grey images), or leave as_published out."
    )


def _decoder_outside(share: float) -> str:
    return (
        f"{100 * share:.1f} % of the pixels of reconstructions lie outside [0, 1]. Set likelihood.mean_activation=sigmoid, "
        "which keeps the mean inside."
    )


def _pixels_miscalibrated_of_rows(half: float, total_variation: float) -> str:
    return (
        f"{_pixels_calibrated(half, total_variation)} A single σ for narrow and wide columns causes this: try "
        "likelihood.kind=per_pixel_gaussian, laplace or student_t, and compare ELBO and calibration."
    )


def _not_normalised_of_rows(likelihood: str, unit: str | None) -> str:
    text = f": {unit}" if unit else ""
    return f"{likelihood} is not a distribution over these rows{text}. Leave likelihood.as_published out."


def _generalises(train: float, test: float, gap: float, error: float) -> str:
    return f"ELBO {test:.1f} on test images, {train:.1f} on training images: {gap:.1f} ± {error:.1f} apart."


def _overfit(train: float, test: float, gap: float, error: float) -> str:
    return (
        f"{_generalises(train, test, gap, error)} The model fits its training images more closely than new ones: use more "
        "data, optimizer.weight_decay, a smaller network or fewer steps."
    )


def _converged(gain: float) -> str:
    return f"Over the last tenth of the steps the training ELBO rose by {gain:.2f} nats."


TEXTS: Mapping[str, Callable[..., str]] = {
    "collapsed": _collapsed,
    "stage-unused": _stage_unused,
    "discriminator-wins": _discriminator_wins,
    "latents-inactive": _latents_inactive,
    "latents-used": _latents_used,
    "groups-used": _groups_used,
    "no-rate": lambda: "The model has no rate, so how much its latents tell of an image is not judged.",
    "prior-far": _prior_far,
    "prior-near": _prior,
    "sigma-floor": _sigma_floor,
    "sigma-narrow": _sigma_narrow,
    "sigma-wide": _sigma_wide,
    "sigma-fits": _sigma_fits,
    "averaged-squared-error": _averaged,
    "untested": _untested,
    "pixels-miscalibrated": _pixels_miscalibrated,
    "pixels-calibrated": _pixels_calibrated,
    "data-dark": _data_dark,
    "not-normalised": _not_normalised,
    "decoder-outside": _decoder_outside,
    "ranges-fit": lambda: "Intensities and the decoder's means lie in [0, 1].",
    "overfit": _overfit,
    "generalises": _generalises,
    "unfinished": lambda gain: f"{_converged(gain)} Continue training with more steps (training.steps).",
    "converged": _converged,
    "target-out-of-reach": target_texts.out_of_reach,
    "target-missed": target_texts.missed,
    "target-not-below": target_texts.not_below,
    "target-held": target_texts.is_held,
    "target-winding": target_texts.winding,
    "target-missed-on-test": target_texts.missed_on_test,
    "not-judged": lambda about, images, split: f"{counted(images, f'{split} image')}: too few to judge {about}.",
}
"""code: how its text is made of its fields"""

TEXTS_OF_ROWS: Mapping[str, Callable[..., str]] = {
    "sigma-floor": _sigma_floor_of_rows,
    "pixels-miscalibrated": _pixels_miscalibrated_of_rows,
    "not-normalised": _not_normalised_of_rows,
}
"""those that a table's rows need in other words"""
