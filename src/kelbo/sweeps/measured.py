"""The journal and the measurements of a run as one list of numbers by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kelbo.intervals import finite_or_none
from kelbo.runs import Measurement, Run
from kelbo.runs.measurements import OTHER_SSIM
from kelbo.runs.settings import flat
from kelbo.runs.writing import understanding

Entry = Mapping[str, Any]


class Number(NamedTuple):
    """One number of a run; value is None if its record says that there is none.

    conditions: every setting that it was measured under and all else that it depends on, as its record tells them.
    """

    quantity: str
    value: float | None
    unit: str
    source: str
    step: int | None
    conditions: dict[str, str]


BATCHES, PROBE = "journal: last mean over training batches", "journal: last reading of a few test images"
VALIDATION = "journal: last reading of validation images"
NATS, INTENSITY, SHARE = "nats per image", "intensity", "share"

JOURNAL = {
    "elbo": (NATS, BATCHES),
    "rate": (NATS, BATCHES),
    "distortion": (NATS, BATCHES),
    "validation_elbo": (NATS, VALIDATION),
    "validation_rate": (NATS, VALIDATION),
    "validation_distortion": (NATS, VALIDATION),
    "validation_squared_error": ("sum over an image", VALIDATION),
    "validation_slack": ("", VALIDATION),
    "images_per_second": ("images per second", BATCHES),
    "sigma": (INTENSITY, PROBE),
    "rmse": (INTENSITY, PROBE),
    "floored": (SHARE, PROBE),
    "squared_error": ("sum over an image", BATCHES),
    "slack_psnr": ("dB", BATCHES),
    "slack_bits_per_dim": ("bits/dim", BATCHES),
    "implied_sigma": (INTENSITY, BATCHES),
    "clamp_active": (SHARE, BATCHES),
    "equivalent_sigma": (INTENSITY, PROBE),
    "equivalent_beta": ("", PROBE),
}
DECODER = {"sigma": INTENSITY, "rmse": INTENSITY, "equivalent_sigma": INTENSITY, "equivalent_beta": ""}
CALIBRATION = ("total_variation", "kolmogorov_smirnov", "wasserstein", "miscalibration_area")
SHARES = ("precision", "recall", "coverage")

LEFT_OUT = "left out"
"""the condition that says why a number of a record is left out of means"""

UNCHANGING = {
    "run": "the recipe's name",
    "recipe": "of a sweep's lanes all that differs is beside the number, or the lane is refused",
    "step": "a number's step stands beside it",
    "averaged": "told by its weights",
}
"""settings of a record that are not conditions of its numbers, with the reasons; every other setting is one"""

RESULTS = {
    **dict.fromkeys(("value", "low", "high", "standard_error"), "the number and its interval"),
    **dict.fromkeys(("details", "cap", "of", "rank_deficient"), "found with the number"),
    "seconds": "how long it took",
}
"""what stands beside a score in its record and is not a condition of it, with the reasons; everything else there is one"""


def numbers(run: Run) -> list[Number]:
    """All numbers of a run: the journal's last row, and its evaluations and scores, of the newest step for each label.

    Damaged, which names the file, if a measurement cannot be read or is not what this version writes.
    """
    measured = [one for one in run.measurements.newest() if one.name == "evaluation" or "scores" in one.value]
    return [*_of_journal(run), *(number for one in measured for number in _read(one))]


def _read(measured: Measurement) -> list[Number]:
    with understanding(measured.place, "Remove it and evaluate the run again."):
        return list((_of_evaluation if measured.name == "evaluation" else _of_scores)(measured))


def _of_journal(run: Run) -> Iterator[Number]:
    row = run.journal.last()
    step = row.pop("step", None)
    for name, value in row.items():
        unit, source = JOURNAL.get(name, ("", BATCHES))
        # its conditions are in the recipe
        yield Number(name, finite_or_none(value), unit, source, None if step is None else int(step), {})


def _of_evaluation(measured: Measurement) -> Iterator[Number]:
    record, source, conditions = measured.value, f"evaluation {measured.label}", _conditions(measured.facts)

    def number(quantity: str, value: Any, unit: str) -> Number:
        return Number(quantity, finite_or_none(value), unit, source, measured.facts["step"], conditions)

    entries = {name: record[name] for name in ("elbo", "rate", "distortion", "importance_weighted")}
    entries |= {"marginal": record.get("marginal")}  # of conditional models alone
    entries |= {name: record["reconstruction"][name] for name in ("psnr", "ssim")}
    for quantity, entry in entries.items():
        if entry is not None:
            yield number(quantity, entry["mean"], entry["unit"])
    if record["reconstruction"].get("ssim_reason") == OTHER_SSIM:
        yield number("ssim", None, "mean over images")._replace(conditions={LEFT_OUT: OTHER_SSIM})
    if "shape" in measured.facts:
        squared = math.prod(measured.facts["shape"]) * record["decoder"]["rmse"] ** 2
        yield number("squared_error", squared, "sum over an image, of reconstructions")
    if record["bits_per_dim"] is not None:
        given = f", of {record['bounds']}" if "bounds" in record else ""
        yield number("bits_per_dim", record["bits_per_dim"], f"bits/dim{given}")
    if record["latents"] is not None:
        yield number("active_units", record["latents"]["active_units"], "latents")
    for quantity, unit in DECODER.items():
        if record["decoder"][quantity] is not None:
            yield number(quantity, record["decoder"][quantity], unit)


def _of_scores(measured: Measurement) -> Iterator[Number]:
    conditions, source = _conditions(measured.facts), f"scores {measured.label}"
    for quantity, entry, unit in _scores(measured.group, measured.value["scores"]):
        beside = {key: value for key, value in entry.items() if key not in RESULTS}
        found = conditions | _conditions(beside)
        yield Number(quantity, finite_or_none(entry["value"]), unit, source, measured.facts["step"], found)


def _scores(group: str, scores: Entry) -> Iterator[tuple[str, Entry, str]]:
    """Each score's name, entry and unit. Those of a cloud of images are called after it: frechet.sample.

    What is told of all scores together is in each entry.
    """
    if group == "calibration":
        common = {"images": scores["images"], "pixels": scores["pixels"]}
        for name in CALIBRATION:
            yield name, {"value": scores[name], **common}, SHARE if name == "total_variation" else ""
        for at, entry in scores["coverage"].items():
            yield f"coverage.{at}", {"value": entry["share"], **common}, SHARE
        return
    common = (
        {"images": scores["details"]["images"], "draws": scores["details"]["examples"]} if group == "latents" else {}
    )
    for name, entry in scores.items():
        if isinstance(entry, Mapping) and "value" in entry:
            yield name, {**entry, **common}, _unit(group, name)
        elif group == "images":
            clouds = {part: inner for part, inner in entry.items() if "value" in inner}
            features = dict(entry["features"])
            common = {"images": features.pop("images"), "features": features}
            yield from ((f"{part}.{name}", {**inner, **common}, _unit(group, part)) for part, inner in clouds.items())


def _unit(group: str, name: str) -> str:
    if group == "latents":
        return "latents" if name == "active_units" else NATS
    return SHARE if group == "disentanglement" or name in SHARES else ""


def _conditions(settings: Entry) -> dict[str, str]:
    # a record that does not tell its checkpoint is of an older version, which knew the last one alone
    found = {"checkpoint": "last"} | {key: value for key, value in settings.items() if key not in UNCHANGING}
    if (
        "prior" in found
    ):  # each lane has one of its own, fitted to its weights; what they have in common is before the hash
        found["prior"] = found["prior"].partition(" #")[0]
    return flat(found)
