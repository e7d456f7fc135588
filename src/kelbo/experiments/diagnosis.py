"""Every threshold and rule that says what a run's numbers mean: one value for one meaning. Numbers in, findings out.

Warnings while training, the doctor, pages of runs and both studies use these. `docs/decisions.md` says where each is from.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from kelbo.experiments.findings import Finding, finding
from kelbo.experiments.stretch import Stretch
from kelbo.recipes import schema as s
from kelbo.recipes.schema import Recipe

if TYPE_CHECKING:
    from kelbo.objectives.targets import Held

COLLAPSED = 0.1
"""rate in nats per image, below which the posterior has collapsed: latents cannot tell even two halves of the images apart"""
CONSTANT = 1e-6
"""standard deviation over images of every latent's mean, below which all images have the same posterior"""
FEW_ACTIVE = 0.5
"""share of active latents, below which the others are worth a warning"""
FITS = 1.25
"""factor between σ and the error, within which σ fits: beyond it each pixel pays 0.04 nats or more"""
FLOORED = 0.01
"""share of pixels with σ at its floor that is worth a warning; all but this share count as all"""
MEMORISED = 1.1
"""error on test images over that on training images, above which the training images are memorised"""
HEAVY_BETA = 1.0
"""β beside ½ squared error of intensities, above which a posterior most likely collapses"""
MISCALIBRATED = 0.1
"""share of the probability integral transforms in wrong bins that is worth a warning"""
DARK = 0.25
"""intensity of the brightest training pixel, below which the images were most likely saved in another range"""
MARGIN, OUTSIDE = 0.02, 0.001
"""how far beyond [0, 1] a decoder's mean counts as outside, and the share of such pixels that is worth a warning"""
PRIOR_NATS, PRIOR_SHARE = 1.0, 0.15
"""nats and share of the rate: a marginal KL above both is a gap between codes and prior"""
SATURATED = 1.0
"""nats below ln N: an estimate of the index-code mutual information above that measures N, not the code"""
ERRORS = 4.0
"""standard errors that a difference must exceed to be judged"""
OVERFIT, RISING = 0.02, 0.005
"""shares of the ELBO: a gap between training and test images, and a rise over the last tenth of the steps, worth a warning"""
ENOUGH = 0.1
"""share of a paper's training steps, below which a model neither confirms nor contradicts a claim of it"""
HELD, HELD_NATS = 0.02, 0.5
"""share of a target, and nats if it is in nats, within which it is held"""
WINDING = 0.5
"""change of a multiplier's log-odds over the last tenth of the steps, above which it has not settled"""

FIRST = 100
"""steps before which nothing is judged"""
TREND, BEGUN = 0.1, 0.25
"""shares of a run's steps: the last stretch, whose rows judge it, and the first, in which it is not judged: while a σ that
begins at 1 comes down, the rate may be near 0"""
ROWS = 3
"""rows that a stretch has at least, except at the end of a run"""
SETTLED = 500
"""steps before which a rate near 0 may be temporary, except at the end of a run"""


def tolerance(held: Held, target: float) -> float:
    """How far from a target of this kind counts as held."""
    return max(HELD * abs(target), 0.0 if held == "squared_error" else HELD_NATS)


def holds(held: Held, value: float, target: float) -> bool:
    """Whether a target is held; not by a value that is not finite."""
    return abs(value - target) <= tolerance(held, target)


class SigmaReading(NamedTuple):
    """One row's σ that the decoder expects, its RMSE (intensities) and the share of pixels at σ's floor."""

    step: int
    sigma: float
    rmse: float
    floored: float

    @property
    def ratio(self) -> float:
        return over_error(self.sigma, self.rmse)

    @property
    def kind(self) -> Literal["narrow", "fits", "wide"]:
        return fit(self.ratio)


class RateReading(NamedTuple):
    """One row's mean rate since the row before, nats per image."""

    step: int
    rate: float

    @property
    def kind(self) -> Literal["collapsed", "used"]:
        return "collapsed" if self.rate < COLLAPSED else "used"


def over_error(sigma: float, rmse: float) -> float:
    """σ over the error, finite."""
    return sigma / max(rmse, 1e-12)


def fit(ratio: float) -> Literal["narrow", "fits", "wide"]:
    """How σ fits the error; ratio: of σ to the error."""
    return "wide" if ratio > FITS else "narrow" if ratio < 1 / FITS else "fits"


