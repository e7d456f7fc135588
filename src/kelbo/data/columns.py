"""The columns of a table: what they are called, and the unit in which a model sees each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kelbo.errors import DataCorrupt

Binary = Literal["auto", "ignore"]
"""auto: columns that hold exactly 0 and 1 in training are binary; ignore: all are real numbers"""

GRAIN = 0.01
"""the largest step of float32 at a column's numbers that is allowed, in standard deviations of the column"""
SMALLEST, LARGEST = 1e-15, 1e15
"""of a column's numbers and their standard deviation: their squares are float32 numbers too"""


@dataclass(frozen=True)
class Columns:
    """D columns. binary: those that hold only 0 and 1. mean, scale: of the training rows (0 and 1 of binary columns).

    A model sees (x - mean) / scale; scale is the standard deviation of the population, float32 as the model has it.
    """

    names: tuple[str, ...]
    binary: tuple[bool, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def real(self) -> tuple[int, ...]:
        """Positions of the columns of real numbers."""
        return tuple(column for column, binary in enumerate(self.binary) if not binary)

    def as_json(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "binary": list(self.binary),
            "mean": list(self.mean),
            "scale": list(self.scale),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Columns:
        """The inverse of `as_json`."""
        return cls(*(tuple(told[part]) for part in ("names", "binary", "mean", "scale")))


def learned(names: Sequence[str], rows: np.ndarray, binary: Binary = "auto", source: str = "The table") -> Columns:
    """The columns of training rows (N, D), finite float64.

    DataCorrupt if there is one row, or, naming the columns, if one is constant, or so far from 0 that float32 loses what
    varies, or of a size whose square float32 does not hold.
    """
    if len(rows) < 2:
        raise DataCorrupt(f"{source} has {len(rows)} row for training; a column's scale needs two or more. Add rows.")
    low, high, mean, scale = rows.min(0), rows.max(0), rows.mean(0), rows.std(0)
    if constant := [name for name, same in zip(names, low == high, strict=True) if same]:
        which = ", ".join(f"{name} ({low[names.index(name)]:g})" for name in constant[:8])
        raise DataCorrupt(
            f"{source} has columns that are the same in all {len(rows):,} training rows, so they have no scale: {which}"
            f"{' …' if len(constant) > 8 else ''}. Leave them out: {leave_out(constant)}."
        )
    largest = np.maximum(np.abs(low), np.abs(high))
    for name, size, spread in zip(names, largest, scale, strict=True):
        if size > LARGEST or not SMALLEST < spread < LARGEST:
            raise DataCorrupt(
                f"{source} has numbers up to {size:.3g} with a standard deviation of {spread:.3g} in the column {name}, "
                "which single precision does not hold when squared. Give the column in another unit."
            )
        if (grain := float(np.spacing(np.float32(size)))) > GRAIN * spread:
            raise DataCorrupt(
                f"{source} has numbers up to {size:.9g} with a standard deviation of only {spread:.3g} in the column {name}: "
                f"single precision would round them to steps of {grain:.3g}. Subtract a constant from the column, or leave it "
                f"out: {leave_out([name])}."
            )
    two = tuple(bool(one) for one in ((rows == 0) | (rows == 1)).all(0) & (binary == "auto"))
    return Columns(
        tuple(names),
        two,
        tuple(0.0 if one else float(np.float32(value)) for one, value in zip(two, mean, strict=True)),
        tuple(1.0 if one else float(np.float32(value)) for one, value in zip(two, scale, strict=True)),
    )


def leave_out(names: Sequence[str]) -> str:
    """The setting that leaves out these columns."""
    return f"data.without={json.dumps(list(names), ensure_ascii=False)}"
