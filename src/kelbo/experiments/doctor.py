"""What commonly goes wrong with a VAE, looked for in a trained one: each finding with its evidence and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch

from kelbo.bound import Bound
from kelbo.data.images import Images
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.latent_scores import scores_of_latents
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.suite import Record, evaluate
from kelbo.protocols import Likelihood, Model
from kelbo.units import counted, intensities

LOOKED_AT = 2_000
"""images of each split; enough to see what is worth a word, in seconds"""

LEAST = 3
"""images that the rate's parts need"""

FLOORED = 0.01
"""share of the pixels whose σ lies on its floor that is worth a word"""

FAR_FROM_PRIOR = (
    "Draws of the prior often lie where no image's code does, so samples look worse than reconstructions. A larger β, "
    "fewer latents or longer training bring them together."
)


class Finding(NamedTuple):
    """problem: numbers or samples of this run mislead; warning: it could well be better; fine: looked at, in order.

    not judged: there are too few images to tell.
    """

    severity: Literal["problem", "warning", "not judged", "fine"]
    about: str
    evidence: str
    advice: str = ""


class Examined(NamedTuple):
    """What the findings are told from: records on training and test images, and what they lack."""

    likelihood: Likelihood
    train: Record
    test: Record
    latents: Mapping[str, Any] | None
    pit: Mapping[str, Any]
    brightest: float
    outside: float
    journal: Sequence[Mapping[str, Any]]


def examine(
    model: Model,
    train: Images,
    test: Images,
    journal: Sequence[Mapping[str, Any]],
    weigh: Callable[[Bound], float] = lambda _: 1.0,
) -> list[Finding]:
    """All findings about a model, problems first. journal: the run's rows of scalars; weigh: as of `evaluate`."""
    train, test = evenly(train, LOOKED_AT), evenly(test, LOOKED_AT)
    device = next(model.parameters()).device
    x = intensities(test.spread(256).to(device), test.levels)
    with model.evaluating():
        mean = model.likelihood.mean(model.decode(model.posterior_moments(x)[0]))
    seen = Examined(
        likelihood=model.likelihood,
        train=evaluate(model, train, weigh=weigh),
        test=evaluate(model, test, weigh=weigh),
        latents=scores_of_latents(model, test) if model.has_rate and len(test) >= LEAST else None,
        pit=calibration(model, test, count=500),
        brightest=float(intensities(train.spread(1000), train.levels).max()),
        outside=float(((mean < -0.02) | (mean > 1.02)).float().mean()),
        journal=journal,
    )
    order = ("problem", "warning", "not judged", "fine")
    return sorted((finding for rule in RULES for finding in rule(seen)), key=lambda f: order.index(f.severity))


def _not_judged(about: str, record: Record, split: str = "test") -> Finding:
    return Finding("not judged", about, counted(record["settings"]["images"], f"{split} image"))


def used_latents(seen: Examined) -> list[Finding]:
    latents, rate = seen.test["latents"], seen.test["rate"]
    if latents is None:
        return [Finding("fine", "latents", "A plain autoencoder: its code is a point and has no rate.")]
    active, dims = latents["active_units"], latents["dims"]
    if active is None:
        return [_not_judged("latents", seen.test)]
    told = f"{active} of {dims} latents move with the data; the rate is {rate['mean']:.2f} nats per image"
    if active == 0:
        advice = (
            "Posterior collapse: the decoder ignores the latents. Lower the weight of the rate (objective.beta) or let it rise "
            "(objective.warmup), learn the decoder's σ (likelihood.kind=optimal_gaussian), or learn more slowly."
        )
        return [Finding("problem", "latents", told, advice)]
    if active < dims / 2:
        return [
            Finding(
                "warning",
                "latents",
                told,
                "The others cost nothing and carry nothing. Fewer latents (model.latents) train the same model; a smaller β "
                "or σ would use more of them.",
            )
        ]
    return [Finding("fine", "latents", told)]


