"""The released weights of the very deep VAE (github.com/openai/vdvae) as a run that is evaluated and trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from kelbo.distributed.fabric import Fabric
from kelbo.eager import plain_autograd
from kelbo.errors import RunError
from kelbo.experiments.parts import BUILD
from kelbo.experiments.running import running
from kelbo.machine import suit_process
from kelbo.recipes.files import located
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.seeds import seeded
from kelbo.shortage import raise_shortage

NAMES = (
    (r"encoder\.first\.(.+)", r"encoder.in_conv.\1"),
    (r"encoder\.blocks\.(.+)", r"encoder.enc_blocks.\1"),
    (r"layers\.(\d+)\.posterior\.(.+)", r"decoder.dec_blocks.\1.enc.\2"),
    (r"layers\.(\d+)\.prior\.(.+)", r"decoder.dec_blocks.\1.prior.\2"),
    (r"layers\.(\d+)\.project\.(.+)", r"decoder.dec_blocks.\1.z_proj.\2"),
    (r"layers\.(\d+)\.onwards\.(.+)", r"decoder.dec_blocks.\1.resnet.\2"),
    (r"entries\.(\d+)\.map", r"decoder.bias_xs.\1"),
    (r"exit\.(gain|bias)", r"decoder.\1"),
    (r"exit\.output\.(.+)", r"decoder.out_net.out_conv.\1"),
)
"""a weight's name here, and in the release"""
WRAPPED = "module."
"""before the names of weights that were saved in their wrapper"""


def published_name(name: str) -> str:
    """The release's name of a hierarchy's weight. RunError if it has none."""
    for own, there in NAMES:
        if found := re.fullmatch(own, name):
            return found.expand(there)
    raise RunError(f"The released models have no {name}, which this recipe's model has. Leave model.given out.")


def fitted(weights: Mapping[str, Tensor], model: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The release's weights by the names of a model's state dict. RunError names the first that is missing or unlike.

    path: where they were found.
    """
    left = {name.removeprefix(WRAPPED): value for name, value in weights.items()}
    taken: dict[str, Tensor] = {}
    for name, own in model.items():
        there = published_name(name)
        if there not in left:
            raise RunError(f"{path} has no weight {there}, which the model needs. {OTHER}")
        value = left.pop(there)
        # maps, gain and bias have an axis of length 1 for the batch there
        if value.shape != own.shape and value.shape != (1, *own.shape):
            unlike = f"is {tuple(value.shape)} there, and {tuple(own.shape)} in the model"
            raise RunError(f"{path} does not fit: {there} {unlike}. {OTHER}")
        taken[name] = value.reshape(own.shape).to(own.dtype)
    if left:
        raise RunError(f"{path} has the weight {next(iter(left))}, which the model has not. {OTHER}")
    return taken


OTHER = "Are they weights of another set, or of a model that was trained with other layers?"


def read_published(path: Path) -> dict[str, Tensor]:
    """A file of named tensors that PyTorch saved; no code in it is run. RunError if it is none."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}. Name a released file of weights.") from error
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no such file may raise anything
        raise_shortage(error, f"reading {path}")
        raise RunError(
            f"{path} is no whole file of weights that PyTorch saved: it is another kind of file, or was cut short, or holds "
            "more than tensors, which is not read, since it could run code. Download it again."
        ) from error
    if not isinstance(weights, Mapping):
        raise RunError(f"{path} holds one {type(weights).__name__}, not weights by their names.")
    if others := [name for name, value in weights.items() if not isinstance(value, Tensor)]:
        kind = type(weights[others[0]]).__name__
        raise RunError(
            f"{path} holds more than weights by their names: {others[0]!r} is of type {kind}. Save the weights alone: "
            "torch.save(model.state_dict(), path)."
        )
    return dict(weights)


@plain_autograd()
def import_vdvae(
    recipe: Recipe, weights: Path, out: Path, *, average: Path | None = None, fabric: Fabric | None = None
) -> Run:
    """Make a run in the folder `out` of released weights: a checkpoint at step 0, from which training goes on.

    recipe: see `recipes.very_deep.released`. average: the file of the moving average; by default that begins at the weights.
    RunError if the folder holds something, or a file does not fit the recipe's model; DataError if the data are missing.
    """
    suit_process()
    recipe, fabric = located(recipe), fabric or Fabric(accelerator="cpu", devices=1)
    Run.require_free(out)
    files = weights, average or weights
    read = {path: read_published(path) for path in dict.fromkeys(files)}
    data = BUILD.data(recipe)
    with seeded(recipe.seed, "init"):
        own = BUILD.model(recipe, data, {}).state_dict()
    last, averaged = (fitted(read[path], own, path) for path in files)
    with Run(out).held(), running(recipe, out, data, fabric, machine={"imported": str(weights)}) as it:
        it.state.network.load_state_dict(last)
        if it.state.ema is not None:
            for name, value in it.state.ema.weights.items():
                value.copy_(averaged[name])
        it.checkpoints.save(it.state)
        return it.run