# ── before the first step ─────────────────────────────────────────────────────────────────────────────────────────────


def cautions(recipe: Recipe, shape: tuple[int, ...], untested: str = "") -> list[Finding]:
    """What to know about a recipe before it is trained on images of this shape. untested: conditions without a test image."""
    found = [finding("untested", "warning", conditions=untested)] if untested else []
    if recipe.model.kind == "autoencoder" or not isinstance(recipe.likelihood, s.AveragedSquaredErrorSpec):
        return found
    batch, dims, objective = recipe.training.batch_size, math.prod(shape), recipe.objective
    weight = (
        None if isinstance(objective, s.CapacitySpec) else objective.beta if isinstance(objective, s.BetaSpec) else 1.0
    )
    beta = None if weight is None else weight * batch * dims / 2
    heavy = beta is not None and beta > HEAVY_BETA
    heavier = {"batch": batch, "dims": dims, "beta": beta, "collapse_expected": heavy}
    return [*found, finding("averaged-squared-error", "warning", **heavier)]


# ── while it trains ───────────────────────────────────────────────────────────────────────────────────────────────────


def rates(recent: Stretch[RateReading], source: str | None) -> Finding | None:
    """Judge the rates of a run after the latest row. source: where σ comes from, here and below."""
    now, steps = recent.now, recent.steps
    early = now.step < (FIRST if now.step >= steps else max(SETTLED, BEGUN * steps))
    if early or len(recent) < ROWS or not recent.all("collapsed"):
        return None
    return _collapsed(now.rate, source, now.step)


def sigmas(recent: Stretch[SigmaReading], source: str | None, floor: float | None) -> Finding | None:
    """Judge σ and error of a run after the latest row."""
    now, steps = recent.now, recent.steps
    last = now.step >= steps
    if now.step < FIRST or (not last and len(recent) < ROWS):
        return None
    # the end of a run is judged by as few rows as it has
    floored = now.floored >= FLOORED and all(one.floored >= FLOORED for one in recent.latest(inside=last))
    if floor is not None and floored:
        return _floored(now.rmse, floor, now.floored, now.step)
    if source is None or (not last and now.step < BEGUN * steps):
        return None
    if recent.kind == "fits":
        return None
    fields = {"sigma": now.sigma, "rmse": now.rmse, "source": source, "step": now.step}
    if recent.all("narrow", inside=last):  # of a σ that follows the training images' error
        return finding("sigma-narrow", "warning", **fields, memorised=True)
    if not recent.all("wide", inside=last):
        return None
    left = steps - now.step
    if source != "learned":
        return None if left else finding("sigma-wide", "warning", **fields)  # it may still come down
    if left and _steps_until(FITS, recent.first, now) <= left:
        return None
    needed = _steps_until(1.0, recent.first, now)
    return finding("sigma-wide", "warning", **fields, needed=needed if needed < math.inf else None, left=left)


def _steps_until(ratio: float, first: SigmaReading, now: SigmaReading) -> float:
    """Steps until σ is `ratio` times the error if ln σ keeps its speed since `first`; infinite if it does not fall."""
    fallen = math.log(first.sigma / now.sigma)
    return math.log(now.ratio / ratio) * (now.step - first.step) / fallen if fallen > 0 else math.inf


def _collapsed(rate: float, source: str | None, step: int | None) -> Finding:
    return finding("collapsed", "problem", rate=rate, below=COLLAPSED, source=source, step=step)


def _floored(rmse: float, floor: float, share: float, step: int | None) -> Finding:
    share = 1.0 if share > 1 - FLOORED else share
    severity = "problem" if share == 1 else "warning"
    return finding("sigma-floor", severity, rmse=rmse, floor=floor, share=share, step=step)


# ── of a trained model ────────────────────────────────────────────────────────────────────────────────────────────────


def latents(rate: float, active: int, dims: int, source: str | None) -> Finding:
    """Judge the rate, nats per image, and the active latents."""
    if rate < COLLAPSED:
        return _collapsed(rate, source, None)
    fields = {"active": active, "dims": dims, "rate": rate}
    if active < FEW_ACTIVE * dims:
        return finding("latents-inactive", "warning" if active else "problem", **fields)
    return finding("latents-used", "fine", **fields)


