"""1×1 convolutions of channels-last features as products of matrices."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

from kelbo.eager import is_eager
from kelbo.networks.layers import has_onednn, is_float_on_cpu

MANY = 1024
"""pixels of a batch from which oneDNN's gradient of a convolution's weight is faster than a product of matrices"""


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None, added: Tensor | None = None) -> Tensor:
    """Features x (B, I, H, W) by a weight (O, I, 1, 1) and a bias (O,), plus features `added` (B, O, H, W) if there are any."""
    if _is_product(x):
        return _Pointwise.apply(x, weight, bias, added)  # pyright: ignore[reportReturnType]
    if _is_convolution(x):
        y = F.conv2d(x, weight.flatten(1)[:, :, None, None], bias)
    else:
        y = F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
    return y if added is None else added + y


def _is_convolution(x: Tensor) -> bool:
    """Whether PyTorch's convolution is faster than its product of matrices: under vmap, and compiled for a CPU."""
    if torch.compiler.is_compiling():
        return x.is_cpu
    return torch._C._are_functorch_transforms_active()


def _is_product(x: Tensor) -> bool:
    return is_eager() and is_float_on_cpu(x) and not torch.is_autocast_enabled("cpu") and has_onednn()


class _Pointwise(torch.autograd.Function):
    """`pointwise` by oneDNN's product of matrices, on a CPU: the output is channels-last.

    PyTorch's convolution calls the same library, but hands batches of few images to MKL if there is one thread, and takes a
    pass over memory for what is added. Of the bias the gradient is a plain sum, which oneDNN's takes nearly as long for as for
    the weight's.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, added: Tensor | None) -> Tensor:
        rows, matrix = _rows(x), _matrix(weight)
        if added is None:
            y = torch.ops.mkldnn._linear_pointwise(rows, matrix, bias, "none", [], "")
        else:
            y = torch.ops.mkldnn._linear_pointwise.binary(rows, _rows(added), matrix, bias, "add")
        return _features(y, x)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Any, ...]:
        x, weight = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        wanted = ctx.needs_input_grad  # pyright: ignore[reportAttributeAccessIssue]
        rows = _rows(gradients[0])
        return (
            _features(_product(rows, _matrix(weight)), x) if wanted[0] else None,
            _gradient_of_weight(rows, x, weight) if wanted[1] else None,
            rows.sum(0) if wanted[2] else None,
            gradients[0] if wanted[3] else None,
        )


def _rows(x: Tensor) -> Tensor:
    """Features (B, C, H, W) as a matrix (B·H·W, C): no copy if they are channels-last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _matrix(weight: Tensor) -> Tensor:
    """A weight (O, I, 1, 1) as a matrix without gaps: oneDNN's product of others is a hundred times slower."""
    return weight.flatten(1).contiguous()


def _features(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(len(like), *like.shape[2:], rows.shape[1]).permute(0, 3, 1, 2)


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    if torch.is_grad_enabled():  # oneDNN's has no derivative
        return rows @ matrix
    return torch.ops.mkldnn._linear_pointwise(rows, matrix.mT, None, "none", [], "")


def _gradient_of_weight(gradient: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    if torch.is_grad_enabled() or len(gradient) < MANY:
        return (gradient.mT @ _rows(x)).view_as(weight)
    # each row of pixels as an image of its own: PyTorch hands few images to MKL, which is slower on AMD's processors
    tall = (rows.view(-1, 1, x.shape[3], rows.shape[1]).permute(0, 3, 1, 2) for rows in (gradient, _rows(x)))
    usual = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    found = torch.ops.aten.convolution_backward(*tall, weight, None, *usual, [False, True, False])[1]
    return found.flatten(1).view_as(weight)
