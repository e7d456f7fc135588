"""Transposed convolutions on a CPU, faster and with less memory: same results as PyTorch's own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

FEW_CHANNELS = 2
"""a transposed convolution to at most so many channels is faster as one matrix product (measured on CPUs; equal at three)"""

PART = 32
"""images of that product at a time: its columns take four times the memory of its output's pixels, and two copies of them"""


class Deconvolution(torch.autograd.Function):
    """A transposed convolution x (B, C, H, W), weight (C, P, k, k), bias (P,), without two slow parts of oneDNN.

    With one or two output channels, oneDNN's forward pass takes several times as long as the equivalent matrix product, and
    its gradient of the bias, a plain sum, can take longer than all other gradients together. Both are written out here, with
    results equal up to the order of summation.
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
        kernel, matrix = weight.shape[2:], weight.flatten(1).t()
        sizes = zip(x.shape[2:], kernel, stride, padding, output_padding, strict=True)
        size = tuple((n - 1) * s - 2 * p + k + extra for n, k, s, p, extra in sizes)
        whole = x.new_empty(len(x), weight.shape[1], *size)
        for part, place in zip(x.split(PART), whole.split(PART), strict=True):
            pixels = part.permute(0, 2, 3, 1).flatten(1, 2)  # a view if x is channels-last
            columns = torch.matmul(matrix, pixels.transpose(1, 2))
            torch.add(F.fold(columns, size, kernel, stride=stride, padding=padding), bias[:, None, None], out=place)
        return whole

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        stride, padding, output_padding = ctx.how  # pyright: ignore[reportAttributeAccessIssue]
        (gradient,), wanted = gradients, ctx.needs_input_grad  # pyright: ignore[reportAttributeAccessIssue]
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, stride, padding, [1, 1], True, output_padding, 1, [wanted[0], wanted[1], False]
        )
        return of_x, of_weight, gradient.sum((0, 2, 3)) if wanted[2] else None, None, None, None


class Rectified(torch.autograd.Function):
    """An in-place ReLU before a transposed convolution, whose gradient is in place too.

    There a decoder's largest feature maps and all of the encoder's are in memory at once, and PyTorch's own takes one more of
    the largest. Nothing else has the gradient: `Deconvolution` has just made it.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        result = x.relu_()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        (gradient,), (result,) = gradients, ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        if torch.is_grad_enabled():  # it is differentiated once more
            return torch.ops.aten.threshold_backward(gradient, result, 0)
        return torch.ops.aten.threshold_backward.grad_input(gradient, result, 0, grad_input=gradient)