def groups(rates: Sequence[float], source: str | None) -> Finding:
    """Of the mean rate of each group of latents, nats per image. A used one has its share of the least rate, or more."""
    rate = sum(rates)
    if rate < COLLAPSED:
        return _collapsed(rate, source, None)
    least = COLLAPSED / len(rates)
    used = sum(one >= least for one in rates)
    return finding("groups-used", "fine", used=used, groups=len(rates), least=least, rate=rate)


def stages(rates: Sequence[float]) -> list[Finding]:
    """Of the mean rate of each stage of a model, nats per image: a second stage may ignore its latents beside a first one that
    uses its own."""
    return [
        finding("stage-unused", "problem", stage=number, rate=rate, below=COLLAPSED)
        for number, rate in enumerate(rates, 1)
        if rate < COLLAPSED
    ]


def sigma(
    sigma: float, rmse: float, train_rmse: float, source: str | None, floor: float | None, share: float
) -> list[Finding]:
    """Judge σ by the error on test and on training images, intensities; [] if a likelihood's σ is not its error.

    share: of the pixels, with σ at its floor.
    """
    # a model that is still being trained has a running σ, which comes down long after the errors do
    share = 1.0 if floor is not None and source == "solved" and train_rmse < floor else share
    if floor is not None and share >= FLOORED:
        return [_floored(rmse, floor, share, None)]
    if source is None:
        return []
    fields = {"sigma": sigma, "rmse": rmse}
    match fit(over_error(sigma, rmse)):
        case "wide":
            return [finding("sigma-wide", "warning", **fields, source=source, step=None)]
        case "narrow":
            memorised = rmse > MEMORISED * train_rmse
            return [finding("sigma-narrow", "warning", **fields, source=source, memorised=memorised, step=None)]
        case _:
            return [finding("sigma-fits", "fine", **fields)]


def pixels(half: float, total_variation: float) -> Finding:
    """Judge the decoder's distribution. half: share of the pixels in central 50 % intervals."""
    fields = {"half": half, "total_variation": total_variation}
    if total_variation < MISCALIBRATED:
        return finding("pixels-calibrated", "fine", **fields)
    return finding("pixels-miscalibrated", "warning", **fields)


def ranges(brightest: float, levels: int, outside: float) -> list[Finding]:
    """Judge ranges. brightest: training pixel, intensity; outside: share of the decoder's means beyond [0, 1]."""
    dark = [finding("data-dark", "problem", brightest=brightest, levels=levels)] if brightest < DARK else []
    return dark + ([finding("decoder-outside", "warning", share=outside)] if outside > OUTSIDE else [])


def prior(marginal: float, by_latent: float, information: float, cap: float, rate: float, images: int) -> Finding:
    """Judge the gap between prior and codes, nats. by_latent: dimension-wise KL; cap: of the index-code mutual information."""
    saturated = (
        information > cap - SATURATED
    )  # the marginal KL then has what the images are too few to show of the rate
    gap = by_latent if saturated else marginal
    far = gap >= max(PRIOR_NATS, PRIOR_SHARE * rate)
    fields = {"gap": gap, "rate": rate, "per_latent_images": images if saturated else None}
    return finding("prior-far", "warning", **fields) if far else finding("prior-near", "fine", **fields)


def generalisation(train: float, test: float, error: float) -> Finding:
    """Judge the mean ELBO on training and test images. error: standard error of their difference."""
    gap = train - test
    fields = {"train": train, "test": test, "gap": gap, "error": error}
    if gap < ERRORS * error or gap < OVERFIT * abs(train):
        return finding("generalises", "fine", **fields)
    return finding("overfit", "warning", **fields)


def convergence(elbos: Sequence[float]) -> list[Finding]:
    """Judge the training ELBO of all rows, in their order; [] if there are fewer than 30."""
    tenth = len(elbos) // 10
    if tenth < 3:
        return []
    last, before = elbos[-tenth:], elbos[-2 * tenth : -tenth]
    now = statistics.fmean(last)
    gain, spread = now - statistics.fmean(before), statistics.stdev(last) / math.sqrt(tenth)
    if gain < ERRORS * spread or gain < RISING * abs(now):
        return [finding("converged", "fine", gain=gain)]
    return [finding("unfinished", "warning", gain=gain)]
