"""What a page shows of a model of a table's rows: figures in the columns' own units, and each column's error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.reports.row_figures import column_traversals, marginals, pairs, reconstructed_columns
from kelbo.reports.shown import Shown
from kelbo.units import counted

SHOWN, PAIRED = 12, 6
"""columns that have a figure of their own, and columns whose pairs are shown"""
LABELS = "training rows", "draws of the model"


class Told(NamedTuple):
    """The columns as a run's provenance has them, a list each."""

    names: list[str]
    binary: list[bool]
    mean: list[float]
    scale: list[float]


@dataclass(frozen=True)
class ColumnError:
    """A row of the table of columns. explained: of the column's variance, in percent."""

    name: str
    mean: str
    deviation: str
    rmse: str
    explained: str


@dataclass(frozen=True)
class Rows:
    """The parts of a page. others: columns without a figure of their own; drawn: rows on either side of marginals
    and pairs, the latter of so many columns."""

    reconstructions: Picture
    marginals: Picture
    pairs: Picture | None
    traversals: Picture | None
    errors: list[ColumnError]
    others: list[str]
    drawn: int
    reconstructed: int
    paired: int


def rows_of(shown: Shown) -> Rows | None:
    """None if the run's examples are images."""
    if "row-samples" not in shown.parts:
        return None
    columns = Told(**shown.data["columns"])
    assert shown.test is not None
    errors = shown.test["reconstruction"]["columns"]
    rank = [-(errors[name]["explained"] or 0.0) for name in columns.names]
    chosen = sorted(np.argsort(rank, kind="stable")[:SHOWN].tolist())
    samples = shown.parts["row-samples"].arrays()
    told = shown.parts["row-reconstructions"].arrays()
    some = _correlated(samples["rows"], columns)
    names = [columns.names[k] for k in chosen]
    notes = [_share(errors[name]["explained"]) for name in names]
    two = [columns.binary[k] for k in chosen]
    return Rows(
        of_figure(
            "row-reconstructions",
            f"Reconstructed over original values of {counted(len(names), 'column')}",
            lambda theme: reconstructed_columns(
                told["rows"][:, chosen], told["made"][:, chosen], names, notes, theme=theme
            ),
        ),
        of_figure(
            "row-marginals",
            f"Histograms of {counted(len(names), 'column')}, of data and of draws",
            lambda theme: marginals(
                samples["rows"][:, chosen], samples["made"][:, chosen], names, two, LABELS, theme=theme
            ),
        ),
        _pairs(samples, some, [columns.names[k] for k in some]),
        _traversals(shown, columns),
        [
            ColumnError(
                name,
                "binary" if binary else plain(mean, 4),
                "" if binary else plain(scale),
                plain(errors[name]["rmse"]),
                _share(errors[name]["explained"]),
            )
            for name, binary, mean, scale in zip(
                columns.names, columns.binary, columns.mean, columns.scale, strict=True
            )
        ],
        [name for k, name in enumerate(columns.names) if k not in chosen],
        len(samples["rows"]),
        len(told["rows"]),
        len(some),
    )


def _pairs(samples: Mapping[str, np.ndarray], some: list[int], names: list[str]) -> Picture | None:
    """None if there is one column alone."""
    if len(some) < 2:
        return None
    rows, made = samples["rows"][:, some], samples["made"][:, some]
    return of_figure(
        "row-pairs",
        f"Pairs of {len(some)} columns, of data and of draws",
        lambda theme: pairs(rows, made, names, LABELS, theme=theme),
    )


def _traversals(shown: Shown, columns: Told) -> Picture | None:
    if "row-traversals" not in shown.parts:
        return None
    assert shown.test is not None
    measured, rates = shown.parts["row-traversals"], shown.test["latents"]["rate_per_latent"] or []
    latents, values = measured.settings["latents"], np.array(measured.settings["values"])
    standard = (measured.arrays()["made"] - np.array(columns.mean)) / np.array(columns.scale)
    titles = [f"z {k} · {plain(rates[k], 2)} nats" if rates else f"z {k}" for k in latents]
    return of_figure(
        "row-traversals",
        f"Columns over the values of {counted(len(latents), 'latent')}, one moved at a time",
        lambda theme: column_traversals(values, standard, columns.names, titles, theme=theme),
    )


def _correlated(rows: np.ndarray, columns: Told) -> list[int]:
    """The columns that go most with others, in the table's order: the largest mean squared correlations."""
    if len(columns.names) == 1:
        return [0]
    with np.errstate(invalid="ignore"):
        found = np.nan_to_num(np.corrcoef(rows.astype(np.float64).T)) ** 2
    return sorted(np.argsort(-found.sum(0), kind="stable")[:PAIRED].tolist())


def _share(explained: float | None) -> str:
    return "" if explained is None else f"{100 * explained:.0f} %".replace("-", "−")
