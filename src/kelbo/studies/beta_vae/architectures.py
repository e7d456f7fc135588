"""Table 4: what the study's models are made of, counted from the models themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from torch import nn

from kelbo.recipes import build
from kelbo.seeds import seeded
from kelbo.studies.beta_vae.parts import PARTS, StudyPart, official, part_recipe
from kelbo.studies.probe import like

ACTIVATIONS = {"ReLU": "ReLU", "Tanh": "tanh"}


def architectures(
    runs: Sequence[Path],  # noqa: ARG001  an extra's face
    *,
    official_sets: Sequence[str],
    as_published: bool,
) -> dict[str, Any]:
    """One entry a part of the study, also of those whose images are not at hand: models are built from a shape alone.

    official_sets: those whose official files are used; another is a rendered set for the study's own, if there is one.
    """
    return {"entries": [_entry(name, part, official_sets, as_published) for name, part in PARTS.items()]}


def _entry(name: str, part: StudyPart, official_sets: Sequence[str], as_published: bool) -> dict[str, Any]:
    own = official(part.role, None)
    data = own if part.role in official_sets or part.standing is None else part.standing
    recipe = part_recipe(name, data, 1, as_published=as_published)
    images = like(recipe)
    with seeded(0, "probe"):
        model = build.model(recipe, images)
    sides = {side: layers_of(module) for side, module in model.named_children() if side in SIDES}
    return {
        "sweep": name,
        "set": data.kind,
        "role": part.role,
        "network": part.network,
        "input": list(images.shape),
        "latents": part.latents,
        "optimizer": recipe.optimizer.kind,
        "learning_rate": part.learning_rate,
        "batch_size": part.batch_size,
        **sides,
        "likelihood": recipe.likelihood.kind,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


SIDES = ("encoder", "decoder")


def layers_of(network: nn.Module) -> list[str]:
    """A network's layers in the order in which images go through them, equal ones counted, then its activations."""
    layers = [text for module in network.modules() if (text := _layer(module))]
    counted = [(text, len(list(group))) for text, group in groupby(layers)]
    kinds = dict.fromkeys(ACTIVATIONS.get(type(module).__name__, "") for module in network.modules())
    return [*(f"{text} ×{count}" if count > 1 else text for text, count in counted), *filter(None, kinds)]


def _layer(module: nn.Module) -> str:
    match module:
        case nn.Linear():
            return f"FC {module.out_features}"
        case nn.ConvTranspose2d() | nn.Conv2d():
            kind = re.sub("^ConvTranspose", "Deconv", type(module).__name__).removesuffix("2d")
            size = "×".join(map(str, (module.out_channels, *module.kernel_size)))
            return f"{kind} {size} (stride {module.stride[0]})"
        case _:
            return ""
