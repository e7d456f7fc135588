"""Tables of the study: one stage over its target, two stages, early and late."""

from __future__ import annotations

from kelbo.studies.frame import Numbers
from kelbo.studies.mind_your_bits.models import MATCHED, PRIMARY, STANDARD, pairs, seconds, sweep
from kelbo.studies.tables import Column, StudyTable, by_model

DISTANCES = (
    Column("Samples’ distance", "distance.sample"),
    Column("Recon\u00adstructions’", "distance.reconstruction"),
)


def told(n: Numbers) -> str:
    """What our distances are."""
    called = n.facts.get("distance")
    return f" Distances: {called}; smaller is better." if called else " No distances were measured."


def rates(n: Numbers) -> StudyTable:
    """Every single stage."""
    columns = (
        Column("Error reached", "error"),
        Column("of its target, %", "error-ratio", times=100),
        Column("Rate, nats", "rate", printed="rate"),
        Column("−ELBO, nats", "loss"),
        Column("Bits/dim", "bits"),
        *DISTANCES,
    )
    groups = {"Held at a target": sweep(n), "A learned σ, and a target at its error": [STANDARD, MATCHED]}
    words = "On test images; bounds are of dequantised pixels on the 0–256 scale, errors at draws of the latents."
    return by_model(n, "One stage over its target", words + told(n), columns, groups)


def stages(n: Numbers) -> StudyTable:
    """Two stages beside one of the same error."""
    columns = (
        Column("Error reached", "error"),
        Column("Rate of both, nats", "rate"),
        Column("−ELBO, nats", "loss"),
        Column("Bits/dim", "bits"),
        Column("Samples’ distance", "distance.sample"),
        Column("Samples moved by", "moved"),
    )
    words = "Moved: squared distance between a sample of the primary and its refinement."
    groups = {
        "Primary": [PRIMARY],
        "Two stages": seconds(n),
        "One stage of the same error": [one for _, one in pairs(n)],
    }
    return by_model(n, "Two stages and one", words + told(n), columns, groups)


def early(n: Numbers) -> StudyTable:
    """Where the error first reached the target, and the end."""
    columns = (
        Column("First reached, % of steps", "reached", times=100),
        Column("Error then", "early.squared_error"),
        Column("at the end", "error"),
        Column("Rate then, nats", "rate-early"),
        Column("at the end", "rate"),
        Column("Low frequencies then, %", "low-early", times=100),
        Column("at the end", "held.low_share", times=100),
    )
    words = "Low frequencies: their share of the squared error, of the lowest quarter in both directions."
    return by_model(n, "Early and late at one error", words, columns, {"": sweep(n)})
