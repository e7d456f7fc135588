"""Whether the decoder's σ is the error that it makes, and whether the rate is anything, watched while a model trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from kelbo.errors import Damaged
from kelbo.protocols import Likelihood, SigmaFrom
from kelbo.runs import Run
from kelbo.runs.journal import Row

Say = Callable[[str], object]
"""Takes one warning as text."""

APART = 1.5
"""σ and error within this factor count as together: the error is that of a handful of images"""
FLOORED = 0.05
"""share of pixels on the floor that is worth a word"""
FIRST = 100
"""steps before which nothing is judged"""
TREND, BEGUN = 0.1, 0.25
"""shares of a run's steps: it is judged over the latest such stretch, and not before so much of it is over: while a σ that
begins at 1 comes down, the rate may be nothing for a while"""
ROWS = 3
"""rows that at least a stretch has, but at the end"""
SETTLED = 500
"""steps before which a rate of nothing may be passing, but at the end"""
COLLAPSED = 0.1
"""rate in nats an image, below which the latents say nothing"""


def silent(text: str) -> None:
    """Say nothing."""


class Warned(NamedTuple):
    """kind: each is said once a run; step: the one after which it was."""

    kind: str
    step: int
    text: str


class SigmaReading(NamedTuple):
    """Of one row: σ that the decoder expects, RMSE that it makes (intensities), share of the pixels on σ's floor."""

    step: int
    sigma: float
    rmse: float
    floored: float

    @property
    def ratio(self) -> float:
        return self.sigma / max(self.rmse, 1e-12)


class RateReading(NamedTuple):
    """Of one row: the mean rate since the row before, nats an image."""

    step: int
    rate: float


AReading = TypeVar("AReading", SigmaReading, RateReading)


class BalanceWatch:
    """A sink of rows that warns where σ lies on its floor or parts from the error, and where the posterior has collapsed; each
    warning is said once, and kept.

    What it finds follows from the rows and the steps alone, so a resumed run keeps what an uninterrupted one does: it begins
    with the rows that its journal still has (`begin`). What was said before is not said again.

    steps: of the whole run. cautions: what is to be said before the first step, by kind. has_rate: a plain autoencoder, which
    has none, is not watched.
    """

    def __init__(
        self,
        run: Run,
        likelihood: Likelihood,
        steps: int,
        say: Say,
        *,
        has_rate: bool = True,
        cautions: Mapping[str, str] | None = None,
    ) -> None:
        self.run, self.steps, self.say = run, steps, say
        self.source: SigmaFrom | None = likelihood.sigma_from
        self.floor = likelihood.sigma_floor
        self.has_rate = has_rate
        self.watched = has_rate and (self.floor is not None or self.source not in (None, "given"))
        self.readings: list[SigmaReading] = []
        self.rates: list[RateReading] = []
        self.found = [Warned(kind, 0, text) for kind, text in (cautions or {}).items()]
        self.said: set[str] = set()

    def begin(self) -> None:
        """Take in what the run has already. OSError where the disk refuses."""
        with suppress(Damaged):  # what a file held that cannot be read is found again, and said again
            self.said = {warned["text"] for warned in self.run.warnings()}
        for row in self.run.journal.rows():
            self._take(row)
        self._tell()

    def __call__(self, row: Row) -> None:
        before = len(self.found)
        self._take(row)
        if len(self.found) > before:
            self._tell()

    def _tell(self) -> None:
        self.run.save_warnings([warned._asdict() for warned in self.found])
        for text in (warned.text for warned in self.found if warned.text not in self.said):
            self.said.add(text)
            self.say(text)

    def _take(self, row: Row) -> None:
        told: dict[str, str] = {}
        if self.has_rate and (rate := _rate(row)) is not None:
            self.rates.append(rate)
            told |= collapsed(self.rates, self.steps, self.source)
        if self.watched and (reading := _reading(row)) is not None:
            self.readings.append(reading)
            told |= judged(self.readings, self.steps, self.source, self.floor)
        known = {warned.kind for warned in self.found}
        self.found += [Warned(kind, int(row["step"] or 0), text) for kind, text in told.items() if kind not in known]


def _rate(row: Row) -> RateReading | None:
    step, rate = row["step"], row.get("rate")
    return None if step is None or rate is None or not math.isfinite(rate) else RateReading(int(step), rate)


def collapsed(rates: Sequence[RateReading], steps: int, source: SigmaFrom | None) -> dict[str, str]:
    """What is to be said of the rates of a run of so many steps after the latest of them, by kind."""
    now = rates[-1]
    recent = _recent(rates, now.step - TREND * steps, ROWS)
    early = now.step < (FIRST if now.step >= steps else max(SETTLED, BEGUN * steps))
    if early or len(recent) < ROWS or any(one.rate >= COLLAPSED for one in recent):
        return {}
    remedies = "another seed or a lower optimizer.learning_rate"
    if source in ("given", "learned"):  # one σ, that may be far above the error for long
        remedies = (
            "another seed, a lower optimizer.learning_rate, or a σ that fits from the first step "
            "(likelihood.kind=optimal_gaussian)"
        )
    return {
        "collapsed": f"At step {now.step} the rate is {now.rate:.2g} nats an image, below the {COLLAPSED:g} that count as "
        "collapsed here: the posterior is the prior whatever the image is, and the decoder hears nothing of it. An encoder "
        f"whose units died early does not come back: take {remedies}; where β is large, a lower objective.beta."
    }


