"""Nearest-neighbour upsampling and the convolution after it, as one transposed convolution of fewer products."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.eager import is_eager
from kelbo.networks.deconvolution import Deconvolution
from kelbo.networks.layers import has_onednn, is_float_on_cpu


def doubled(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Features (B, I, h, w), each position as 2×2, then a 3×3 convolution: (B, O, 2h, 2w).

    Of the nine weights that meet an output, some meet the same input, so four sums of weights do: a transposed convolution of
    stride 2 whose 4×4 kernel is the 3×3 one added up over 2×2 shifts, with 16 products an input where nine times four were.
    Equal up to the order of summation.
    """
    weight = conv.weight
    padded = F.pad(weight, (1, 1, 1, 1))
    kernel = padded[:, :, :-1, :-1] + padded[:, :, 1:, :-1] + padded[:, :, :-1, 1:] + padded[:, :, 1:, 1:]
    kernel = kernel.flip(2, 3).transpose(0, 1)
    if conv.bias is not None and _is_usual(x):
        laid_out = kernel.contiguous(memory_format=torch.channels_last)
        return Deconvolution.apply(x, laid_out, conv.bias, (2, 2), (1, 1), (0, 0))  # pyright: ignore[reportReturnType]
    return F.conv_transpose2d(x, kernel, conv.bias, stride=2, padding=1)


def _is_usual(x: Tensor) -> bool:
    return is_eager() and is_float_on_cpu(x) and not torch.is_autocast_enabled("cpu") and has_onednn()
