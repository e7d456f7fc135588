"""A sweep's numbers as a file for other programs and as a table for the terminal."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import json
import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kelbo.errors import RecipeError
from kelbo.runs import write_atomic
from kelbo.runs.writing import require_room
from kelbo.sweeps.frame import LaneNumber, Summary, rows, summary

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["LaneNumber", "Summary", "printed", "rows", "summary", "write_rows"]

TYPES = {"seed": "int64", "step": "int64", "n": "int64", "excluded": "int64"} | dict.fromkeys(
    ("value", "mean", "sd", "median", "low", "high"), "float64"
)
"""of the columns that are no text, whether or not a value is there"""


def write_rows(path: Path, table: Sequence[LaneNumber] | Sequence[Summary]) -> None:
    """Write rows or summaries as .csv or .parquet, atomically; what is missing is an empty field, in parquet null.

    RecipeError for another ending, and for .parquet without pyarrow.
    """
    _require_ending(path)
    records = [_flat(row) for row in table]
    write_atomic(path, _csv(records) if path.suffix == ".csv" else _parquet(records))


def require_table(path: Path) -> None:
    """RecipeError if no table can be written at `path`: a folder, another ending, or .parquet without pyarrow.

    RunError if its folder cannot be written to.
    """
    _require_ending(path)
    require_room(path)


def _require_ending(path: Path) -> None:
    if path.is_dir() or path.suffix not in (".csv", ".parquet"):
        raise RecipeError(f"A table is a file that ends in .csv or .parquet; got {path}.")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise RecipeError(f"{path} needs pyarrow: pip install 'kelbo[parquet]', or write a .csv.")


def _flat(row: LaneNumber | Summary) -> dict[str, Any]:
    """A row as columns, each setting one of them; its conditions are one, as JSON."""
    columns: dict[str, Any] = {}
    for name, value in row._asdict().items():
        text = json.dumps(value, ensure_ascii=False) if name == "conditions" else value
        columns |= value if name == "settings" else {name: text}
    return columns


def _csv(records: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {name: json.dumps(value) if isinstance(value, bool) else value for name, value in record.items()}
        )
    return text.getvalue()


def _parquet(records: list[dict[str, Any]]) -> bytes:
    pyarrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    known = LaneNumber._fields + Summary._fields
    columns = {}
    for name in records[0] if records else ():
        kind = TYPES.get(name, "string") if name in known else None  # a setting's type is that of its values
        columns[name] = pyarrow.array([record[name] for record in records], kind)
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


SHOWN = ("elbo", "rate", "distortion", "bits_per_dim", "psnr", "rmse")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class SummaryTable(NamedTuple):
    """Summaries as texts: a row has its quantity, the settings' values, its seeds, mean ± sd, median and interval.

    settings: their headers. lines: what the numbers are of, and what must be said of some.
    """

    settings: list[str]
    rows: list[tuple[str, ...]]
    lines: list[str]


def as_texts(found: Sequence[Summary], quantities: Sequence[str] | None = None) -> SummaryTable:
    """Summaries as a table of texts.

    quantities: which, from every source; by default the usual ones of evaluations (of the journal, if there is none),
    and all scores.
    """
    shown = [row for row in found if row.quantity in quantities] if quantities is not None else _usual(found)
    names, settings = _names(shown), _short(list(dict.fromkeys(path for row in shown for path in row.settings)))
    notes = list(dict.fromkeys(row.note for row in shown if row.note))
    rows = []
    for row in shown:
        varied = (str(row.settings.get(path, "")) for path in settings)
        rows.append((names[row.quantity, row.source], *varied, _seeds(row, notes), *_statistics(row)))
    return SummaryTable([*settings.values()], rows, _lines(shown, names, notes))


def printed(found: Sequence[Summary], quantities: Sequence[str] | None = None) -> Table:
    """As `as_texts`, for a terminal of 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    settings, rows, lines = as_texts(found, quantities)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption="\n".join(lines), caption_justify="left")
    table.add_column("quantity", overflow="fold", min_width=12)
    for header in (*settings, "seeds"):
        table.add_column(header, justify="right")
    for header in ("mean ± sd", "median"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right")
    before = ""
    for name, *texts in rows:
        if before not in ("", name):
            table.add_section()
        table.add_row("" if name == before else name, *texts)
        before = name
    return table


def _usual(found: Sequence[Summary]) -> list[Summary]:
    evaluated = {row.quantity for row in found if row.source.startswith("evaluation")}

    def usual(row: Summary) -> bool:
        if row.source.startswith("scores"):
            return row.quantity != "rate"  # the evaluation's again
        return row.quantity in SHOWN and not (row.source.startswith("journal") and row.quantity in evaluated)

    return [row for row in found if usual(row)]


def _names(shown: Sequence[Summary]) -> dict[tuple[str, str], str]:
    """What each quantity of each source is called, in words; if several sources have it, with what theirs do not share."""
    sources: dict[str, set[str]] = {}
    for row in shown:
        sources.setdefault(row.quantity, set()).add(row.source)
    names = {}
    for quantity, source in dict.fromkeys((row.quantity, row.source) for row in shown):
        words = quantity.replace("_", " ").replace(".", ", ", 1)
        names[quantity, source] = ", ".join(filter(None, (words, _own(source, sources[quantity]))))
    return names


def _own(source: str, among: Collection[str]) -> str:
    """A source without the words that all these sources begin with; "" if it is the only one."""
    parts = [re.split(r"(?<=[ -])", each) for each in among]
    shared = next((n for n, words in enumerate(zip(*parts, strict=False)) if len({*words}) > 1), min(map(len, parts)))
    kept = re.split(r"(?<=[ -])", source)
    return "" if len(among) == 1 else "".join(kept[min(shared, len(kept) - 1) :])


def _short(paths: list[str]) -> dict[str, str]:
    """Settings' headers: the last word of their path, the whole path if two would be the same."""
    last = [path.rpartition(".")[2] for path in paths]
    return {path: path if last.count(word) > 1 else word for path, word in zip(paths, last, strict=True)}


def _lines(shown: Sequence[Summary], names: dict[tuple[str, str], str], notes: list[str]) -> list[str]:
    of: dict[str, dict[str, None]] = {}
    for row in shown:
        about = ", ".join(filter(None, (row.source, row.unit)))
        of.setdefault(about, {})[names[row.quantity, row.source]] = None
    lines = [f"{', '.join(quantities)}: {about}" for about, quantities in of.items()]
    return [*lines, *(f"{_mark(number)} {note}" for number, note in enumerate(notes, start=1))]


def _seeds(row: Summary, notes: list[str]) -> str:
    count = f"{row.n} of {row.n + row.excluded}" if row.excluded else f"{row.n}"
    return f"{count} {_mark(1 + notes.index(row.note))}" if row.note else count


def _mark(number: int) -> str:
    return f"{number}".translate(RAISED)


def _statistics(row: Summary) -> tuple[str, str, str]:
    """Mean and sd, median, interval."""
    if row.mean is None or row.median is None:
        return "–", "–", "–"
    if row.sd is None:
        return f"{_digits(row.mean, 0)} ± –", _digits(row.median, 0), "–"
    if row.low is None or row.high is None:  # all seeds are equal
        return f"{_digits(row.mean, 0)} ± {_digits(row.sd, 0)}", _digits(row.median, 0), "–"
    mean, sd, median, low, high = (_digits(x, row.sd) for x in (row.mean, row.sd, row.median, row.low, row.high))
    return f"{mean} ± {sd}", median, f"{low} to {high}"


def _digits(value: float, spread: float) -> str:
    """A number to two digits of its spread, or to three of its own if that takes many; to five without a spread."""
    decimals = max(0, 1 - math.floor(math.log10(spread))) if spread > 0 else None
    form = ",.5g" if decimals is None else ",.3g" if decimals > 6 else f",.{decimals}f"
    return f"{value:{form}}".replace("-", "−")
