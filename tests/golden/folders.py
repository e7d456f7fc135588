"""What a run's folder holds, as flat {path: value} that two versions can be compared by; nothing of kelbo is imported.

Tensors and arrays become the first half of the SHA-256 of their type, shape and bytes. Numbers stay as they are: JSON writes a
float so that it reads back to the same bits.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

Flat = dict[str, Any]

RENAMED: dict[str, str] = {}
"""{"old.path": "new.path"} of what was moved or renamed on purpose since golden.json and runs/ were written. A path is any
whole part between dots: {"weights.encoder": "weights.body"} holds for every case and all that lies below"""

PASSING = ("versions", "images_per_second", "seconds", "begun", "measured", "saved")
"""parts of paths that differ from run to run"""


def machine() -> dict[str, str]:
    """What bits of floating-point numbers depend on: the processor, PyTorch's build and that of other libraries."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    parts = [told.get(key, "?") for key in ("vendor_id", "cpu family", "model", "model name")]
    flags = " ".join(sorted(flag for flag in told.get("flags", "").split() if flag.startswith(("avx", "fma", "amx"))))
    packages = {name: metadata.version(name) for name in ("torch", "numpy", "scipy", "scikit-learn")}
    return {"processor": " ".join(parts) if lines else platform.processor(), "vectors": flags, **packages}


def threads() -> str:
    return os.environ.get("OMP_NUM_THREADS", "?")


def digest(*parts: bytes) -> str:
    return "sha256:" + hashlib.sha256(b"|".join(parts)).hexdigest()[:32]


def array(value: Any) -> str:
    """The hash of a NumPy array's type, shape and bytes."""
    return digest(str(value.dtype).encode(), repr(value.shape).encode(), value.tobytes())


def tensors(path: Path) -> Flat:
    """The hash of each tensor in a safetensors file, by name: type, shape and bytes."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in sorted(header.items()):
        first, last = entry["data_offsets"]
        found[name] = digest(
            entry["dtype"].encode(), repr(entry["shape"]).encode(), content[start + first : start + last]
        )
    return found


def newest(run: Path) -> Path:
    """The folder of a run's last checkpoint."""
    return max((path for path in (run / "checkpoints").iterdir() if path.name.isdecimal()), key=lambda p: int(p.name))


def weights(run: Path) -> Flat:
    """Weights of the newest checkpoint, their average, and what else training goes on from as one hash that knows no names."""
    place = newest(run)
    found = {"step": int(place.name), "weights": tensors(place / "weights.safetensors")}
    if (place / "ema.safetensors").exists():
        found["ema"] = tensors(place / "ema.safetensors")
    contents = sorted(tensors(place / "training.safetensors").values())
    found["training"] = digest(*(content.encode() for content in contents))
    if (place / "sigma.json").exists():
        sigma = json.loads((place / "sigma.json").read_text())
        sigma.pop("of", None)  # a hash of the file of weights, whose header has their names
        found["sigma"] = sigma
    return flat(found)


def journal(run: Path) -> Flat:
    """Each column of the journal as a list, one value a row; None where a row lacks it."""
    rows = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    names = dict.fromkeys(name for row in rows for name in row)
    return flat({"journal": {name: [row.get(name) for row in rows] for name in names}})


def records(run: Path) -> Flat:
    """All evaluations and scores of a run by label, the latest of each."""
    found: dict[str, Any] = {}
    for kind in ("evaluations", "scores"):  # as folders of older versions have them
        for path in sorted((run / kind).glob("*.json")):
            found[f"{kind}.{path.stem}"] = json.loads(path.read_text())
    measured = [json.loads(path.read_text()) for path in (run / "measurements").glob("*/*.json")]
    for one in sorted(measured, key=lambda one: one["circumstances"]["measured"]):
        value, told = one["value"], {**one["circumstances"], **one["settings"]}
        if one["name"] == "evaluation":
            found[f"evaluations.{one['label']}"] = value | {"settings": told}
        elif "scores" in value:
            place = f"scores.{one['label']}"
            before = found.get(place, {}).get("scores", {}) if "." in one["name"] else {}
            found[place] = {"settings": told, "scores": before | value["scores"]}
    return flat(found)


def table(path: Path) -> Flat:
    """A sweep's table: each value as it is printed there, by its lane, source and quantity."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {".".join(("table", row["source"], row["quantity"], row["lane"])): row["value"] for row in rows}
    return {path: value for path, value in found.items() if not set(path.split(".")) & set(PASSING)}


def whole(run: Path) -> Flat:
    """All of a run that is compared."""
    return weights(run) | journal(run) | records(run)


def flat(tree: Mapping[str, Any], prefix: str = "") -> Flat:
    """Nested dicts as one, keys joined by dots; without what differs from run to run."""
    found: Flat = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if key in PASSING:
            continue
        if isinstance(value, Mapping):
            found |= flat(value, f"{path}.")
        else:
            found[path] = value
    return found


def renamed(path: str) -> str:
    """`path` under its new name."""
    whole = f".{path}."
    for old, new in RENAMED.items():
        whole = whole.replace(f".{old}.", f".{new}.")
    return whole.strip(".")


def is_sentence(value: Any) -> bool:
    """Whether it is text for people, which may be worded anew."""
    return isinstance(value, str) and " " in value


def compare(old: Flat, new: Flat) -> tuple[list[str], list[str]]:
    """What is changed or missing, and what is only new or reworded; values are compared as JSON, so bit by bit."""
    before = {renamed(path): value for path, value in old.items()}
    wrong, told = [], []
    for path, value in before.items():
        if path not in new:
            wrong.append(f"{path} is missing")
        elif is_sentence(value) and is_sentence(new[path]):
            told += [f"{path} is reworded"] * (value != new[path])
        elif json.dumps(value) != json.dumps(new[path]):
            wrong.append(f"{path} was {_short(value)}, is {_short(new[path])}")
    return wrong, told + [f"{path} is new" for path in new if path not in before]


def written(cases: Mapping[str, Flat], **head: Any) -> str:
    """JSON with one line a value."""

    def lines(found: Flat, indent: str) -> Iterable[str]:
        return ",\n".join(f"{indent}{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in found.items())

    told = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    bodies = [f"  {json.dumps(name)}: {{\n{lines(found, '   ')}\n  }}" for name, found in cases.items()]
    return "{\n" + ",\n".join([*told, ' "cases": {\n' + ",\n".join(bodies) + "\n }"]) + "\n}\n"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 120 else text[:117] + "…"
