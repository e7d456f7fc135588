"""Layers as the hardware likes them; what they compute is what torch's own compute."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from kelbo.machine import is_amd

FEW_CHANNELS = 2
"""a transposed convolution to so few channels is quicker as one matrix product (measured on CPUs; at three it is a draw)"""


def channels_last(module: nn.Module) -> None:
    """Lay the module's four-dimensional weights out channels-last, in place."""
    module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  torch's stubs lack this overload


def laid_out(x: Tensor) -> Tensor:
    """Images (B, C, H, W) channels-last; under vmap all lanes' images as one, as a convolution in groups likes them."""
    if torch._C._are_functorch_transforms_active():
        return _LaidOut.apply(x)  # pyright: ignore[reportReturnType]
    return x.contiguous(memory_format=torch.channels_last)


class _LaidOut(torch.autograd.Function):
    """`laid_out` as a function with a rule under vmap, inside of which no layout can be asked for."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep."""

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return gradients[0]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], *inputs: Tensor) -> tuple[Tensor, int]:
        lanes = inputs[0].movedim(in_dims[0], 1)
        return _LaidOut.apply(lanes.flatten(1, 2)).unflatten(1, (info.batch_size, -1)), 1  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]


def through(layers: nn.Sequential, x: Tensor) -> Tensor:
    """`layers(x)`, with what is slow on a CPU done otherwise.

    In inference each Conv2d takes the ReLU that follows it along in one kernel: that spares a pass over every feature map,
    which is what a compiled and frozen network gains too, without the minute of compiling, and is equal to the last bit.
    Transposed convolutions go through `Deconvolution`; linear layers through `Product` on AMD's processors, and everywhere
    where vmap holds weights of several lanes.
    """
    modules = list(layers)
    while modules:
        layer = modules.pop(0)
        if isinstance(layer, nn.ConvTranspose2d) and _is_plain(layer, x) and layer.bias is not None:
            x = Deconvolution.apply(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.output_padding)  # pyright: ignore[reportAssignmentType]
        elif (
            isinstance(layer, nn.Linear)
            and x.ndim == 2
            and (_is_stacked(layer, x) or (is_amd() and _is_plain(layer, x)))
        ):
            x = Product.apply(x, layer.weight, layer.bias)  # pyright: ignore[reportAssignmentType]
        elif modules and isinstance(modules[0], nn.ReLU) and isinstance(layer, nn.Conv2d) and _fuses(layer, x):
            modules.pop(0)
            x = torch.ops.mkldnn._convolution_pointwise(
                x, layer.weight, layer.bias, layer.padding, layer.stride, layer.dilation, layer.groups, "relu", [], ""
            )
        else:
            x = layer(x)
    return x


class Deconvolution(torch.autograd.Function):
    """A transposed convolution x (B, C, H, W), weight (C, P, k, k), bias (P,), without oneDNN's two slow ends.

    To one or two channels its forward pass takes several times as long as the product with the kernel's columns that the
    layer is, and the gradient of the bias, a plain sum, can take longer than all other gradients together. Both are written
    out here, equal up to the order of summation.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        output_padding: tuple[int, ...],
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = stride, padding, output_padding  # pyright: ignore[reportAttributeAccessIssue]
        if weight.shape[1] > FEW_CHANNELS:
            return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)
        (height, width), kernel = x.shape[2:], weight.shape[2:]
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # a view where x lies channels-last
        columns = torch.matmul(weight.flatten(1).t(), pixels.transpose(1, 2))
        sizes = zip((height, width), kernel, stride, padding, output_padding, strict=True)
        size = tuple((n - 1) * s - 2 * p + k + extra for n, k, s, p, extra in sizes)
        return F.fold(columns, size, kernel, stride=stride, padding=padding) + bias[:, None, None]

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        stride, padding, output_padding = ctx.how  # pyright: ignore[reportAttributeAccessIssue]
        (gradient,), wanted = gradients, ctx.needs_input_grad  # pyright: ignore[reportAttributeAccessIssue]
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, stride, padding, [1, 1], True, output_padding, 1, [wanted[0], wanted[1], False]
        )
        return of_x, of_weight, gradient.sum((0, 2, 3)) if wanted[2] else None, None, None, None


class Product(torch.autograd.Function):
    """A linear layer x (B, I), weight (O, I), bias (O,) or None by oneDNN; under vmap those of L lanes as one product.

    PyTorch's own goes through MKL, which on AMD's processors is slower than oneDNN for x·Wᵀ and for the gradient of x, and
    equal for that of W (benchmarks/layers_speed.py). Of lanes it is slow in the gradient of W, which comes transposed and is
    copied into place. Equal up to the order of summation.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _product(x, weight, bias)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        (gradient,), wanted = gradients, ctx.needs_input_grad  # pyright: ignore[reportAttributeAccessIssue]
        return (
            _product(gradient, weight.mT, None) if wanted[0] else None,
            gradient.mT @ x if wanted[1] else None,
            gradient.sum(-2) if wanted[2] else None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor | None) -> tuple[Tensor, int]:
        lanes = (
            value
            if value is None
            else value.expand(info.batch_size, *value.shape)
            if dim is None
            else value.movedim(dim, 0)
            for value, dim in zip(inputs, in_dims, strict=True)
        )
        return Product.apply(*lanes), 0  # pyright: ignore[reportReturnType]


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if x.ndim == 2:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return torch.bmm(x, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight.mT)


def _fuses(layer: nn.Conv2d, x: Tensor) -> bool:
    """Whether torch's fused kernel applies: no gradient to keep, and what `_is_plain` says."""
    return not torch.is_grad_enabled() and _is_plain(layer, x) and not isinstance(layer.padding, str)


def _is_stacked(layer: nn.Linear, x: Tensor) -> bool:
    """Whether vmap, and nothing else around it, holds one weight for each lane."""
    batched = torch._C._functorch.is_batchedtensor  # pyright: ignore[reportAttributeAccessIssue]
    return batched(layer.weight) and not torch.is_autocast_enabled(x.device.type) and not torch.compiler.is_compiling()


def _is_plain(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, x: Tensor) -> bool:
    """Float32 on a CPU with oneDNN; no autocast, tracing or vmap. A convolution has zeros around, one group and no holes."""
    usual = isinstance(layer, nn.Linear) or (
        layer.padding_mode == "zeros" and layer.groups == 1 and layer.dilation == (1, 1)
    )
    return (
        usual
        and x.device.type == "cpu"
        and x.dtype == layer.weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )
