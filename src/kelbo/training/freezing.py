"""Parts of a model that training leaves as they are."""

from __future__ import annotations

from torch import nn

from kelbo.errors import RecipeError
from kelbo.protocols import Generator


def freeze(model: Generator, name: str) -> None:
    """Leave a network of the model as it is: no gradients, and evaluation mode. RecipeError if it has none of that name."""
    network = getattr(model, name, None)
    if not isinstance(network, nn.Module):
        raise RecipeError(f"training.freeze is {name!r}, and {type(model).__name__} has no {name}. Leave it out.")
    network.requires_grad_(False).eval()
