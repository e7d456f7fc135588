"""Every evaluation of a run side by side: a row a quantity, a column a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kelbo.reports.numbers import bits_with_error, error_of, plain, with_error
from kelbo.runs.measurement import Record
from kelbo.runs.measurements import OTHER_SSIM
from kelbo.runs.settings import differing
from kelbo.units import noun_of


@dataclass(frozen=True)
class RecordCell:
    """note: what differs from the row's unit."""

    value: str = "–"
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class RecordRow:
    quantity: str
    unit: str
    cells: list[RecordCell]


@dataclass(frozen=True)
class RecordTable:
    """columns: the records' names; reasons: why some have no bits/dim, with their names."""

    columns: list[str]
    rows: list[RecordRow]
    reasons: dict[str, list[str]]


def comparison(records: dict[str, Record], step: int) -> RecordTable:
    """All records by name, those of the test split first; a record of another checkpoint than `step` says so."""
    names = sorted(records, key=lambda name: (records[name]["settings"]["split"] != "test", name))
    found = [records[name] for name in names]
    settings = found[0]["settings"] if found else {}
    noun = noun_of(settings.get("shape", ()))
    size = "intensity" if settings.get("levels", 256) else "standard deviations"
    rows = [
        RecordRow("Split", "", [RecordCell(record["settings"]["split"]) for record in found]),
        RecordRow(f"{noun.capitalize()}s N", "", [RecordCell(f"{record['settings']['images']:,}") for record in found]),
        RecordRow("Checkpoint", "step", [_checkpoint(record, step) for record in found]),
        *_settings(found),
        _measured("ELBO", found, lambda record: record["elbo"]),
        _measured("Rate", found, lambda record: record["rate"]),
        _measured("Distortion", found, lambda record: record["distortion"]),
        _measured("Importance-weighted bound", found, lambda record: record["importance_weighted"]),
        _measured("Bound by the sum over conditions", found, lambda record: record.get("marginal")),
        RecordRow("Bits/dim", "bits", [_bits(record) for record in found]),
        _measured("PSNR", found, lambda record: record["reconstruction"]["psnr"]),
        _ssim(found),
        RecordRow("Active units", "latents", [_active(record) for record in found]),
        *(_decoder(title, size if sized else "", name, found) for title, sized, name in DECODER),
        RecordRow(
            f"{noun.capitalize()}s that σ is from", f"training {noun}s", [_sigma_images(record) for record in found]
        ),
    ]
    return RecordTable(
        names, [row for row in rows if any(cell != RecordCell() for cell in row.cells)], _reasons(names, found)
    )


DECODER = (
    ("Decoder’s σ", True, "sigma"),
    ("Reconstructions’ RMSE", True, "rmse"),
    ("Equivalent σ", True, "equivalent_sigma"),
    ("Equivalent β", False, "equivalent_beta"),
)


def _reasons(names: list[str], records: list[Record]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, record in zip(names, records, strict=True):
        if reason := record["bits_per_dim_reason"]:
            reasons.setdefault(reason, []).append(name)
    return reasons


def _measured(quantity: str, records: list[Record], read: Callable[[Record], Record | None]) -> RecordRow:
    values = [read(record) for record in records]
    unit = next((value["unit"] for value in values if value), "")
    return RecordRow(
        quantity, unit, [_cell(record, value, unit) for record, value in zip(records, values, strict=True)]
    )


def _cell(record: Record, value: Record | None, unit: str) -> RecordCell:
    if value is None:
        return RecordCell()
    mean, error = with_error(value["mean"], error_of(record, value))
    notes = [
        f"{value['samples']:,} samples" if "samples" in value else "",
        value["unit"] if value["unit"] != unit else "",
    ]
    return RecordCell(mean, error, "; ".join(filter(None, notes)))


def _ssim(records: list[Record]) -> RecordRow:
    row = _measured("SSIM", records, lambda record: record["reconstruction"]["ssim"])
    whys = [record["reconstruction"].get("ssim_reason") == OTHER_SSIM for record in records]
    cells = [replace(cell, note=OTHER_SSIM) if other else cell for cell, other in zip(row.cells, whys, strict=True)]
    return replace(row, cells=cells)


SHOWN_ELSEWHERE = ("split", "images", "step", "importance_samples", "dequantized", "averaged")
"""settings that other rows and cells of the table show, or the row of the weights"""


def _settings(records: list[Record]) -> list[RecordRow]:
    """A row for each other setting in which the records differ: numbers beside one another may be of several kinds."""
    found = differing([{k: v for k, v in record["settings"].items() if k not in SHOWN_ELSEWHERE} for record in records])
    return [RecordRow(_words(name), "", [RecordCell(value) for value in values]) for name, values in found.items()]


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", ": ").capitalize()


def _checkpoint(record: Record, step: int) -> RecordCell:
    its = record["settings"]["step"]
    return RecordCell(f"{its:,}", note="" if its == step else "another than this page’s")


def _bits(record: Record) -> RecordCell:
    if record["bits_per_dim"] is None:
        return RecordCell("none")
    dequantized = "dequantised" if record["settings"]["dequantized"] else ""
    given = f"of {record['bounds']}" if "bounds" in record else ""
    return RecordCell(*bits_with_error(record), "; ".join(filter(None, [dequantized, given])))


def _sigma_images(record: Record) -> RecordCell:
    """Of a decoder that solves for its σ; a record without them may have one of earlier weights."""
    images = record["settings"].get("sigma_images")
    return RecordCell() if images is None else RecordCell(f"{images:,}")


def _active(record: Record) -> RecordCell:
    latents = record["latents"]
    if latents is None or latents["active_units"] is None or record["settings"]["images"] < 2:
        return RecordCell()
    return RecordCell(f"{latents['active_units']} of {latents['dims']}")


def _decoder(title: str, unit: str, name: str, records: list[Record]) -> RecordRow:
    values = [r["decoder"][name] if name in ("sigma", "rmse") or r["rate"] is not None else None for r in records]
    return RecordRow(title, unit, [RecordCell() if value is None else RecordCell(plain(value)) for value in values])
