"""Quantities of a lane of the β-VAE study that its claims, tables and figures name, made from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Derive = Callable[[Mapping[str, Any]], float | None]

DERIVED: Mapping[str, Derive] = {"rmse": lambda lane: lane["bound.decoder.rmse"]}
