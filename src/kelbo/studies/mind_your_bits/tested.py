"""What the claims of the paper are tested by: differences and levels of our numbers."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import Found, apart, as_printed, level
from kelbo.studies.mind_your_bits.models import MATCHED, PRIMARY, STANDARD, at, pairs, seconds, sweep, target_of
from kelbo.studies.paper import paper
from kelbo.units import nats_of

PAPER = paper(Path(__file__).with_name("paper.toml"))
CLOSE = 0.1
"""bits/dim within which two bounds count as close"""
QUICKLY = 0.3
"""of the steps: figure 9 shows 100,000 of 350,000"""
WITHIN, ABOUT = 0.1, 0.25
"""share of a printed rate within which ours counts as that; of a distance within which another is about as good"""
UNPAIRED = "no single stage has the target of a second one"


def close(n: Numbers) -> float:
    """Nats of a picture within which two bounds count as close."""
    return nats_of(CLOSE, math.prod(n.facts["shape"]))


def ends(n: Numbers) -> list[StudyModel]:
    """The single stages of the largest and the smallest target."""
    return [sweep(n)[0], sweep(n)[-1]]


def rate_falls(n: Numbers) -> Found:
    return [apart(n, "rate", low, high, "nats", above=0) for high, low in pairwise(sweep(n))]


def printed_rates(n: Numbers) -> Found:
    if n.data != "svhn":
        return ["the paper prints them for SVHN at 32×32"]
    return as_printed(n, "rate", sweep(n), "rate", WITHIN, "nats")


def high_rates_win(n: Numbers) -> Found:
    return [apart(n, "loss", high, low, "nats", above=0) for high, low in pairwise(sweep(n))]


def samples_near(n: Numbers) -> Found:
    high, low = ends(n)
    for model in (low, PRIMARY):
        yield apart(n, "gap", model, high, "distance", above=0)


def poor_samples(n: Numbers) -> Found:
    low = ends(n)[1]
    yield apart(n, "distance.reconstruction", low, PRIMARY, "distance", below=0, label="reconstructions")
    yield apart(n, "distance.sample", low, PRIMARY, "distance", above=0, label="samples")


def unstable(n: Numbers) -> Found:
    yield apart(n, "roughness", STANDARD, MATCHED, "ratio", above=0)


def equal_error(n: Numbers) -> Found:
    margin = close(n)
    yield apart(n, "loss", MATCHED, STANDARD, "nats", above=-margin, below=margin, label="−ELBO")


def converges(n: Numbers) -> Found:
    return [level(n, "settled", model, "percent", below=QUICKLY) for model in sweep(n)]


def less_consistent(n: Numbers) -> Found:
    model = at(n, "early")
    yield level(n, "rate-drop", model, "nats", above=0, label="rate, early − late")
    yield level(n, "low-drop", model, "points", above=0, label="low frequencies’ share of the error, early − late")


def two_stage_bound(n: Numbers) -> Found:
    margin = close(n)
    for two, one in pairs(n):
        yield apart(n, "loss", two, one, "nats", above=-margin, below=margin, label=f"two stages − one, {two}")
    if not pairs(n):
        yield UNPAIRED


def improves(n: Numbers) -> Found:
    return [apart(n, "loss", PRIMARY, two, "nats", above=0) for two in seconds(n)]


def better_samples(n: Numbers) -> Found:
    for two, one in pairs(n)[-1:]:
        yield apart(n, "distance.sample", one, two, "distance", above=0, label=f"one stage − two, {two}")
    if not pairs(n):
        yield UNPAIRED


def imperceptible(n: Numbers) -> Found:
    for two in seconds(n):
        yield level(n, "moved", two, below=target_of(n, PRIMARY), label=f"squared distance, {two}")
    reference = n.mean("distance.sample", PRIMARY) or 0.0
    for two in seconds(n):
        label = f"distance of samples, {two} − primary"
        yield apart(n, "distance.sample", two, PRIMARY, "distance", below=ABOUT * reference, label=label)
