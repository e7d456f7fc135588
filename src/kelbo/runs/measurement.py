"""One measurement of a run: its name, its settings, its value, and the key that all it depends on is hashed into."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kelbo.errors import Damaged
from kelbo.runs.writing import read_json

Record = dict[str, Any]
"""a measurement's value, with its facts as its "settings"."""

FORMAT = 1
"""part of every key; raised when a value comes to mean something else, so that older values are measured again"""

PASSING = ("measured", "saved", "arrays")
"""circumstances that do not concern a value: when it was measured, when its checkpoint was written, which arrays it has"""


@dataclass(frozen=True)
class Measurement:
    """One measurement of a run; settings, value and circumstances are JSON objects.

    name           what was measured: "evaluation", "latents", "disentanglement.mig", "samples"
    settings       all that the value depends on besides the weights
    weights        SHA-256 of the file of weights; "" for a curve over training, and for records of older versions
    value          what was found
    label          the settings that are not the usual ones, in short: "test-iw8"
    circumstances  not in the key: step, device, versions, time ("measured")
    place          its file; None if it was not kept
    unkept         its arrays, if it was not kept
    """

    name: str
    settings: Mapping[str, Any]
    weights: str
    value: Mapping[str, Any]
    label: str = ""
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    place: Path | None = None
    unkept: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The name up to its first dot: that of "disentanglement.mig" is "disentanglement"."""
        return group_of(self.name)

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
            return dict(self.unkept)
        path = arrays_path(self.place, self.circumstances["arrays"])
        try:
            with path.open("rb") as stream, np.load(stream) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, BadZipFile) as error:
            now = read_measurement(self.place)
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


def group_of(name: str) -> str:
    return name.partition(".")[0]


def arrays_path(path: Path, once: str) -> Path:
    return path.with_suffix(f".{once}.npz")


def read_measurement(path: Path) -> Measurement:
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
