"""The networks of a model through torch.compile, in training only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from kelbo.errors import RecipeError
from kelbo.protocols import Likelihood, Model, Prior


def compile_networks(model: Model) -> None:
    """Compile each of the model's own modules but likelihood and prior; noise, KL and likelihood stay as written.

    Evaluation mode runs as written, and the state dict keeps its names. RecipeError if PyTorch cannot compile on this machine;
    later, at the first step, if a network cannot be compiled whole (one that draws noise, say).
    """
    _translated(
        "PyTorch cannot compile on this machine",
        torch.compile(_trial, dynamic=False),
        torch.zeros(8, device=model.device),
    )
    for name, network in model.named_children():
        if not isinstance(network, Likelihood | Prior):
            _compile(name, network)


def _compile(name: str, network: nn.Module) -> None:
    written = network.forward
    # whole or not at all: a graph that breaks would hide where the noise comes from, and gains little
    compiled = torch.compile(written, fullgraph=True, dynamic=False)
    what = f"the {name} ({type(network).__name__}) cannot be compiled"

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not network.training:
            return written(*args, **kwargs)
        return _translated(what, compiled, *args, **kwargs)

    network.forward = (
        forward  # an attribute, beside which PyTorch's own way of compiling a module would reach evaluation too
    )


def _translated(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    from torch._dynamo.exc import TorchDynamoException  # here, since it takes a second to import

    try:
        return function(*args, **kwargs)
    except TorchDynamoException as error:
        line = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise RecipeError(f"training.compile is true, but {what}: {line}. Set training.compile to false.") from error


def _trial(x: torch.Tensor) -> torch.Tensor:
    return x.square() + 1
