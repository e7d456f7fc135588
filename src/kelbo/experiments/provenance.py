"""What a run's provenance says of its beginning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.machine import describe
from kelbo.protocols import Generator, Model
from kelbo.recipes.schema import Recipe


def provenance(recipe: Recipe, data: ImageSet, fabric: Fabric, machine: Mapping[str, Any]) -> dict[str, Any]:
    """When, on which data and on what machine a run is begun, by which recipe. machine: further entries about that."""
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe.fingerprint,
        "seed": recipe.seed,
        "data": {
            "name": data.name,
            "note": data.note,
            "shape": list(data.shape),
            "levels": data.levels,
            **({"frame": list(data.frame)} if data.frame else {}),
            **({"given": {name: list(shape) for name, shape in data.given.items()}} if data.given else {}),
            **({"condition": data.condition.as_json()} if data.condition else {}),
            **({"columns": data.columns.as_json()} if data.columns else {}),
            "splits": {
                name: {"images": len(images), "from": data.sources.get(name), "fingerprint": images.fingerprint()}
                for name, images in data.splits.items()
            },
        },
        "machine": describe() | {"device": str(fabric.device), "processes": fabric.world_size, **machine},
    }


def described(model: Generator, recipe: Recipe, own: bool) -> dict[str, Any]:
    """own: whether the run has parts of the user's, of which the recipe does not tell. reads: False of a generator alone."""
    reads = {} if isinstance(model, Model) else {"reads": False}
    frozen = {} if recipe.training.freeze is None else {"frozen": recipe.training.freeze}
    return {"class": type(model).__name__, "groups": model.groups, "own": own, **reads, **frozen}
