"""Faster layers: same results as PyTorch's own, and the same behaviour to hooks, modes and transforms."""

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
from kelbo.networks.deconvolution import Deconvolution, Rectified

_CALL = nn.Module.__call__
_FORWARD = {kind: kind.forward for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.ReLU)}
_CONV_FORWARD = nn.Conv2d._conv_forward
_FUNCTIONAL = {
    nn.Conv2d: ("conv2d", F.conv2d),
    nn.ConvTranspose2d: ("conv_transpose2d", F.conv_transpose2d),
    nn.Linear: ("linear", F.linear),
    nn.ReLU: ("relu", F.relu),
}
"""the functions that PyTorch's own forwards call; others may replace them, to count operations for example"""


def channels_last(module: nn.Module) -> None:
    """Convert the module's four-dimensional weights to channels-last, in place."""
    module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  torch's stubs lack this overload


def in_channels_last(x: Tensor) -> Tensor:
    """Images (B, C, H, W) in channels-last layout; under vmap all lanes' images as one, which grouped convolutions need.

    Unchanged inside other transforms of `torch.func`, where the layout cannot be set, and while a program is compiled or
    exported: there the weights' layout, which is channels-last too, decides.
    """
    if not torch.jit.is_scripting():  # pyright: ignore[reportPrivateImportUsage]
        return _in_channels_last(x)
    return x


def _in_channels_last(x: Tensor) -> Tensor:
    if torch.compiler.is_compiling():
        return x
    if not torch._C._are_functorch_transforms_active():
        return x.contiguous(memory_format=torch.channels_last)
    return _InChannelsLast.apply(x) if in_lanes(x) else x  # pyright: ignore[reportReturnType]


class _InChannelsLast(torch.autograd.Function):
    """`in_channels_last` with a rule for vmap, inside which the layout cannot be set."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Saves nothing for the backward pass."""

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return gradients[0]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], *inputs: Tensor) -> tuple[Tensor, int]:
        lanes = inputs[0].movedim(in_dims[0], 1)
        return _InChannelsLast.apply(lanes.flatten(1, 2)).unflatten(1, (info.batch_size, -1)), 1  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]


class Layers(nn.Sequential):
    """`nn.Sequential` with faster CPU kernels.

    In inference each Conv2d and the ReLU after it run as one kernel, which saves a pass over every feature map, as compiling
    would, with bit-identical results. Transposed convolutions run as `Deconvolution`; linear layers as `LinearProduct` on AMD
    CPUs, and on any device under vmap if each lane has its own weights.

    A layer is called the way PyTorch does it if the difference could be observed: if it has hooks (pruning and the older
    `weight_norm` and `spectral_norm` are hooks), a parametrisation, or a forward of its own, and if `kelbo.eager.is_eager`
    is False (tracing, scripting, export, compiling, modes, transforms).
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
        if isinstance(layer, nn.ConvTranspose2d) and _is_replaceable(layer, x) and layer.bias is not None:
            x = Deconvolution.apply(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.output_padding)  # pyright: ignore[reportAssignmentType]
        elif isinstance(layer, nn.Linear) and (_is_stacked(layer, x) or (is_amd() and _is_replaceable(layer, x))):
            x = LinearProduct.apply(x, layer.weight, layer.bias)  # pyright: ignore[reportAssignmentType]
        elif modules and isinstance(layer, nn.ReLU) and _is_rectifiable(layer, modules[0], x):
            x = Rectified.apply(x)  # pyright: ignore[reportAssignmentType]
        elif modules and isinstance(layer, nn.Conv2d) and _fuses(layer, modules[0], x):
            modules.pop(0)
            x = torch.ops.mkldnn._convolution_pointwise(
                x, layer.weight, layer.bias, layer.padding, layer.stride, layer.dilation, layer.groups, "relu", [], ""
            )
        else:
            x = layer(x)
    return x


class LinearProduct(torch.autograd.Function):
    """A linear layer x (B, I), weight (O, I), bias (O,) or None, by oneDNN; under vmap all L lanes as one product.

    PyTorch's own uses MKL, which on AMD CPUs is slower than oneDNN for x·Wᵀ and for the gradient of x, and equally fast for
    that of W (benchmarks/layers_speed.py). Under vmap its gradient of W is slow, since it is computed transposed and then
    copied. Results are equal up to the order of summation.
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
        product = LinearProduct.apply if torch.is_grad_enabled() else _product  # oneDNN's product has no derivative
        return (
            product(gradient, weight.mT, None) if wanted[0] else None,
            gradient.mT @ x if wanted[1] else None,
            gradient.sum(-2) if wanted[2] else None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor | None) -> tuple[Tensor, int]:
        lanes = [
            value
            if value is None
            else value.expand(info.batch_size, *value.shape)
            if dim is None
            else value.movedim(dim, 0)
            for value, dim in zip(inputs, in_dims, strict=True)
        ]
        if _is_read(lanes[0]):
            parts = ([None] * info.batch_size if value is None else value.unbind() for value in lanes)
            return torch.stack([_alone(*one) for one in zip(*parts, strict=True)]), 0
        return LinearProduct.apply(*lanes), 0  # pyright: ignore[reportReturnType]


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if x.ndim == 2:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return torch.bmm(x, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight.mT)