def calibrated_sigma(seen: Examined) -> list[Finding]:
    decoder = seen.test["decoder"]
    sigma, rmse, on_train = decoder["sigma"], decoder["rmse"], seen.train["decoder"]["rmse"]
    told = (
        f"the decoder expects σ = {sigma:.4f} and errs by {rmse:.4f} on test images ({on_train:.4f} on training ones)"
    )
    if floored := _floored(seen, told):
        return [floored]
    ratio = sigma / max(rmse, 1e-12)
    if 0.8 <= ratio <= 1.25:
        return [Finding("fine", "decoder's σ", told)]
    return [Finding("warning", "decoder's σ", told, _too_wide(seen, ratio) if ratio > 1 else _too_narrow(seen))]


def _floored(seen: Examined, told: str) -> Finding | None:
    """σ on its floor, of all pixels or of some; None where of none."""
    floor, share = seen.likelihood.sigma_floor, seen.test["decoder"]["floored"]
    if floor is None:
        return None
    # a model that is still being trained has a running σ, which comes down long after the errors do
    solved = seen.likelihood.sigma_from == "solved" and seen.train["decoder"]["rmse"] < floor
    if share > 1 - FLOORED or solved:
        return Finding(
            "problem",
            "decoder's σ",
            told,
            f"σ lies on its floor, {floor:.4f}, about half a grey level: the density grows without bound where pixels repeat. "
            "Use a mass (likelihood.kind=logistic_mixture, categorical), or look for constant images.",
        )
    if share < FLOORED:
        return None
    return Finding(
        "warning",
        "decoder's σ",
        f"{told}; the σ of {100 * share:.0f} % of the pixels lies on its floor, {floor:.4f}",
        "These pixels repeat from image to image, and each earns up to 5 nats for that alone: the ELBO says little of the "
        "others. Compare with one σ (likelihood.kind=optimal_gaussian), or use a mass (logistic_mixture, categorical).",
    )


def _too_narrow(seen: Examined) -> str:
    told = "Overconfident: the ELBO on new images suffers."
    if seen.likelihood.sigma_from == "given":
        return f"{told} Raise likelihood.sigma, or let it be learned (likelihood.kind=optimal_gaussian)."
    if seen.test["decoder"]["rmse"] > 1.1 * seen.train["decoder"]["rmse"]:
        return (
            f"{told} The error on training images is smaller: the model knows them by heart. More data, fewer parameters, "
            "weight decay or fewer steps."
        )
    return f"{told} It does so on training images too: train longer, or use one σ (likelihood.kind=optimal_gaussian)."


def _too_wide(seen: Examined, ratio: float) -> str:
    told = f"Too wide: it pays for noise that is not there, as β = {ratio**2:.1f} would."
    match seen.likelihood.sigma_from:
        case "learned":
            return (
                f"{told} A learned σ moves by about the learning rate a step: resume it with more training.steps, raise "
                "optimizer.learning_rate, or solve for σ (likelihood.kind=optimal_gaussian)."
            )
        case "solved":
            return (
                f"{told} σ is the error on training images at a draw of the latents, so these images are easier, or the draws "
                "are far from the posterior's mean (train longer). In a model that is still being trained it is a running "
                "estimate, which lags: bring the run back with open_run."
            )
        case _:
            return f"{told} Let σ be learned (likelihood.kind=optimal_gaussian)."


def transforms(seen: Examined) -> list[Finding]:
    pit = seen.pit
    half = pit["coverage"]["0.5"]["share"]
    told = (
        f"the decoder's central 50 % intervals hold {100 * half:.0f} % of the pixels; the histogram of its probability "
        f"integral transforms has {100 * pit['total_variation']:.0f} % of its mass in the wrong bins"
    )
    if pit["total_variation"] < 0.1:
        return [Finding("fine", "calibration", told)]
    advice = (
        "One σ for sharp and flat pixels alike does this: try per_pixel_gaussian, laplace, student_t or logistic_mixture, "
        "and compare ELBO and calibration."
    )
    return [Finding("warning", "calibration", told, advice)]


