"""Layers as the hardware likes them; what they compute, and what can be seen of it, is as with torch's own."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.modules import module as torch_module

from kelbo.eager import in_lanes, is_eager, is_ordinary, under_a_mode
from kelbo.machine import is_amd

FEW_CHANNELS = 2
"""a transposed convolution to so few channels is quicker as one matrix product (measured on CPUs; at three it is a draw)"""

_CALL = nn.Module.__call__
_FORWARD = {kind: kind.forward for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.ReLU)}
_CONV_FORWARD = nn.Conv2d._conv_forward
_FUNCTIONAL = {
    nn.Conv2d: ("conv2d", F.conv2d),
    nn.ConvTranspose2d: ("conv_transpose2d", F.conv_transpose2d),
    nn.Linear: ("linear", F.linear),
    nn.ReLU: ("relu", F.relu),
}
"""what torch's own forwards go through, which others may replace (to count operations, say)"""


def channels_last(module: nn.Module) -> None:
    """Lay the module's four-dimensional weights out channels-last, in place."""
    module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  torch's stubs lack this overload


def laid_out(x: Tensor) -> Tensor:
    """Images (B, C, H, W) channels-last; under vmap all lanes' images as one, as a convolution in groups likes them.

    They stay as they are inside of other transforms of `torch.func`, where no layout can be asked for, and where a program is
    compiled or exported: the layout of the weights, which is channels-last too, decides there.
    """
    if not torch.jit.is_scripting():  # pyright: ignore[reportPrivateImportUsage]
        return _laid_out(x)
    return x


def _laid_out(x: Tensor) -> Tensor:
    if torch.compiler.is_compiling():
        return x
    if not torch._C._are_functorch_transforms_active():
        return x.contiguous(memory_format=torch.channels_last)
    return _LaidOut.apply(x) if in_lanes(x) else x  # pyright: ignore[reportReturnType]


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


class Layers(nn.Sequential):
    """`nn.Sequential`, with what is slow on a CPU done otherwise.

    In inference each Conv2d takes the ReLU that follows it along in one kernel: that spares a pass over every feature map,
    which is what a compiled and frozen network gains too, without the minute of compiling, and is equal to the last bit.
    Transposed convolutions go through `Deconvolution`; linear layers through `Product` on AMD's processors, and everywhere
    where vmap holds weights of several lanes.

    A layer is called as PyTorch calls it wherever the difference could be seen: if it has hooks (pruning and the older
    `weight_norm` and `spectral_norm` are hooks), a parametrisation, or a forward of its own, and whenever
    `kelbo.eager.is_eager` says no (tracing, scripting, export, compiling, modes, transforms).
    """

    def forward(self, input: Tensor) -> Tensor:
        if not torch.jit.is_scripting():  # pyright: ignore[reportPrivateImportUsage]
            return _through(list(self), input)
        for layer in self:
            input = layer(input)
        return input


def _through(modules: list[nn.Module], x: Tensor) -> Tensor:
    if torch.compiler.is_compiling():
        return reduce(lambda value, layer: layer(value), modules, x)
    while modules:
        layer = modules.pop(0)
        if isinstance(layer, nn.ConvTranspose2d) and _goes_around(layer, x) and layer.bias is not None:
            x = Deconvolution.apply(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.output_padding)  # pyright: ignore[reportAssignmentType]
        elif isinstance(layer, nn.Linear) and (_is_stacked(layer, x) or (is_amd() and _goes_around(layer, x))):
            x = Product.apply(x, layer.weight, layer.bias)  # pyright: ignore[reportAssignmentType]
        elif modules and isinstance(layer, nn.Conv2d) and _fuses(layer, modules[0], x):
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
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Any, ...]:
        x, weight = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        (gradient,), wanted = gradients, ctx.needs_input_grad  # pyright: ignore[reportAttributeAccessIssue]
        product = Product.apply if torch.is_grad_enabled() else _product  # oneDNN's has no derivative of its own
        return (
            product(gradient, weight.mT, None) if wanted[0] else None,
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


def _fuses(layer: nn.Conv2d, following: nn.Module, x: Tensor) -> bool:
    """Whether torch's fused kernel stands for both: no gradient to keep, and what `_goes_around` says."""
    return (
        not torch.is_grad_enabled()
        and isinstance(following, nn.ReLU)
        and _is_untouched(following)
        and not isinstance(layer.padding, str)
        and _goes_around(layer, x)
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


def _is_stacked(layer: nn.Linear, x: Tensor) -> bool:
    """Whether vmap, and nothing else around it, holds one weight for each lane."""
    return (
        _is_untouched(layer)  # first, since a parametrisation works anew whenever its weight is asked for
        and in_lanes(layer.weight)
        and x.ndim == 2
        and not under_a_mode()
        and not torch.is_autocast_enabled(x.device.type)
    )


def _goes_around(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, x: Tensor) -> bool:
    """Whether a kernel of ours may stand for the layer: an untouched one in float32, on a CPU with oneDNN, run eagerly.

    A convolution has zeros around, one group and no holes. Shapes that do not fit are left to the layer, to say so.
    """
    return _is_untouched(layer) and is_eager() and _is_usual(layer, x, layer.weight, layer.bias)


def _is_usual(layer: nn.Module, x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        plain = layer.padding_mode == "zeros" and layer.groups == 1 and layer.dilation == (1, 1)
        fits = plain and x.ndim == 4 and x.shape[1] == weight.shape[0 if layer.transposed else 1]
    else:
        fits = x.ndim == 2 and x.shape[1] == weight.shape[1]
    return (
        fits
        and _is_float_on_cpu(x)
        and _is_float_on_cpu(weight)
        and (bias is None or _is_float_on_cpu(bias))
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and torch._C._get_mkldnn_enabled()
    )


def _is_float_on_cpu(value: Tensor) -> bool:
    return is_ordinary(value) and value.dtype is torch.float32 and value.is_cpu


def _is_untouched(layer: nn.Module) -> bool:
    """Whether calling the layer is torch's own forward and nothing else: no hooks, no subclass, nothing replaced."""
    kind = type(layer)
    return (
        kind in _FORWARD
        and kind.forward is _FORWARD[kind]
        and layer.__dict__.keys().isdisjoint(("forward", "_conv_forward"))
        and (kind is not nn.Conv2d or kind._conv_forward is _CONV_FORWARD)
        and getattr(F, _FUNCTIONAL[kind][0]) is _FUNCTIONAL[kind][1]
        and kind.__call__ is _CALL
        and layer._compiled_call_impl is None
        and not (layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks)
        and not torch_module._has_any_global_hook()
    )
