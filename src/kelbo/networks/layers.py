"""Layers as the hardware likes them; what they compute is what torch's own compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def channels_last(module: nn.Module) -> None:
    """Lay the module's four-dimensional weights out channels-last, in place."""
    module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  torch's stubs lack this overload


def convolve(layers: nn.Sequential, x: Tensor) -> Tensor:
    """`layers(x)`; in inference on a CPU, each Conv2d that a ReLU follows takes it along in one oneDNN kernel.

    That spares a pass over every feature map, which is what a compiled and frozen network gains too, without the minute
    of compiling. Results are the same to the last bit.
    """
    modules = list(layers)
    while modules:
        layer = modules.pop(0)
        if modules and isinstance(modules[0], nn.ReLU) and isinstance(layer, nn.Conv2d) and _fuses(layer, x):
            modules.pop(0)
            x = torch.ops.mkldnn._convolution_pointwise(
                x, layer.weight, layer.bias, layer.padding, layer.stride, layer.dilation, layer.groups, "relu", [], ""
            )
        else:
            x = layer(x)
    return x


def _fuses(layer: nn.Conv2d, x: Tensor) -> bool:
    """Whether torch's fused kernel applies: no gradient to keep, plain float32 on a CPU, no tracing and no vmap."""
    return (
        not torch.is_grad_enabled()
        and x.device.type == "cpu"
        and x.dtype == layer.weight.dtype == torch.float32
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )
