"""Numbers as a reader wants them: as many digits as are known, a true minus sign, thousands set apart."""

from __future__ import annotations

import math


def plain(value: float, digits: int = 3) -> str:
    """A number to `digits` significant digits; those before the point are never rounded away."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4:
        return f"{fixed(value / 10.0**magnitude, digits - 1)}e−{-magnitude}"
    return fixed(value, max(0, digits - 1 - magnitude))


def fixed(value: float, decimals: int) -> str:
    """A number to so many decimals."""
    return f"{value:,.{decimals}f}".replace("-", "−")


def decimals_of(error: float) -> int:
    """Decimals that show two significant digits of a standard error, at most 5; 2 where there is no error."""
    return 2 if error <= 0 else min(5, max(0, 1 - math.floor(math.log10(error))))


def with_error(mean: float, error: float) -> tuple[str, str]:
    """A mean and its standard error, both to the error's second digit. The error is "" where there is none (one example)."""
    decimals = decimals_of(error)
    return fixed(mean, decimals), fixed(error, decimals) if error > 0 else ""
