"""One quirk of the β-VAE study's code as JSON, with rows of numbers both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kelbo.intervals import finite_or_none
from kelbo.metrics import of_replicates
from kelbo.studies.beta_vae.quirks_texts import TEXTS
from kelbo.studies.beta_vae.subjects import Subject

Row = dict[str, Any]
"""label, unit, and published, corrected, difference: each {"value", "low", "high"}, its 95 % interval None if there is none"""
Entry = dict[str, Any]
"""One quirk on one set: name, title, what, set, role, rows, note, and the seconds that it took."""


def entry(name: str, subject: Subject | None, rows: list[Row], note: str = "") -> Entry:
    """The entry of that name, on a subject or on none. No rows: it is told in words (`note`)."""
    title, what = TEXTS[name]
    where = {"set": subject and subject.set, "role": subject and subject.role}
    return {"name": name, "title": title, "what": what, **where, "rows": rows, "note": note, "seconds": 0.0}


def compared(label: str, published: Sequence[float], corrected: Sequence[float], unit: str = "accuracy") -> Row:
    """A row from replicates whose draws are the same on both sides; an accuracy's interval ends at 0 and 1."""
    sides = {"published": published, "corrected": corrected, "difference": np.subtract(published, corrected)}
    row: Row = {"label": label, "unit": unit}
    for side, values in sides.items():
        score = of_replicates(values)
        if unit == "accuracy" and side != "difference":
            score = score.within(0.0, 1.0)
        row[side] = {"value": score.value, "low": finite_or_none(score.low), "high": finite_or_none(score.high)}
    return row


def of_means(label: str, *sides: tuple[float, float | None]) -> Row:
    """A row of nats per image, of means over many images and their standard errors, None or NaN if there is none."""
    row: Row = {"label": label, "unit": "nats per image"}
    for side, (mean, error) in zip(("published", "corrected", "difference"), sides, strict=True):
        margin = 1.96 * (math.nan if error is None else error)
        row[side] = {"value": mean, "low": finite_or_none(mean - margin), "high": finite_or_none(mean + margin)}
    return row