def _is_read(x: Tensor | None) -> bool:
    """Whether lanes are computed one by one: on a CPU without gradients, where equal bits are worth more than the little time.

    What is read of a lane's weights is then what is read of them alone, to the last bit: a product of all lanes is rounded
    in another order.
    """
    return x is not None and x.is_cpu and not torch.is_grad_enabled()


def _alone(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A linear layer as `Layers` computes it outside of vmap."""
    return _product(x, weight, bias) if is_amd() and has_onednn() else F.linear(x, weight, bias)


def has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and torch._C._get_mkldnn_enabled()


def _fuses(layer: nn.Conv2d, following: nn.Module, x: Tensor) -> bool:
    """Whether torch's fused kernel can replace both layers: no gradient is recorded, and the layer is replaceable."""
    return (
        not torch.is_grad_enabled()
        and isinstance(following, nn.ReLU)
        and _is_untouched(following)
        and not isinstance(layer.padding, str)
        and _is_replaceable(layer, x)
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


def _is_rectifiable(layer: nn.ReLU, following: nn.Module, x: Tensor) -> bool:
    """Whether `Rectified` can replace the layer: it is in place, unmodified, and `Deconvolution` replaces the next one."""
    return (
        layer.inplace
        and isinstance(following, nn.ConvTranspose2d)
        and following.bias is not None
        and _is_untouched(layer)
        and _is_replaceable(following, x)
    )


def _is_stacked(layer: nn.Linear, x: Tensor) -> bool:
    """Whether vmap, and no other transform, holds one weight for each lane."""
    return (
        _is_untouched(layer)  # first, since a parametrisation recomputes its weight at every access
        and in_lanes(layer.weight)
        and x.ndim == 2
        and not under_a_mode()
        and not torch.is_autocast_enabled(x.device.type)
    )


def _is_replaceable(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, x: Tensor) -> bool:
    """Whether another kernel may replace the layer: unmodified, float32, on a CPU with oneDNN, run eagerly.

    A convolution must have zero padding, one group and no dilation. Wrong shapes are left to the layer, which reports them.
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
        and is_float_on_cpu(x)
        and is_float_on_cpu(weight)
        and (bias is None or is_float_on_cpu(bias))
        and not torch.is_autocast_enabled("cpu")
        and has_onednn()
    )


def is_float_on_cpu(value: Tensor) -> bool:
    return is_ordinary(value) and value.dtype is torch.float32 and value.is_cpu


def _is_untouched(layer: nn.Module) -> bool:
    """Whether calling the layer only runs PyTorch's own forward: no hooks, no subclass, no function replaced."""
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
