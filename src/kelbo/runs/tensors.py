"""Named tensors and a JSON header in one safetensors file: nothing pickled, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from kelbo.errors import Damaged
from kelbo.names import openable
from kelbo.runs.writing import write_atomic
from kelbo.shortage import raise_shortage

HEADER = "kelbo"


def write_tensors(path: Path, kind: str, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Replace `path` by a file of this `kind` ("classifier", …). The header must be JSON without NaN (else ValueError)."""
    text = json.dumps({"kind": kind, **header}, allow_nan=False, sort_keys=True)
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_atomic(path, save(plain, {HEADER: text}))


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the header of a file that `write_tensors` wrote.

    Raises Damaged if it cannot be read, was written by something else, or is of another kind.
    """
    try:
        with openable(path) as place, safe_open(place, "pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise_shortage(error, f"reading {path}")
        raise Damaged(f"{path} cannot be read ({error}). Remove it, and make it again.") from error
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = f"a {header.get('kind')}" if isinstance(header, dict) else "none of kelbo's files"
        raise Damaged(f"{path} should hold a {kind}; it is {found}.")
    return tensors, header
