"""The networks of a model through torch.compile, in training only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from kelbo.distributed.collectives import processes
from kelbo.errors import RecipeError
from kelbo.protocols import Generator, Likelihood, Prior

FORMS = 64
"""in which networks of one class may be compiled: a hierarchy has one for each resolution and kind of layer"""


def compile_networks(model: Generator) -> None:
    """Compile each of the model's own modules but likelihood and prior; noise, KL and likelihood stay as written.

    Of a module that is never called, since it has no `forward` (a list of modules), those inside are compiled. Evaluation mode
    runs as written, and the state dict keeps its names. RecipeError if PyTorch cannot compile on this machine, or there is
    nothing to compile; later, at the first step, if a network cannot be compiled whole (one that draws noise, say).
    """
    _require_own_statistics(model)
    networks = dict(_called(model))
    if not networks:
        raise RecipeError(
            f"training.compile is true, but {type(model).__name__} has no networks. Set training.compile to false."
        )
    _translated(
        "PyTorch cannot compile on this machine",
        torch.compile(_trial, dynamic=False),
        torch.zeros(8, device=model.device),
    )
    allow_forms()
    for name, network in networks.items():
        _compile(name, network)


def _require_own_statistics(model: Generator) -> None:
    """RecipeError if statistics of batches are those of all processes, which a compiled network would not exchange."""
    if processes() == 1:
        return
    for name, layer in model.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            raise RecipeError(
                f"training.compile does not work with the layer {name} ({type(layer).__name__}) in several processes, whose "
                "statistics are one. Set training.compile to false, or use another normalisation."
            )


def allow_forms() -> None:
    """Let networks of one class be compiled in that many forms; PyTorch gives up after 8."""
    from torch._dynamo import config  # here, since it takes a second to import

    config.recompile_limit = max(config.recompile_limit, FORMS)


def _called(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The outermost modules inside of this one that can be called, by their names."""
    for name, child in module.named_children():
        if type(child).forward is nn.Module.forward:
            yield from _called(child, f"{prefix}{name}.")
        elif not isinstance(child, Likelihood | Prior):
            yield f"{prefix}{name}", child


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


@contextmanager
def compiling_told(compiled: bool) -> Iterator[None]:
    """Inside the block a gradient that cannot be compiled is a RecipeError: PyTorch compiles it in the first backward pass."""
    if compiled:
        with _told("the gradient of a network cannot be compiled"):
            yield
    else:
        yield


def _translated(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with _told(what):
        return function(*args, **kwargs)


@contextmanager
def _told(what: str) -> Iterator[None]:
    from torch._dynamo.exc import TorchDynamoException  # here, since it takes a second to import

    try:
        yield
    except TorchDynamoException as error:
        line = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise RecipeError(f"training.compile is true, but {what}: {line}. Set training.compile to false.") from error


def _trial(x: torch.Tensor) -> torch.Tensor:
    return x.square() + 1
