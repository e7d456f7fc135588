"""Rows of a table that a run made, as CSV files: what other runs write as pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kelbo.cli.places import write_and_tell

if TYPE_CHECKING:
    import numpy as np

    from kelbo.experiments import Experiment


def column_names(experiment: Experiment) -> tuple[str, ...]:
    """The columns of the table that a run was trained on; () if its data are images."""
    from kelbo.experiments.guards import outline_of

    outline = outline_of(experiment.run)
    return outline.columns.names if outline and outline.columns else ()


def save_rows(
    out: Path | None,
    experiment: Experiment,
    name: str,
    rows: np.ndarray,
    beside: Mapping[str, Iterable[object]],
    names: Sequence[str] = (),
) -> None:
    """Write rows (N, D) as a CSV file with a header, and print its path: see `write_and_tell`. name: of the
    file in the run's folder, without step and ending.

    beside: further columns, which come first. names: of the D columns, by default the table's. RecipeError if `out` is no .csv.
    """
    from kelbo.errors import RecipeError
    from kelbo.runs import write_atomic

    if out is not None and out.suffix.lower() != ".csv":
        raise RecipeError(f"--out must end in .csv, since this run makes rows of a table; got {out}.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*beside, *(names or column_names(experiment))])
    told = zip(*beside.values(), strict=True) if beside else [()] * len(rows)
    writer.writerows(
        [*first, *(f"{value:.7g}" for value in row)] for first, row in zip(told, rows.tolist(), strict=True)
    )
    own = experiment.run.picture(experiment.step, name).with_suffix(".csv")
    write_and_tell(out, own, experiment.run.path, lambda path: write_atomic(path, text.getvalue()))