def units(seen: Examined) -> list[Finding]:
    found, decoder = [], seen.test["decoder"]
    if seen.brightest < 0.25:
        levels = seen.test["settings"]["levels"]
        found.append(
            Finding(
                "problem",
                "range of the data",
                f"the brightest training pixel is {seen.brightest:.3f} of [0, 1] ({levels} levels)",
                "The images are nearly black, most likely 0/1 or float images saved as 8-bit levels. Say how many levels they "
                "have (data.levels for arrays), or scale them to 0 … 255.",
            )
        )
    if not decoder["normalized"]:
        found.append(
            Finding(
                "problem",
                "units",
                f"{decoder['likelihood']} is no distribution over these images: {seen.test['elbo']['unit']}"
                if seen.test["elbo"]
                else f"{decoder['likelihood']} is no distribution over these images",
                "Its nats compare with nothing. Use a likelihood of the images' own levels (categorical, logistic_mixture; "
                "continuous_bernoulli for grey images), or leave as_published out.",
            )
        )
    if seen.outside > 0.001:
        found.append(
            Finding(
                "warning",
                "range of the decoder",
                f"{100 * seen.outside:.1f} % of the pixels of reconstructions lie outside of [0, 1]",
                "Set likelihood.mean_activation=sigmoid, so that the mean cannot leave the range of intensities.",
            )
        )
    return found or [Finding("fine", "units and ranges", "intensities and decoder's means lie in [0, 1]")]


def prior_gap(seen: Examined) -> list[Finding]:
    if seen.latents is None:
        return [_not_judged("prior", seen.test)] if seen.test["latents"] is not None else []
    gap, rate = seen.latents["marginal_kl"]["value"], seen.test["rate"]["mean"]
    information = seen.latents["index_code_mutual_information"]
    if information["value"] > information["cap"] - 1:  # N images tell at most log N of the rate: the rest is no gap
        gap = seen.latents["dimension_wise_kl"]["value"]
        count = seen.latents["details"]["images"]
        told = f"latent by latent, codes are {gap:.2f} nats from the prior of a rate of {rate:.2f}"
        unseen = f" (how the latents depend on one another cannot be told from {counted(count, 'image')} at this rate)"
        if gap < max(1.0, 0.15 * rate):
            return [Finding("fine", "prior", told + unseen)]
        return [Finding("warning", "prior", told + unseen, FAR_FROM_PRIOR)]
    told = f"KL(q(z) ‖ p(z)) is about {gap:.2f} nats of a rate of {rate:.2f}"
    if gap < max(1.0, 0.15 * rate):
        return [Finding("fine", "prior", told)]
    return [Finding("warning", "prior", told, FAR_FROM_PRIOR)]


def generalises(seen: Examined) -> list[Finding]:
    if seen.test["elbo"] is None:
        return []
    train, test = seen.train["elbo"], seen.test["elbo"]
    gap, errors = train["mean"] - test["mean"], (train["standard_error"], test["standard_error"])
    if None in errors:
        few = (seen.train, "training") if errors[0] is None else (seen.test, "test")
        return [_not_judged("generalisation", *few)]
    error = math.hypot(*errors)
    told = (
        f"ELBO {test['mean']:.1f} on test images, {train['mean']:.1f} on training ones, {gap:.1f} ± {error:.1f} apart"
    )
    if gap < 4 * error or gap < 0.02 * abs(train["mean"]):
        return [Finding("fine", "generalisation", told)]
    return [
        Finding(
            "warning",
            "generalisation",
            told,
            "The model fits its training images more closely than new ones. More data, optimizer.weight_decay, a smaller "
            "network or fewer steps.",
        )
    ]


def finished(seen: Examined) -> list[Finding]:
    rows = [row for row in seen.journal if row.get("elbo") is not None]
    tenth = len(rows) // 10
    if tenth < 3:
        return []
    last, before = ([row["elbo"] for row in part] for part in (rows[-tenth:], rows[-2 * tenth : -tenth]))
    gain = sum(last) / tenth - sum(before) / tenth
    spread = float(torch.tensor(last).std()) / math.sqrt(tenth)
    told = f"over the last tenth of the steps the training ELBO rose by {gain:.2f} nats"
    if gain < 4 * spread or gain < 0.005 * abs(sum(last) / tenth):
        return [Finding("fine", "convergence", told)]
    return [Finding("warning", "convergence", told, "It is still learning: resume it with more training.steps.")]


RULES = (used_latents, calibrated_sigma, transforms, units, prior_gap, generalises, finished)
