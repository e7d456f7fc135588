"""What `kelbo.networks.layers` goes around, part by part: milliseconds of torch's own kernels and of what stands in for them.

    python benchmarks/layers_speed.py             # writes benchmarks/results/layers_speed.json

A transposed convolution of 256 maps of 32 channels (backward pass with and without the bias's gradient; forward pass to few
channels as a matrix product), and a linear layer of 256 rows by MKL and by oneDNN. Then whole networks as PyTorch calls their
layers and as they are called here, a small one too, where asking whether a layer is plain costs most. Medians in one process,
in turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 12


def medians(variants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds of each, measured in turns after two warm-up rounds."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(ROUNDS + 2):
        for name, work in variants.items():
            begun = time.perf_counter()
            work()
            if number >= 2:
                times[name].append(1000 * (time.perf_counter() - begun))
    return {name: statistics.median(values) for name, values in times.items()}


def networks() -> dict[str, dict[str, float]]:
    """Whole networks with layers called by PyTorch and called here."""
    import copy

    import torch
    from torch import nn

    from kelbo.networks import BurgessDecoder, BurgessEncoder, HigginsEncoder
    from kelbo.networks.layers import Layers

    def twin(network: nn.Module) -> nn.Module:
        other = copy.deepcopy(network)
        for module in other.modules():
            if isinstance(module, Layers):
                module.__class__ = nn.Sequential
        return other

    def step(network: nn.Module, x: torch.Tensor, training: bool) -> None:
        with torch.set_grad_enabled(training):
            out = network(x)
        if training:
            out.sum().backward()

    cases = {
        "MLP of 32 units, 8 rows, training": (HigginsEncoder((1, 8, 8), 4, 32), torch.rand(8, 1, 8, 8), True),
        "MLP of 1,200 units, 256 rows, training": (HigginsEncoder((1, 32, 32), 10), torch.rand(256, 1, 32, 32), True),
        "encoder of 32x32, 256 rows, inference": (BurgessEncoder((1, 32, 32), 10), torch.rand(256, 1, 32, 32), False),
        "decoder of 32x32, 256 rows, training": (BurgessDecoder((1, 32, 32), 10, 1), torch.randn(256, 10), True),
    }
    milliseconds = {}
    for name, (network, x, training) in cases.items():
        other = twin(network)
        milliseconds[name] = medians(
            {
                "called by PyTorch": lambda n=other, x=x, t=training: step(n, x, t),
                "called here": lambda n=network, x=x, t=training: step(n, x, t),
            }
        )
    return milliseconds


def main() -> None:
    import torch
    import torch.nn.functional as F

    from kelbo.machine import describe, keep_freed_memory
    from kelbo.networks.deconvolution import FEW_CHANNELS, Deconvolution
    from kelbo.networks.layers import LinearProduct
    from kelbo.runs import write_json

    keep_freed_memory()
    torch.manual_seed(0)

    def last(*shape: int) -> torch.Tensor:
        return torch.randn(shape).contiguous(memory_format=torch.channels_last)

    x, weight, gradient = last(256, 32, 16, 16), last(32, 32, 4, 4), last(256, 32, 32, 32)

    def backward(bias: bool) -> object:
        how = [32], [2, 2], [1, 1], [1, 1], True, [0, 0], 1
        return torch.ops.aten.convolution_backward(gradient, x, weight, *how, [True, True, bias])

    with torch.no_grad():
        milliseconds = {
            "transposed convolution, backward": medians(
                {
                    "with the bias's gradient": lambda: backward(True),
                    "without": lambda: backward(False),
                    "the bias's gradient as a sum": lambda: gradient.sum((0, 2, 3)),
                }
            )
        }
        placed = (2, 2), (1, 1), (0, 0)
        for channels in range(1, FEW_CHANNELS + 1):
            kernel, bias = torch.randn(32, channels, 4, 4), torch.randn(channels)
            milliseconds[f"transposed convolution to {channels} channels, forward"] = medians(
                {
                    "oneDNN": lambda k=kernel, b=bias: F.conv_transpose2d(gradient, k, b, *placed),
                    "matrix product": lambda k=kernel, b=bias: Deconvolution.apply(gradient, k, b, *placed),
                }
            )
        rows, matrix, bias = torch.randn(256, 4096), torch.randn(1200, 4096), torch.randn(1200)
        milliseconds["linear layer 4096 to 1200, forward"] = medians(
            {
                "MKL": lambda: F.linear(rows, matrix, bias),
                "oneDNN": lambda: LinearProduct.apply(rows, matrix, bias),
            }
        )
    milliseconds |= networks()
    path = Path(__file__).parent / "results" / "layers_speed.json"
    write_json(path, {"what": __doc__.splitlines()[0], "milliseconds": milliseconds, "machine": describe()})
    for part, times in milliseconds.items():
        print(part, {name: round(value, 2) for name, value in times.items()})


if __name__ == "__main__":
    main()
