"""Tables of the σ-VAE study that the paper does not have: how calibrated decoders are, how a bound is flattered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kelbo.reports.cells import Cell, Group, Row, StudyTable, with_deviation
from kelbo.reports.numbers import with_error
from kelbo.reports.sigma_vae.results import NAMES, Entry, Kind, Read, Study, rmse, sigma

LEVELS = ("0.5", "0.9", "0.95")
"""Central intervals whose coverage is told."""
BLACK_AND_WHITE = " A Bernoulli has black and white alone: what it expects of a grey pixel is neither right nor wrong."


def calibration(study: Study) -> StudyTable:
    """σ against the error that is made, and the distribution against the pixels."""
    rows = []
    for kind in study.kinds:
        if any(lane["calibration"] for lane in study.lanes(kind)):
            rows.append(Row(str(kind), [_cell(study, kind, read) for read in _reads().values()]))
    return StudyTable(
        "calibration",
        "How well each decoder knows its own error",
        f"Mean ± standard deviation over seeds, on {'training' if study.as_published else 'test'} images. A calibrated "
        "decoder’s σ is its error (RMSE), its central 50 % intervals hold half of the pixels, and its miscalibration area and "
        "misplaced mass are 0. σ² / squared error is above "
        "1 where a decoder expects more error than it makes. A β speaks as the Gaussian of σ² = β that it amounts to."
        + BLACK_AND_WHITE
        * ("bernoulli" in study.decoders and study.plan["levels"] > 2),
        list(_reads()),
        [Group("", rows)] if rows else [],
        wide=True,
    )


def _reads() -> dict[str, Read]:
    return {
        "σ": sigma,
        "RMSE": rmse,
        "σ² / squared error": _variance_ratio,
        "Miscalibration area": _of("miscalibration_area"),
        "Misplaced mass": _of("total_variation"),
        **{f"{100 * float(level):g} % intervals hold, %": _covers(level) for level in LEVELS},
    }


def _cell(study: Study, kind: Kind, read: Read) -> Cell:
    return Cell(*with_deviation(list(study.reading(kind, read).values())))


def _variance_ratio(lane: Entry) -> float | None:
    """σ² over the squared error that reconstructions make."""
    if lane["sigma"] is None or not lane["rmse"]:
        return None
    return (lane["sigma"] / lane["rmse"]) ** 2


def _of(name: str) -> Callable[[Entry], float | None]:
    return lambda lane: lane["calibration"] and lane["calibration"].get(name)


def _covers(level: str) -> Read:
    def read(lane: Entry) -> float | None:
        found = lane["calibration"] and lane["calibration"]["coverage"].get(level)
        return 100 * found["share"] if found else None

    return read


def flattery(study: Study) -> StudyTable:
    """What a bound gains by being measured as the release does it."""
    by_decoder: dict[str, list[Entry]] = {}
    for found in study.results["flattery"]:
        by_decoder.setdefault(found["decoder"], []).append(found)
    groups = [Group(_heading(key, found), _flattered(found)) for key, found in by_decoder.items()]
    return StudyTable(
        "flattery",
        "How a bound is flattered",
        "The same weights, measured step by step as the released code does: with the σ of the very batch that is measured, "
        "that σ softly clipped, and on training images in the place of test images. The paper itself asks for a running σ at "
        "test time. The change is from the first row; below 0, a step makes −ELBO look better than it is. ±: standard "
        "deviation over seeds; of one seed, of −ELBO, one standard error over images.",
        ["−ELBO, nats", "Change, nats"],
        groups,
    )


def _heading(decoder: str, found: Sequence[Entry]) -> str:
    return f"{NAMES.get(decoder, decoder)}, {len(found)} {'seed' if len(found) == 1 else 'seeds'}"


def _flattered(seeds: Sequence[Entry]) -> list[Row]:
    """Rows of one decoder, by name, over the seeds that have them; the first is the honest one."""
    names = list(dict.fromkeys(row["name"] for seed in seeds for row in seed["rows"]))
    by_name = {name: [_losses(seed).get(name) for seed in seeds] for name in names}
    rows = []
    for name, values in by_name.items():
        pairs = zip(values, by_name[names[0]], strict=True)
        gaps = [ours[0] - first[0] for ours, first in pairs if ours is not None and first is not None]
        known = [value for value in values if value is not None]
        cells = [with_error(*known[0]) if len(known) == 1 else with_deviation([mean for mean, _ in known])]
        gap = Cell(*_signed(gaps)) if name != names[0] else Cell("")
        rows.append(Row(name, [Cell(*cells[0]), gap]))
    return rows


def _signed(gaps: Sequence[float]) -> tuple[str, str]:
    """Mean and standard deviation of changes, with a sign."""
    mean, deviation = with_deviation(gaps)
    return ("+" if gaps and sum(gaps) > 0 else "") + mean, deviation


def _losses(seed: Entry) -> dict[str, tuple[float, float]]:
    """−ELBO and its standard error by the row's name, where it is finite."""
    known = ((row["name"], row["elbo"]) for row in seed["rows"] if row["elbo"])
    return {name: (-elbo["mean"], elbo["standard_error"]) for name, elbo in known if math.isfinite(elbo["mean"])}
