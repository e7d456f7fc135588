"""What was measured of a run: each value under all that it depends on, so that none replaces one of other settings or weights.

measurements/NAME/KEY.json        one measurement; KEY is a hash of its name, its settings and its weights
measurements/NAME/KEY.ONCE.npz    its arrays, if it has any; ONCE is drawn for each file, so that no writer touches another's

Folders of older versions have evaluations/, scores/ and distances.jsonl instead, which are read as measurements.
"""

from __future__ import annotations

import io
import json
import logging
import secrets
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from kelbo.errors import Damaged
from kelbo.runs.journal import Journal
from kelbo.runs.measurement import FORMAT, Measurement, Record, arrays_path, group_of, key_of, read_measurement
from kelbo.runs.writing import read_json, write_atomic, write_json

LOG = logging.getLogger(__name__)

CLOSED, ONE_DRAW, OF_GROUPS = (
    "closed form",
    "Monte Carlo, one draw",
    "closed form of each group, at one draw of the others",
)
"""estimates of an evaluation's rate: how each image's is computed; older records do not say"""

STALE = 3600
"""seconds after which arrays that no measurement names are assumed to be of a killed or overtaken writer"""


class Measurements:
    """The measurements in one run's folder. Reading needs neither the model nor its data.

    refused: why the folder did not take one that `keep_if_possible` was given; None if it took all.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.refused: OSError | None = None
        self._unkept: dict[tuple[str, str], Measurement] = {}

    def find(self, name: str, settings: Mapping[str, Any], weights: str) -> Measurement | None:
        """The measurement under exactly these, or None. Damaged if its file cannot be read."""
        return self.get(name, key_of(name, settings, weights))

    def get(self, name: str, key: str) -> Measurement | None:
        """The measurement of this name under a key, or None."""
        path = self._path(name, key)
        return self._unkept.get((name, key)) or (read_measurement(path) if path.exists() else None)

    def all(self, *groups: str) -> list[Measurement]:
        """Every measurement (of these groups only, if any is named), records of older versions first. Damaged names a file."""
        older = (one for one in _older(self.run) if not groups or one.group in groups)
        paths = sorted((self.run / "measurements").glob("*/*.json"))
        paths = [path for path in paths if (path.parent.name, path.stem) not in self._unkept]
        kept = (read_measurement(path) for path in paths if not groups or group_of(path.parent.name) in groups)
        return [*older, *kept, *(one for one in self._unkept.values() if not groups or one.group in groups)]

    def newest(self, *groups: str, weights: str | None = None) -> list[Measurement]:
        """One measurement for each name and label, by these: the one of `weights` if there is one, else of the latest step."""
        return newest(self.all(*groups), weights)

    def keep(self, measured: Measurement, arrays: Mapping[str, np.ndarray] | None = None) -> Measurement:
        """Write a measurement, in place of one under the same key, and return it as it is read back."""
        path = self._path(measured.name, measured.key)
        beside = {"measured": datetime.now(UTC).isoformat(), **measured.circumstances}
        if arrays:
            beside["arrays"] = secrets.token_hex(4)
            write_atomic(arrays_path(path, beside["arrays"]), _packed(arrays))
        before = read_json(path).get("circumstances", {}).get("arrays") if path.exists() else None
        write_json(
            path,
            {
                "format": FORMAT,
                "name": measured.name,
                "label": measured.label,
                "settings": measured.settings,
                "weights": measured.weights,
                "circumstances": beside,
                "value": measured.value,
            },
        )
        kept = read_measurement(path)
        _remove_arrays(path, kept.circumstances.get("arrays"), {before, beside.get("arrays")})
        return kept

    def keep_if_possible(self, measured: Measurement, arrays: Mapping[str, np.ndarray] | None = None) -> Measurement:
        """As `keep`. If the disk refuses, only this object has it from then on, and a warning is logged once."""
        try:
            return self.keep(measured, arrays)
        except OSError as error:
            if self.refused is None:
                LOG.warning(f"Measurements cannot be kept in {self.run}: {error.strerror}.")
            self.refused = error
        value = json.loads(json.dumps(measured.value, allow_nan=False))  # as it would be read back
        beside = {"measured": datetime.now(UTC).isoformat(), **measured.circumstances}
        unkept = replace(measured, value=value, circumstances=beside, unkept=arrays or {})
        self._unkept[measured.name, measured.key] = unkept
        return unkept

    def _path(self, name: str, key: str) -> Path:
        return self.run / "measurements" / name / f"{key}.json"


def newest(found: Iterable[Measurement], weights: str | None = None) -> list[Measurement]:
    """See `Measurements.newest`; ordered by name and label."""
    by_rank = sorted(found, key=lambda one: _rank(one, weights))
    chosen = {(one.name, one.label): one for one in by_rank}
    return [chosen[place] for place in sorted(chosen)]


def records(found: Iterable[Measurement], weights: str | None = None) -> dict[str, Record]:
    """Measurements as records by label: each the one of `weights` if there is one, else the newest.

    Scores of one label are one record if they are of the same weights under the same settings; others are left out.
    """
    by_label: dict[str, tuple[Measurement, Record]] = {}
    for one in sorted(found, key=lambda one: _rank(one, weights), reverse=True):
        first, record = by_label.setdefault(one.label, (one, one.record))
        if "scores" in one.value and (one.weights, one.settings) == (first.weights, first.settings):
            record["scores"] = {**one.value["scores"], **record["scores"]}
    return {label: record for label, (_, record) in sorted(by_label.items())}


def _rank(one: Measurement, weights: str | None) -> tuple[bool, int, bool, str]:
    of_these = weights is not None and one.weights == weights
    return of_these, one.step, one.weights != "", one.circumstances.get("measured", "")


def _remove_arrays(path: Path, used: str | None, replaced: Container[str | None]) -> None:
    """Remove the arrays that were replaced, and stale ones, unless the measurement uses them."""
    for left in path.parent.glob(f"{path.stem}.*.npz"):
        once = left.suffixes[0][1:]
        with suppress(FileNotFoundError):  # another writer removed it first
            if once != used and (once in replaced or time.time() - left.stat().st_mtime > STALE):
                left.unlink()


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


# ── folders of older versions ─────────────────────────────────────────────────────────────────────────────────────────

OTHER_SSIM = "measured by an older version, whose SSIM was another: evaluate the run again"


def _older(run: Path) -> Iterator[Measurement]:
    for path in sorted((run / "evaluations").glob("*.json")):
        record, facts = _older_record(path)
        yield Measurement("evaluation", facts, "", _without_other_ssim(record), path.stem, _step(facts), path)
    for path in sorted((run / "scores").glob("*.json")):
        record, facts = _older_record(path)
        facts["weights"] = "moving average" if facts.get("averaged") else "last step"  # a hash of the tensors before
        for name, scores in _by_name(path.stem.partition("-")[0], record.get("scores")):
            yield Measurement(name, facts, "", {"scores": scores}, path.stem, _step(facts), path)
    settings, rows = run / "distances.json", Journal(run / "distances.jsonl").rows()
    if rows and settings.exists():
        yield Measurement("distances", read_json(settings), "", {"rows": rows}, "", _step(rows[-1]), settings)


def _older_record(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A record and its settings."""
    record = read_json(path)
    settings = record.pop("settings", None)
    if not isinstance(settings, dict):
        raise Damaged(
            f"{path} is no record of a measurement: it has no settings. Remove it and evaluate the run again."
        )
    return record, settings


def _step(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"step": facts["step"]} if isinstance(facts.get("step"), int) else {}


def _without_other_ssim(record: dict[str, Any]) -> dict[str, Any]:
    """The record; without its SSIM if that tells no definition, since it was another then."""
    match record:
        case {"reconstruction": {"ssim": dict(ssim), **rest}} if "definition" not in ssim:
            return {**record, "reconstruction": {**rest, "ssim": None, "ssim_reason": OTHER_SSIM}}
    return record


def _by_name(group: str, scores: Any) -> Iterator[tuple[str, Any]]:
    """The scores of a record by the names of measurements: those of codes have one for each score."""
    if group != "disentanglement" or not isinstance(scores, dict):
        yield group, scores
        return
    families: dict[str, dict[str, Any]] = {}
    for name, entry in scores.items():
        family = entry.get("family", name) if isinstance(entry, dict) else name
        families.setdefault(f"{group}.{family}", {})[name] = entry
    yield from families.items()
