"""A paper's claim, held against our own numbers: reproduced, not reproduced, or not tested at this budget.

Every test is one or more numbers, each with a central 95 % interval over seeds and a side on which the claim puts it.
All intervals on the claim's side: reproduced. One completely on the other side: not reproduced. Anything else is not tested,
and the verdict says what is missing. Models trained for less than `ENOUGH` of the paper's steps decide nothing either way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kelbo.experiments.diagnosis import ENOUGH
from kelbo.reports.evidence import Estimate, Evidence
from kelbo.reports.numbers import plain

Key = TypeVar("Key")
Outcome = Literal["reproduced", "not reproduced", "not tested"]


def student(values: Sequence[float] | Mapping[Any, float], of: str = "seeds") -> Estimate | None:
    """Mean of independent values with Student's interval; no interval of one value, None of none.

    of: what the values are over, in the plural. Of a mapping, its values are used.
    """
    x = np.array(list(values.values()) if isinstance(values, Mapping) else values, np.float64)
    if len(x) < 2:
        return Estimate(float(x[0]), None, None, f"One {of.removesuffix('s')}") if len(x) else None
    half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    return Estimate(float(x.mean()), float(x.mean() - half), float(x.mean() + half), f"Student, {len(x)} {of}")


def paired(first: Mapping[Key, float], second: Mapping[Key, float], of: str = "seeds") -> Estimate | None:
    """Mean of first − second over the keys of both, with Student's interval of the differences."""
    common = [first[key] - second[key] for key in first if key in second]
    found = student(common, of)
    return None if found is None else found._replace(how=found.how.replace("Student", "Paired"))


def welch(first: Sequence[float], second: Sequence[float], of: str = "seeds") -> Estimate | None:
    """Difference of two independent means, first − second, with Welch's interval; None if one has no value."""
    a, b = np.array(first, np.float64), np.array(second, np.float64)
    if min(len(a), len(b)) == 0:
        return None
    how = f"Welch, {len(a)} and {len(b)} {of}"
    if min(len(a), len(b)) < 2:
        return Estimate(float(a.mean() - b.mean()), None, None, how)
    return _difference(_Mean.of(a), _Mean.of(b), how)


def against_printed(values: Sequence[float], mean: float, deviation: float, count: int) -> Estimate | None:
    """Our mean − the paper's, whose deviation is over `count` seeds: Welch's interval, of both sides' seeds."""
    x = np.array(values, np.float64)
    if len(x) < 2:
        return Estimate(float(x[0] - mean), None, None, "One seed of ours") if len(x) else None
    how = f"Welch, {len(x)} seeds of ours and {count} of theirs"
    return _difference(_Mean.of(x), _Mean(mean, deviation**2 / count, count), how)


