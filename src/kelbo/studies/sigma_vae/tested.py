"""What the claims of the σ-VAE paper are tested by: differences and levels of our numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from kelbo.experiments.diagnosis import fit
from kelbo.reports.numbers import plain
from kelbo.studies.arms import StudyModel
from kelbo.studies.estimates import difference, ratio
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import Found, Test, Unit, apart, as_printed
from kelbo.studies.paper import paper
from kelbo.studies.sigma_vae.models import (
    BERNOULLI,
    MASSES,
    PER_PIXEL,
    SHARED,
    SIGMA_VAES,
    TUNED,
    UNIT,
    beta_of,
    grid,
)

PAPER = paper(Path(__file__).with_name("paper.toml"))
SAMPLES = "distance.sample"
STEP = 10.0
"""between two β of the grid"""
AS_GOOD, ABOUT, FAR_BELOW, WITHIN = 0.05, 0.1, 0.75, 0.05
"""shares of a distance: at most so much above another is as good; less apart is the same; far below the Gaussian's (0.54 in
print). Share of a printed −ln p within which ours counts as that"""
NEAR = 0.01
"""nats below ln N within which latents tell all N images apart: e^−0.01 of a draw's posterior is then its own image's"""
INFORMATION = "information"
BEST = "The best β is the one of the smallest mean over seeds, chosen on the same seeds, which favours β."
TUNED_BETA = StudyModel("betas", (), "tuned β", printed=TUNED)


def the_grid(n: Numbers) -> list[StudyModel]:
    """Every β of the grid in order, planned or there."""
    return sorted(n.models("betas", "objective.beta", grid), key=beta_of)


def unlearned(n: Numbers) -> str:
    """That shared σ of some seed is still far above the error that it should come down to; "" if it is of none."""
    sigma, error = n.by_seed("sigma", SHARED), n.by_seed("rmse", SHARED)
    ratios = {seed: sigma[seed] / error[seed] for seed in sigma if error.get(seed)}
    seed = max(ratios, key=lambda seed: ratios[seed], default=None)
    if seed is None or fit(ratios[seed]) != "wide":
        return ""
    return f"shared σ has not come down to its error yet: {plain(sigma[seed], 2)} and {plain(error[seed], 2)} (seed {seed})"


def gap(
    n: Numbers,
    first: StudyModel,
    second: StudyModel | Mapping[int, float],
    quantity: str = SAMPLES,
    unit: Unit = "distance",
    *,
    above: float = -math.inf,
    below: float = math.inf,
    label: str = "",
    arrived: bool = True,
) -> Test:
    """A test of first − second, held as long as shared σ is one of them and on its way (unless that is what is tested)."""
    held = unlearned(n) if arrived and SHARED in (first, second) else ""
    return apart(n, quantity, first, second, unit, above=above, below=below, label=label, held=held)


def alike(n: Numbers, model: StudyModel, other: StudyModel) -> Test:
    """That two distances differ by little beside the second."""
    reference = n.mean(SAMPLES, other)
    margin = ABOUT * reference if reference is not None else math.inf
    return gap(n, model, other, above=-margin, below=margin)


def gaussian_worse(n: Numbers) -> Found:
    return [gap(n, UNIT, model, above=0) for model in SIGMA_VAES]


def others(n: Numbers) -> list[StudyModel]:
    return [model for model in the_grid(n) if model != UNIT]


def tuning_helps(n: Numbers) -> Found:
    best = n.best(SAMPLES, others(n))
    yield gap(n, UNIT, best, above=0) if best else Test("Gaussian − best β", None)


def with_best(
    *models: StudyModel, among: Callable[[Numbers], list[StudyModel]] = the_grid
) -> Callable[[Numbers], list[StudyModel]]:
    """The models of a claim on the best β: that one, or all of the grid if none has numbers."""

    def uses(n: Numbers) -> list[StudyModel]:
        best = n.best(SAMPLES, among(n))
        return [*([best] if best else the_grid(n)), *models]

    return uses


def no_worse(n: Numbers) -> Found:
    best = n.best(SAMPLES, the_grid(n))
    if best is None:
        return [Test("best β − σ-VAE", None)]
    least = n.mean(SAMPLES, best) or 0.0
    return [gap(n, best, model, above=-AS_GOOD * least) for model in SIGMA_VAES]


def at_the_edge(n: Numbers, *quantities: str) -> str:
    """That a best β has no neighbour on one side, so that the best may lie beyond it."""
    known = [model for model in the_grid(n) if n.seeds(model)]
    bests = dict.fromkeys(best for quantity in quantities if (best := n.best(quantity, the_grid(n))))
    return " ".join(
        f"{b} is the grid’s end: the best may lie beyond it." for b in bests if b in (*known[:1], *known[-1:])
    )


def effective_beta(n: Numbers) -> Found:
    for words, quantity in (("by distance", SAMPLES), ("by −ELBO", "loss")):
        best = n.best(quantity, the_grid(n))
        for model in SIGMA_VAES:
            found = ratio(n.by_seed("effective-beta", model), beta_of(best)) if best else None
            held = unlearned(n) if model == SHARED else ""
            yield Test(f"{model} / {best or 'best β'}, {words}", found, "ratio", 1 / STEP, STEP, held)


def bests(n: Numbers) -> list[StudyModel]:
    found = (n.best(quantity, the_grid(n)) for quantity in (SAMPLES, "loss"))
    return [*SIGMA_VAES, *(model for model in found if model)]


def bound_below(n: Numbers) -> Found:
    known = {model: values for model in SIGMA_VAES if (values := n.by_seed("loss", model))}
    seeds = set.intersection(*map(set, known.values())) if known else set()
    higher = {seed: max(values[seed] for values in known.values()) for seed in seeds}
    words = "the higher" if len(known) == 2 else str(next(iter(known), "σ-VAE"))
    held = unlearned(n) if SHARED in known else ""
    for model in the_grid(n):
        yield Test(f"{model} − {words}", difference(n.by_seed("loss", model), higher), "nats", above=0, held=held)
    yield from (Test(str(model), None) for model in SIGMA_VAES if model not in known)


def learns_faster(n: Numbers) -> Found:
    yield gap(n, *SIGMA_VAES, "early-loss", "nats", above=0, label="−ELBO", arrived=False)
    yield gap(n, *SIGMA_VAES, "early-distance", "gap", above=0, label="|ln σ/RMSE at the end|", arrived=False)


def per_pixel(n: Numbers) -> Found:
    yield gap(n, PER_PIXEL, SHARED, "loss", "nats", below=0, label="−ELBO")
    yield gap(n, PER_PIXEL, SHARED, above=0, label="distance")


def printed_bounds(n: Numbers) -> Found:
    if n.data not in ("mnist", "svhn"):
        return [f"the paper prints it for MNIST and SVHN; ours are of {n.facts.get('set')}"]
    shared = as_printed(n, "loss", [SHARED], "loss", WITHIN, "nats")
    held = [replace(test, held=unlearned(n)) for test in shared if isinstance(test, Test)]
    return [*held, *as_printed(n, "unit-loss", [UNIT], "loss", WITHIN, "nats")]


def bernoulli_alike(n: Numbers) -> Found:
    if n.data != "mnist":
        return [f"said of MNIST; ours are of {n.facts.get('set')}"]
    far = {seed: FAR_BELOW * value for seed, value in n.by_seed(SAMPLES, UNIT).items()}
    beside = [gap(n, m, far, below=0, label=f"{m} − {FAR_BELOW:g} × Gaussian") for m in (BERNOULLI, SHARED)]
    return [alike(n, BERNOULLI, SHARED), *beside]


def better_than_masses(n: Numbers) -> Found:
    return [gap(n, mass, model, above=0) for mass in MASSES for model in SIGMA_VAES]


def information_falls(n: Numbers) -> Found:
    pairs = list(pairwise(the_grid(n)))
    for model in SIGMA_VAES:
        if n.mean("effective-beta", model) is None or n.mean(INFORMATION, model) is None:
            yield Test(str(model), None)
            continue
        beside, short = _between(n, model)
        pairs += beside
        if short:
            yield short
    capped = [pair for pair in pairs if all(_tells_all(n, model) for model in pair)]
    if capped:
        which = ", ".join(f"{low} − {high}" for low, high in capped)
        yield f"within {NEAR:g} nats of ln N both models tell all images apart, and nothing can part them: {which}"
    for low, high in pairs:
        if (low, high) not in capped:
            yield gap(n, low, high, INFORMATION, "nats", above=0)


def _between(n: Numbers, model: StudyModel) -> tuple[list[tuple[StudyModel, StudyModel]], str]:
    """A σ-VAE after the β of the grid below its effective one and before the one above; and which of them the grid lacks."""
    effective = n.mean("effective-beta", model) or 0.0
    known = [one for one in the_grid(n) if n.by_seed(INFORMATION, one)]
    below = [one for one in known if beta_of(one) < effective][-1:]
    above = [one for one in known if beta_of(one) > effective][:1]
    short = "" if below and above else f"the grid has no β {'above' if below else 'below'} {model}’s {effective:.2g}"
    return [*((one, model) for one in below), *((model, one) for one in above)], short


def _tells_all(n: Numbers, model: StudyModel) -> bool:
    """Whether the latents of a model tell all images apart, as far as that can be measured."""
    known, caps = n.by_seed(INFORMATION, model), n.by_seed("information-cap", model)
    left = [caps[seed] - known[seed] for seed in known if seed in caps]
    return bool(left) and sum(left) / len(left) < NEAR
