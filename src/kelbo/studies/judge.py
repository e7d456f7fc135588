"""A paper's claim, held against our own numbers: reproduced, not reproduced, or not tested.

Every test of a claim is a number with a central 95 % interval over seeds, and a side on which the claim puts it. All intervals
on the claim's side: reproduced. One completely on the other side: not reproduced. Anything else is not tested. Models trained
for less than `ENOUGH` of the paper's steps decide nothing either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kelbo.experiments.diagnosis import ENOUGH
from kelbo.reports.numbers import NONE, decimals_of, fixed, plain
from kelbo.studies.arms import StudyModel
from kelbo.studies.estimates import Estimate, difference, student
from kelbo.studies.frame import Numbers

Outcome = Literal["reproduced", "not reproduced", "not tested"]
OUTCOMES: tuple[Outcome, ...] = ("reproduced", "not reproduced", "not tested")
Side = Literal["for", "against", "open"]
Unit = Literal["percent", "points", "distance", "intensity", "nats", "correlation", "ratio", "gap", "relative", ""]
WORDS = {"percent": " %", "points": " points", "nats": " nats", "ratio": " times"}


@dataclass(frozen=True)
class Test:
    """One number of a claim, None if it is absent. By the claim it is above `above` and below `below`, in the same unit.

    unit  percent and points: shares, shown times 100
    held  why it decides nothing yet, a phrase; "" if it may
    """

    __test__ = False  # no test of pytest's

    label: str
    estimate: Estimate | None
    unit: Unit = ""
    above: float = -math.inf
    below: float = math.inf
    held: str = ""

    @property
    def known(self) -> Estimate:
        assert self.estimate is not None
        return self.estimate

    @property
    def side(self) -> Side:
        """The interval's side; "open" if both sides are in it, if there is none, or if the number is held."""
        _, low, high, _ = self.known
        if self.held or low is None or high is None:
            return "open"
        if low > self.above and high < self.below:
            return "for"
        return "against" if high < self.above or low > self.below else "open"

    @property
    def value(self) -> str:
        """The number with its unit."""
        sign = "+" if self.unit == "points" and self.known.value >= 0.0005 else ""
        return sign + self.written(self.known.value) + WORDS.get(self.unit, "")

    @property
    def interval(self) -> str:
        """Its interval's ends in the same unit; NONE if there is none, "" if it has no width."""
        _, low, high, _ = self.known
        if low is None or high is None:
            return NONE
        if not self._width:
            return ""
        if self.unit == "percent":  # Student's interval may reach beyond the ends of a share
            low, high = max(0.0, low), min(1.0, high)
        return f"{self.written(low)} to {self.written(high)}"

    @property
    def wanted(self) -> str:
        """The claim's side: "> 0", "−5 to 5"."""
        if math.isfinite(self.above) and math.isfinite(self.below):
            return f"{self.written(self.above)} to {self.written(self.below)}"
        return f"> {self.written(self.above)}" if math.isfinite(self.above) else f"< {self.written(self.below)}"

    def written(self, value: float) -> str:
        """A value in this number's unit, to the digits that its interval lets it have."""
        if self.unit in ("percent", "points"):
            return fixed(round(100 * value, 1) + 0.0, 1)  # no −0.0
        if self.unit == "ratio" or not self._width:
            return plain(value)
        return fixed(value, decimals_of(self._width / 2))

    @property
    def _width(self) -> float:
        """The interval's width; 0 if there is none, or if it is due to rounding alone."""
        value, low, high, _ = self.known
        width = 0.0 if low is None or high is None else high - low
        return width if width > 1e-9 * abs(value) else 0.0


Found = Iterable[Test | str]
"""What a claim's test gives: numbers, and phrases for what it lacks besides absent numbers."""


@dataclass(frozen=True)
class Claim:
    """What a paper says.

    place   in the paper; words: ours, one sentence
    test    from the numbers; what it lacks besides absent numbers as phrases between the tests
    uses    the models that it speaks of: why one has no numbers is said, and the least trained one must have had enough steps
    rule    the test in words
    printed the paper's numbers in words, "" if it prints none
    note    what is to be known of the outcome, "" if nothing
    """

    id: str
    place: str
    words: str
    test: Callable[[Numbers], Found]
    uses: Sequence[StudyModel] | Callable[[Numbers], Sequence[StudyModel]] = ()
    rule: str = ""
    printed: str = ""
    note: Callable[[Numbers], str] | str = ""