def _reading(row: Row) -> SigmaReading | None:
    step, sigma, rmse = row["step"], row.get("sigma"), row.get("rmse")
    if step is None or sigma is None or rmse is None or not 0 < sigma < math.inf or not math.isfinite(rmse):
        return None
    return SigmaReading(int(step), sigma, rmse, row.get("floored") or 0.0)


def judged(
    readings: Sequence[SigmaReading], steps: int, source: SigmaFrom | None, floor: float | None
) -> dict[str, str]:
    """What is to be said of a run of so many steps after its latest reading, by kind."""
    now = readings[-1]
    last = now.step >= steps
    recent = _recent(readings, now.step - TREND * steps, 1 if last else ROWS)
    if now.step < FIRST or (not last and len(recent) < ROWS):
        return {}
    if floor is not None and all(reading.floored >= FLOORED for reading in recent[-ROWS:]):
        return {"sigma-floor": _pinned(now, source, floor)}
    if source is None or (not last and now.step < BEGUN * steps):
        return {}
    if all(reading.ratio < 1 / APART for reading in recent):
        return {"sigma-narrow": _narrow(now)}
    if all(reading.ratio > APART for reading in recent):
        return _wide(recent if len(recent) >= ROWS else readings[-ROWS:], steps, source)
    return {}


def _recent(readings: Sequence[AReading], after: float, least: int) -> Sequence[AReading]:
    """Those after a step, and so many at least."""
    count = 0
    while count < len(readings) and (count < least or readings[-1 - count].step > after):
        count += 1
    return readings[len(readings) - count :]


def _pinned(now: SigmaReading, source: SigmaFrom | None, floor: float) -> str:
    lies = f"lies on its floor, {floor:.4f} (about half a grey level of 256)"
    if source in ("decoder", None) and now.floored < 1:
        return (
            f"At step {now.step} the σ of {100 * now.floored:.0f} % of the pixels {lies}: they repeat from image to image, "
            "and each earns up to 5 nats for that alone. The ELBO then says little of the others. Use one σ "
            "(likelihood.kind=optimal_gaussian), or a mass over the levels (logistic_mixture, categorical)."
        )
    return (
        f"At step {now.step} σ {lies}, and the error on test images is {now.rmse:.4f}: a density grows without bound where "
        "pixels repeat, and the ELBO tells of the floor. Look for images that are constant or copies of one another, or use "
        "a mass over the levels (likelihood.kind=categorical, logistic_mixture)."
    )


def _narrow(now: SigmaReading) -> str:
    return (
        f"At step {now.step} the decoder expects errors of σ = {now.sigma:.4f} and makes errors of {now.rmse:.4f} on test "
        f"images, {1 / now.ratio:.1f} times as large: it fits its training images more closely than new ones, whose ELBO "
        "suffers. More data, a smaller network, optimizer.weight_decay or fewer steps."
    )


def _wide(recent: Sequence[SigmaReading], steps: int, source: SigmaFrom) -> dict[str, str]:
    now = recent[-1]
    left = steps - now.step
    told = (
        f"At step {now.step} the decoder expects errors of σ = {now.sigma:.4f} and makes errors of {now.rmse:.4f} on test "
        f"images, so the rate weighs {now.ratio**2:.3g} times as much as beside a σ that fits. "
    )
    if source == "learned":
        if _steps_until(APART, recent) <= left and left:
            return {}
        needed = _steps_until(1.0, recent)
        how = f"and needs {needed:,.0f} more steps as it goes now" if needed < math.inf else "and was not seen to fall"
        advice = (
            f"σ is learned, {how}; {left:,} are left. Solve for it (likelihood.kind=optimal_gaussian), raise "
            "optimizer.learning_rate, or train longer."
        )
    elif left:
        return {}  # it may still come down
    elif source == "solved":
        advice = (
            "σ is the error on training images, which are harder than these: training and test images differ in kind. Draw the "
            "test images from the same source."
        )
    else:
        advice = "Train longer, set training.clip, or use one σ (likelihood.kind=optimal_gaussian)."
    return {"sigma-wide": told + advice}


def _steps_until(ratio: float, recent: Sequence[SigmaReading]) -> float:
    """Steps until σ is so many times the error, should ln σ go on as it does; infinite where it does not fall."""
    first, now = recent[0], recent[-1]
    fallen = math.log(first.sigma / now.sigma)
    return math.log(now.ratio / ratio) * (now.step - first.step) / fallen if fallen > 0 else math.inf
