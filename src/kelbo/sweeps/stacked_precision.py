"""Autocast for layers under vmap, to which PyTorch does not pass it on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.overrides import TorchFunctionMode

LOWERED = frozenset(
    [
        *(f"conv{dims}d" for dims in (1, 2, 3)),
        *(f"conv_transpose{dims}d" for dims in (1, 2, 3)),
        *("conv_tbc", "linear", "prelu", "einsum", "scaled_dot_product_attention"),
        *("matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "chain_matmul", "multi_dot", "vecdot"),
        *("addmm", "addmv", "addr", "addbmm", "baddbmm"),
        *("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell"),
    ]
)
"""functions that autocast runs in the lower precision, by name (PyTorch's "Autocast Op Reference")"""


class LanesAutocast(TorchFunctionMode):
    """Inside the block, layers under vmap compute in autocast's precision, as they do without vmap.

    vmap replaces a convolution or a linear layer by its rule for lanes before autocast sees it, and the layer then computes
    in float32. Here the arguments of the functions in LOWERED are cast before the call. While autocast is off, as in
    likelihoods, nothing is cast.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name not in LOWERED:
            return func(*args, **kwargs)
        args, kwargs = _lowered(args), {key: _lowered(value) for key, value in kwargs.items()}
        if name == "linear" and not kwargs and len(args) == 3 and args[0].ndim == 2:
            return _Linear.apply(*args)
        return func(*args, **kwargs)


def _lowered(value: Any) -> Any:
    """Float32 tensors, within lists too, in the precision of the autocast that is on for their device."""
    if isinstance(value, Tensor):
        device = value.device.type
        cast = value.dtype == torch.float32 and torch.is_autocast_enabled(device)
        return value.to(torch.get_autocast_dtype(device)) if cast else value
    return type(value)(map(_lowered, value)) if isinstance(value, list | tuple) else value


class _Linear(torch.autograd.Function):
    """A linear layer x (B, I), weight (O, I), bias (O,), of all lanes as one product, rounded once.

    vmap's own rule rounds twice: the product, and then its sum with the bias.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if x.ndim == 2:
            return torch.nn.functional.linear(x, weight, bias)
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, ...]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        return gradient @ weight, gradient.mT @ x, gradient.sum(-2)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Any, int]:
        lanes = (
            value.expand(info.batch_size, *value.shape) if dim is None else value.movedim(dim, 0)
            for value, dim in zip(inputs, in_dims, strict=True)
        )
        return _Linear.apply(*lanes), 0
