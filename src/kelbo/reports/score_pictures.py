"""Pictures of the scores in a run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kelbo.intervals import margin
from kelbo.reports.figure import Array
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.reports.score_figures import coverage, errors_by_variance, heat_map, pit_histogram, readable
from kelbo.reports.scores import Entry, beside, in_order, kind, reading
from kelbo.reports.shown import Shown
from kelbo.units import counted, of_rows

LATENTS = 16
"""rows of a heat map"""


@dataclass(frozen=True)
class ScorePictures:
    """Figures of one record of scores under a heading. other: as in ScoreGroup. wide: two of them side by side, not three."""

    title: str
    note: str
    pictures: list[Picture]
    other: str = ""
    wide: bool = False


def score_pictures(records: Mapping[str, Entry], shown: Shown) -> list[ScorePictures]:
    """Figures of every record of scores that has any. Damaged if a record is not one."""
    found = []
    for name, record in in_order(records):
        with reading(shown.run, name):
            part = _pictures(name, record, beside(name, records, shown))
            if part and part.pictures:
                found.append(replace(part, note=of_rows(part.note)) if shown.noun == "row" else part)
    return found


def _pictures(name: str, record: Entry, other: str) -> ScorePictures | None:
    scores = record["scores"]
    match kind(name):
        case "disentanglement":
            note = (
                "The more of a row is in one cell the better disentangled, of a column the more complete. Under each factor, "
                "how often all latents together tell it on test rows, or how far the best latent is ahead of the next "
                f"(over the factor’s entropy){_which(scores)}."
            )
            pictures = tables(scores, record["settings"].get("factors", ()))
            pictures = [replace(p, name=p.name + name.removeprefix("disentanglement")) for p in pictures]
            return ScorePictures("Which latent tells which factor", note, pictures, other, wide=True)
        case "calibration":
            split = record["settings"]["split"]
            note = (
                f"How often a pixel falls into each of {len(scores['histogram'])} equal parts of its predicted distribution "
                "(whatever stays between the dashed lines may be chance); how many pixels central intervals hold; and the "
                f"error where the decoder predicts a small and a large one. "
                f"Of {counted(scores['images'], 'image')}, {split} split."
            )
            return ScorePictures("Is the decoder as sure as it should be?", note, _of_decoder(name, scores), other)
    return None


def _which(scores: Entry) -> str:
    drawn = any(entry["settings"]["replicates"].startswith("fresh") for entry in scores.values() if "details" in entry)
    return "; of the first replicate" if drawn else ""


def tables(scores: Entry, names: Sequence[str]) -> list[Picture]:
    """DCI's importances and the mutual information behind MIG as heat maps, if there are such scores.

    names: of the factors; numbers stand for them if there are not as many as columns.
    """
    found = []
    if details := _details(scores, "dci_disentanglement", "dci_completeness", "dci_informativeness"):
        under = [f"told {share:.2f}" for share in details["told"]]
        found.append(_table("dci-importances", "DCI importances", "share", details["importances"], names, under))
    for score, title in (("mig", "Mutual information"), ("continuous_mig", "Mutual information of draws")):
        if details := _details(scores, score):
            gaps = [f"gap {gap:.2f}" for gap in details["gaps"]]
            found.append(_table(f"{score}-information", title, "nats", details["information"], names, gaps))
    return found


def _details(scores: Entry, *parts: str) -> Entry | None:
    return next((scores[part]["details"] for part in parts if "details" in scores.get(part, {})), None)


def _table(
    name: str, title: str, unit: str, rows: list[list[float]], names: Sequence[str], under: Sequence[str]
) -> Picture:
    values = np.array(rows, np.float64)
    factors = names if len(names) == values.shape[1] else [f"factor {column}" for column in range(values.shape[1])]
    chosen = np.sort(np.argsort(-values.max(1), kind="stable")[:LATENTS])
    some = f", {LATENTS} of {len(values)} latents" if len(chosen) < len(values) else ""
    largest = [f"{readable(factor)} z {values[:, column].argmax()}" for column, factor in enumerate(factors)]
    return of_figure(
        name,
        f"{title} of {len(values)} latents and {len(factors)} factors; the largest of each factor: {', '.join(largest)}",
        lambda theme: heat_map(
            values[chosen],
            [f"z {latent}" for latent in chosen],
            list(factors),
            under=list(under),
            title=title + some,
            unit=unit,
            theme=theme,
        ),
    )


def _of_decoder(name: str, scores: Entry) -> list[Picture]:
    shares, images = np.array(scores["histogram"], np.float64), int(scores["images"])
    levels = np.array([float(level) for level in scores["coverage"]])
    inside, errors = (
        np.array([entry[key] for entry in scores["coverage"].values()], np.float64)
        for key in ("share", "standard_error")
    )
    margins = _margins(errors, images)
    words = ", ".join(f"{100 * share:.1f} % of {100 * level:g} %" for level, share in zip(levels, inside, strict=True))
    pictures = [
        of_figure(
            f"{name}-pit",
            f"Histogram of the pixels’ probability integral transforms in {len(shares)} bins, as densities from "
            f"{len(shares) * shares.min():.2f} to {len(shares) * shares.max():.2f}",
            lambda theme: pit_histogram(shares, images, theme=theme),
        ),
        of_figure(
            f"{name}-coverage",
            f"Pixels inside central intervals: {words}",
            lambda theme: coverage(levels, inside, margins, shares, theme=theme),
        ),
    ]
    bins = bins_of(scores["by_variance"], images)
    if bins is not None:
        pictures.append(
            of_figure(
                f"{name}-variance",
                f"Observed against predicted squared error in {len(bins[0])} bins",
                lambda theme: errors_by_variance(*bins, theme=theme),
            )
        )
    return pictures


def _margins(errors: Array, images: int) -> Array:
    return np.array([margin(error, images) for error in errors])


def bins_of(found: Entry, images: int) -> tuple[Array, Array, Array] | None:
    """Predicted and observed squared errors and half their ratio's 95 % interval; None of one bin."""
    if "predicted" not in found:
        return None
    predicted, observed, errors = (
        np.array(found[key], np.float64) for key in ("predicted", "observed", "standard_error")
    )
    positive = (predicted > 0) & (observed > 0)
    return None if positive.sum() < 2 else (predicted[positive], observed[positive], _margins(errors[positive], images))