@dataclass(frozen=True)
class Verdict:
    """tests: with numbers. missing: what the claim's test lacks, phrases. share: of the paper's steps, None if nothing was
    trained for it. brief: why its models were trained too briefly to decide anything, "" if not. scale: the budget's."""

    claim: Claim
    outcome: Outcome
    tests: tuple[Test, ...] = ()
    missing: tuple[str, ...] = ()
    share: float | None = None
    brief: str = ""
    note: str = ""
    scale: str = ""

    @property
    def word(self) -> str:
        """The outcome; of a reduced scale it says so."""
        return self.outcome + (" at reduced scale" if self.scale and self.outcome != "not tested" else "")

    @property
    def reason(self) -> str:
        """Why, in a line or two."""
        sides = {side: [test.label for test in self.tests if test.side == side] for side in ("for", "against", "open")}
        many = len(self.tests) != 1
        count = f"{len(sides['for'])} of {len(self.tests)} interval{'s' * many} on the claim’s side"
        parts = [self.brief] if self.brief else []
        if sides["against"]:
            parts.append(f"On the other side: {listed(sides['against'])}")
        if self.tests and len(sides["for"]) < len(self.tests):
            parts.append(count)
        parts += self.missing
        if self.share is not None and self.share < 1 and not self.brief:
            parts.append(f"trained for {percent(self.share)} of the steps")
        return " ".join(map(sentence, parts or ["All intervals are on the claim’s side"]))


def verdicts(claims: Iterable[Claim], n: Numbers) -> list[Verdict]:
    """A verdict on each claim."""
    return [judge(claim, n) for claim in claims]


def judge(claim: Claim, n: Numbers) -> Verdict:
    """The verdict on a claim. A held number counts as missing, for its reason."""
    found = list(claim.test(n))
    uses = claim.uses(n) if callable(claim.uses) else claim.uses
    tests = tuple(one for one in found if isinstance(one, Test) and one.estimate is not None)
    absent = [one.label for one in found if isinstance(one, Test) and one.estimate is None]
    missing = [one for one in found if isinstance(one, str)]
    if absent:
        missing += [n.absence(model) for model in uses if not n.seeds(model)] or [
            f"there are no numbers of {listed(absent)}"
        ]
    missing += [test.held for test in tests if test.held]
    lacking, brief = tuple(dict.fromkeys(missing)), ""
    if tests:
        brief = n.too_brief(uses, ENOUGH)
    note = claim.note(n) if callable(claim.note) else claim.note
    return Verdict(claim, _outcome(tests, lacking, brief), tests, lacking, n.share(uses), brief, note, n.scale)


def _outcome(tests: Sequence[Test], missing: Sequence[str], brief: str) -> Outcome:
    sides = {test.side for test in tests}
    if not tests or brief:
        return "not tested"
    if "against" in sides:
        return "not reproduced"
    return "not tested" if missing or "open" in sides else "reproduced"


def apart(
    n: Numbers,
    quantity: str,
    first: StudyModel,
    second: StudyModel | Mapping[int, float],
    unit: Unit = "",
    *,
    above: float = -math.inf,
    below: float = math.inf,
    label: str = "",
    held: str = "",
) -> Test:
    """A test of first − second: paired by seed, Welch's if they share no two seeds. second: a model, or numbers by seed."""
    other = n.by_seed(quantity, second) if isinstance(second, StudyModel) else second
    estimate = difference(n.by_seed(quantity, first), other)
    return Test(label or f"{first} − {second}", estimate, unit, above, below, held)


def level(
    n: Numbers,
    quantity: str,
    model: StudyModel,
    unit: Unit = "",
    *,
    above: float = -math.inf,
    below: float = math.inf,
    label: str = "",
    held: str = "",
) -> Test:
    """A test of a model's mean over seeds."""
    return Test(label or str(model), student(n.by_seed(quantity, model)), unit, above, below, held)


def as_printed(
    n: Numbers, quantity: str, models: Sequence[StudyModel], printed: str, within: float, unit: Unit = ""
) -> list[Test | str]:
    """Tests that our means are within this share of the number that paper.toml prints of each model on this study's set."""
    found: list[Test | str] = []
    for model in models:
        number = n.paper.find(model, printed, n.data)
        if number is not None:
            gaps = {seed: value - number.value for seed, value in n.by_seed(quantity, model).items()}
            margin = within * abs(number.value)
            found.append(Test(f"{model} − printed {number}", student(gaps), unit, -margin, margin))
    return found or [f"the paper prints no such number of {n.data or 'this set'}"]


def listed(labels: Sequence[str], most: int = 4) -> str:
    """Words as a list, cut after `most` of them; then it says how many more there are."""
    rest = len(labels) - most
    return "; ".join(labels[:most]) + (f" and {rest} more" if rest > 0 else "")


def sentence(text: str) -> str:
    """Words as a sentence; a symbol such as β stays small."""
    first = text[:1].upper() if text[:1].isascii() else text[:1]
    return first + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def percent(share: float) -> str:
    """A share in percent, to two significant digits."""
    return f"{plain(100 * share, 2)} %"