def deviation_ratio(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> Estimate | None:
    """Standard deviation within groups of `first` over that of `second`, pooled, with the F distribution's interval.

    None if either has no group of two or more, or `second` does not vary.
    """
    (above, m), (below, n) = _pooled(first), _pooled(second)
    if min(m, n) == 0 or below == 0:
        return None
    ratio = above / below
    low, high = (math.sqrt(ratio / float(stats.f.ppf(p, m, n))) for p in (0.975, 0.025))
    return Estimate(math.sqrt(ratio), low, high, f"F, {m} and {n} degrees of freedom")


@dataclass(frozen=True)
class Claim:
    """What a paper says. words: ours. printed: its numbers, "" if it prints none. test: what our numbers must be."""

    id: str
    place: str
    words: str
    printed: str
    test: str


@dataclass(frozen=True)
class Verdict:
    """on: what was tested, and on which substitutes. why: the reasons, some sentences. missing: what the test lacks."""

    claim: Claim
    outcome: Outcome
    evidence: tuple[Evidence, ...]
    why: str
    on: str = ""
    missing: tuple[str, ...] = ()

    @property
    def so_far(self) -> Literal["agrees so far", "agrees so far, parts missing", "disagrees so far", ""]:
        """For a claim that is not tested, the side that every interval is on, or one is completely on; else ""."""
        sides = {part.side for part in self.evidence}
        if self.outcome != "not tested" or not sides:
            return ""
        if "against" in sides:
            return "disagrees so far"
        if sides != {"for"}:
            return ""
        return "agrees so far, parts missing" if self.missing else "agrees so far"

    @property
    def leaning(self) -> Literal["for", "against", "both", "held", "none"]:
        """On which side of the claim the numbers themselves are, whatever their intervals; "held" if all of them are."""
        leans = {part.leans for part in self.evidence if not part.held}
        if not leans:
            return "held" if self.evidence else "none"
        return "both" if len(leans) > 1 else "for" if leans.pop() else "against"


def judge(
    claim: Claim,
    evidence: Sequence[Evidence],
    *,
    missing: Sequence[str] = (),
    trained: float | None = None,
    on: str = "",
    note: str = "",
    steps: str = "the paper’s steps",
) -> Verdict:
    """The verdict on a claim.

    missing: what the test lacks and why, a phrase each; a claim whose test lacks a part is not reproduced by the rest.
    Held evidence counts as missing, for its reason. trained: share of `steps` behind the evidence; None if no model was
    trained for it. note: added in any case.
    """
    lacking = (*missing, *dict.fromkeys(part.held for part in evidence if part.held))
    outcome, why = _outcome(evidence, lacking, trained, steps)
    return Verdict(claim, outcome, tuple(evidence), _sentences(why, note), on, lacking)


def _outcome(
    evidence: Sequence[Evidence], missing: Sequence[str], trained: float | None, steps: str
) -> tuple[Outcome, str]:
    if not evidence:
        return "not tested", sentence("; ".join(missing) or "the measurement was not made")
    if trained is not None and trained < ENOUGH:
        brief = (
            f"Trained for {percent(trained)} of {steps}; below {percent(ENOUGH)} neither outcome would say anything."
        )
        return "not tested", _sentences(brief, sentence("; ".join(missing)) if missing else "", _so_far(evidence))
    sides = [part.side for part in evidence]
    shortfall = f" Trained for {percent(trained)} of {steps}." if trained is not None and trained < 1 else ""
    if "against" in sides:
        return "not reproduced", f"On the other side: {_labels(evidence, 'against')}.{shortfall}"
    if missing:
        return "not tested", _sentences(sentence("; ".join(missing)), _lean(evidence)) + shortfall
    if "open" in sides:
        return "not tested", f"{_undecided(evidence)}{shortfall}"
    all_are = "The interval is" if len(sides) == 1 else "All intervals are"
    return "reproduced", f"{all_are} on the claim’s side.{shortfall}"


def _undecided(evidence: Sequence[Evidence]) -> str:
    alone = [part.label for part in evidence if part.estimate.low is None]
    if alone:
        which = "" if len(alone) == len(evidence) else f" ({listed(alone)})"
        return f"One seed has no interval{which}. {_lean(evidence)}"
    return f"Undecided: {'the' if len(evidence) == 1 else 'an'} interval has both sides in it ({_labels(evidence, 'open')})."


def _so_far(evidence: Sequence[Evidence]) -> str:
    """What the intervals say about models that were trained too briefly for a verdict."""
    sides = {part.side for part in evidence}
    if "against" in sides:
        return f"So far on the other side, interval and all: {_labels(evidence, 'against')}."
    if "open" in sides:
        wide = any(part.side == "open" and not part.held for part in evidence)
        return _sentences(_lean(evidence), "The intervals do not decide it." * wide)
    return f"So far {'the interval is' if len(evidence) == 1 else 'all intervals are'} on the claim’s side."


def _lean(evidence: Sequence[Evidence]) -> str:
    free = [part for part in evidence if not part.held]
    if not free:
        return ""
    leaning, other = sum(part.leans for part in free), " other" * (len(free) < len(evidence))
    if leaning in (0, len(free)):
        side = "the claim’s" if leaning else "the other"
        return f"So far {f'the{other} number is' if len(free) == 1 else f'all{other} numbers are'} on {side} side."
    return f"So far {leaning} of {len(free)}{other} numbers are on the claim’s side."


def _sentences(*texts: str) -> str:
    return " ".join(filter(None, texts))


def _labels(evidence: Sequence[Evidence], side: str) -> str:
    return listed([part.label for part in evidence if part.side == side])


def listed(labels: Sequence[str], most: int = 4) -> str:
    """Words as a list, cut after `most` of them; then it says how many more there are."""
    rest = len(labels) - most
    return "; ".join(labels[:most]) + (f" and {rest} more" if rest > 0 else "")


def sentence(text: str) -> str:
    """Words as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def percent(share: float) -> str:
    """A share in percent, to two significant digits."""
    return f"{plain(100 * share, 2)} %"


class _Mean(NamedTuple):
    """A mean, the square of its standard error, and the number of its values."""

    value: float
    squared_error: float
    number: int

    @classmethod
    def of(cls, x: NDArray[np.float64]) -> _Mean:
        return cls(float(x.mean()), float(x.var(ddof=1)) / len(x), len(x))


def _difference(a: _Mean, b: _Mean, how: str) -> Estimate:
    """The difference of two independent means: Welch's interval, with Satterthwaite's degrees of freedom."""
    total, difference = a.squared_error + b.squared_error, a.value - b.value
    if total == 0:
        return Estimate(difference, difference, difference, how)
    freedom = total**2 / sum(part.squared_error**2 / (part.number - 1) for part in (a, b))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(total)
    return Estimate(difference, difference - half, difference + half, how)


def _pooled(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Variance within groups and its degrees of freedom."""
    arrays = [np.array(group, np.float64) for group in groups if len(group) > 1]
    freedom = sum(len(x) - 1 for x in arrays)
    return (float(sum(np.square(x - x.mean()).sum() for x in arrays)) / freedom if freedom else 0.0), freedom
