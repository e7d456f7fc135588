"""What was measured of a run: each value under all that it depends on, so that none replaces one of other settings or weights.

measurements/NAME/KEY.json        one measurement; KEY is a hash of its name, its settings and its weights
measurements/NAME/KEY.ONCE.npz    its arrays, if it has any; ONCE is drawn for each file, so that no writer touches another's

Folders of older versions have evaluations/, scores/ and distances.jsonl instead, which are read as measurements.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kelbo.errors import Damaged
from kelbo.runs.journal import Journal
from kelbo.runs.writing import read_json, write_atomic, write_json

Record = dict[str, Any]
"""a measurement's value, with its facts as its "settings"."""

CLOSED, ONE_DRAW = "closed form", "Monte Carlo, one draw"
"""estimates of an evaluation's rate: how each image's is computed; older records do not say"""

FORMAT = 1
"""part of every key; raised when a value comes to mean something else, so that older values are measured again"""

PASSING = ("measured", "saved", "arrays")
"""circumstances that do not concern a value: when it was measured, when its checkpoint was written, which arrays it has"""

STALE = 3600
"""seconds after which arrays that no measurement names are assumed to be of a killed or overtaken writer"""


@dataclass(frozen=True)
class Measurement:
    """One measurement of a run; settings, value and circumstances are JSON objects.

    name           what was measured: "evaluation", "latents", "disentanglement.mig", "samples"
    settings       all that the value depends on besides the weights
    weights        SHA-256 of the file of weights; "" for a curve over training, and for records of older versions
    value          what was found
    label          the settings that are not the usual ones, in short: "test-iw8"
    circumstances  not in the key: step, device, versions, time ("measured")
    place          its file
    """

    name: str
    settings: Mapping[str, Any]
    weights: str
    value: Mapping[str, Any]
    label: str = ""
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    place: Path | None = None

    @property
    def group(self) -> str:
        """The name up to its first dot: that of "disentanglement.mig" is "disentanglement"."""
        return _group(self.name)

    @property
    def key(self) -> str:
        return key_of(self.name, self.settings, self.weights)

    @property
    def facts(self) -> dict[str, Any]:
        """Circumstances and settings in one, except those that do not concern the value."""
        return {key: it for key, it in {**self.circumstances, **self.settings}.items() if key not in PASSING}

    @property
    def step(self) -> int:
        """The training step of the weights; -1 if it is unknown."""
        return self.circumstances.get("step", -1)

    @property
    def record(self) -> Record:
        """The value with its facts under "settings"."""
        return {**self.value, "settings": self.facts}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, read now; Damaged if their file is gone or cannot be read."""
        if self.place is None or "arrays" not in self.circumstances:
            return {}
        path = _arrays_path(self.place, self.circumstances["arrays"])
        try:
            with path.open("rb") as stream, np.load(stream) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, BadZipFile) as error:
            now = _read(self.place)
            if now.circumstances.get("arrays") != self.circumstances["arrays"]:
                return now.arrays()  # it was measured again meanwhile
            raise Damaged(f"{path} cannot be read ({error}). Remove {self.place} and measure again.") from error


def key_of(name: str, settings: Mapping[str, Any], weights: str) -> str:
    """32 hex digits of the SHA-256 of all that a value depends on. ValueError if the settings are no JSON."""
    if not _has_words_as_keys(settings):
        raise ValueError(f"The settings of {name} are no JSON: a key is not a string in {settings}.")
    whole = {"format": FORMAT, "name": name, "settings": settings, "weights": weights}
    try:
        text = json.dumps(whole, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except TypeError as error:
        raise ValueError(f"The settings of {name} are no JSON: {error}.") from error
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _has_words_as_keys(value: Any) -> bool:
    """Whether no key anywhere is of a type that JSON would write as a string, so that it would look like another."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _has_words_as_keys(inner) for key, inner in value.items())
    return not isinstance(value, list | tuple) or all(map(_has_words_as_keys, value))


class Measurements:
    """The measurements in one run's folder. Reading needs neither the model nor its data."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def find(self, name: str, settings: Mapping[str, Any], weights: str) -> Measurement | None:
        """The measurement under exactly these, or None. Damaged if its file cannot be read."""
        return self.get(name, key_of(name, settings, weights))

    def get(self, name: str, key: str) -> Measurement | None:
        """The measurement of this name under a key, or None."""
        path = self._path(name, key)
        return _read(path) if path.exists() else None

    def all(self, *groups: str) -> list[Measurement]:
        """Every measurement (of these groups only, if any is named), records of older versions first. Damaged names a file."""
        older = (one for one in _older(self.run) if not groups or one.group in groups)
        paths = sorted((self.run / "measurements").glob("*/*.json"))
        return [*older, *(_read(path) for path in paths if not groups or _group(path.parent.name) in groups)]

    def newest(self, *groups: str, weights: str | None = None) -> list[Measurement]:
        """One measurement for each name and label, by these: the one of `weights` if there is one, else of the latest step."""
        return newest(self.all(*groups), weights)

    def keep(self, measured: Measurement, arrays: Mapping[str, np.ndarray] | None = None) -> Measurement:
        """Write a measurement, in place of one under the same key, and return it as it is read back."""
        path = self._path(measured.name, measured.key)
        beside = {"measured": datetime.now(UTC).isoformat(), **measured.circumstances}
        if arrays:
            beside["arrays"] = secrets.token_hex(4)
            write_atomic(_arrays_path(path, beside["arrays"]), _packed(arrays))
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
        kept = _read(path)
        _remove_arrays(path, kept.circumstances.get("arrays"), {before, beside.get("arrays")})
        return kept

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


def _group(name: str) -> str:
    return name.partition(".")[0]


def _arrays_path(path: Path, once: str) -> Path:
    return path.with_suffix(f".{once}.npz")


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


def _read(path: Path) -> Measurement:
    match read_json(path):
        case {
            "format": int(written),
            "name": str(name),
            "label": str(label),
            "settings": dict(settings),
            "weights": str(weights),
            "circumstances": dict(circumstances),
            "value": dict(value),
        } if written == FORMAT:
            return Measurement(name, settings, weights, value, label, circumstances, path)
        case _:
            raise Damaged(f"{path} is no measurement of format {FORMAT}. Remove it and measure again.")


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
