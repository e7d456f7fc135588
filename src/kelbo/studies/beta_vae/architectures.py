"""Table 4: what the study's models are made of, counted from the models themselves."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from torch import nn

from kelbo.recipes import build
from kelbo.recipes.beta_study import PARTS, official, part_recipe
from kelbo.seeds import seeded
from kelbo.studies.beta_vae.plan import Plan
from kelbo.studies.probe import like

ACTIVATIONS = {"ReLU": "ReLU", "Tanh": "tanh"}


def architectures(plan: Plan) -> list[dict[str, Any]]:
    """One entry a part of the study, also of those whose images are not at hand: models are built from a shape alone."""
    found = []
    trained = {sweep.name: sweep for sweep in plan.sweeps}
    for name, part in PARTS.items():
        data = trained[name].source.data if name in trained else part.standing or official(part.role, plan.root)
        recipe = part_recipe(name, data, 1, as_published=plan.as_published)
        images = like(recipe)
        with seeded(0, "probe"):
            model = build.model(recipe, images)
        encoder, decoder = (layers_of(module) for part_name, module in model.named_children() if part_name in SIDES)
        found.append(
            {
                "sweep": name,
                "set": data.kind,
                "role": part.role,
                "network": part.network,
                "input": list(images.shape),
                "latents": part.latents,
                "optimizer": recipe.optimizer.kind,
                "learning_rate": part.learning_rate,
                "batch_size": part.batch_size,
                "encoder": encoder,
                "decoder": decoder,
                "likelihood": recipe.likelihood.kind,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
            }
        )
    return found


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
