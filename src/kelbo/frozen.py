"""A trained model that another model uses and does not train."""

from __future__ import annotations

from kelbo.protocols import Generator


class Frozen:
    """Holds a model in evaluation mode, whose parameters take no gradients; gradients pass through it.

    It is no module, so a model may keep one as an attribute: the state dict, optimisers, averages, wrappers and `train()` of
    that model do not reach `model`.
    """

    def __init__(self, model: Generator) -> None:
        self.model = model.eval().requires_grad_(False)
