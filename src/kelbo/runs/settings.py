"""The settings of a record as texts, to compare two records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as texts by name, those within a setting as "setting.inner"."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def differing(several: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Each setting in which these differ, with its value in each; "unknown" if one does not tell it."""
    texts = [flat(settings) for settings in several]
    names = dict.fromkeys(name for text in texts for name in text)
    values = {name: [text.get(name, "unknown") for text in texts] for name in names}
    return {name: each for name, each in values.items() if len(set(each)) > 1}
