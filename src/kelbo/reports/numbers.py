"""Numbers for readers: only significant digits, a true minus sign, thousands separated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kelbo.units import bits_per_dim

NONE = "–"
"""shown in place of a number that does not exist"""


def plain(value: float, digits: int = 3) -> str:
    """A number to `digits` significant digits; those before the point are never rounded away."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))  # of the rounded one: 0.09999 is 0.100
    if magnitude < -4:
        return f"{fixed(value / 10.0**magnitude, digits - 1)}e−{-magnitude}"
    return fixed(value, max(0, digits - 1 - magnitude))


def fixed(value: float, decimals: int) -> str:
    """A number to so many decimals."""
    return f"{value:,.{decimals}f}".replace("-", "−")


def decimals_of(error: float) -> int:
    """Decimals that show two significant digits of a standard error, at most 5; 2 of an error of 0."""
    return 2 if error <= 0 else min(5, max(0, 1 - math.floor(math.log10(error))))


def with_error(mean: float, error: float | None) -> tuple[str, str]:
    """A mean and its standard error, both to the error's second digit; the error is NONE if there is none (one example)."""
    if error is None:
        return plain(mean, 4), NONE
    decimals = decimals_of(error)
    shown = fixed(error, decimals)
    return fixed(mean, decimals), shown if float(shown.replace(",", "")) else plain(error, 2)


def error_of(record: Mapping[str, Any], entry: Mapping[str, Any]) -> float | None:
    """The standard error of a record's entry. None of one image, for which records of older versions hold 0."""
    return entry["standard_error"] if record["settings"]["images"] > 1 else None


def bits_with_error(record: Mapping[str, Any]) -> tuple[str, str]:
    """bits/dim of a record that has it, with its standard error."""
    error = error_of(record, record["elbo"])
    dims = math.prod(record["settings"]["shape"])
    return with_error(record["bits_per_dim"], None if error is None else bits_per_dim(error, dims))
