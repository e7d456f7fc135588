"""Whether PyTorch is running plain operations on plain tensors, or something is recording, transforming or replacing them.

A shortcut that is equal in numbers is still visible to a tracer, to a mode, to a transform of `torch.func` and to a tensor
subclass. Whatever goes around PyTorch's own path asks here first, and takes PyTorch's path wherever the answer is no.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._device import DeviceContext

AUTOCAST = ("cpu", "cuda", "mps")
"""kinds of devices that autocast may be on for"""


def is_eager() -> bool:
    """Whether operations run at once and as they are written.

    False where they are compiled, exported or traced, under a mode (FlopCounterMode, fake tensors, `make_fx`), in forward-mode
    differentiation, and inside of any transform of `torch.func`.
    """
    transformed = torch._C._are_functorch_transforms_active()
    return not (torch.compiler.is_compiling() or transformed or under_a_mode() or _is_recorded())


def under_a_mode() -> bool:
    """Whether some `TorchFunctionMode` or `TorchDispatchMode` is told of every operation.

    Two do not count, since they look at what makes new tensors only: a `torch.device` block (`torch.set_default_device` is one
    too), and that of `kelbo.seeds`.
    """
    return bool(torch._C._len_torch_dispatch_stack()) or any(
        not (isinstance(mode, DeviceContext) or getattr(mode, "only_draws", False))
        for mode in map(torch._C._get_function_stack_at, range(torch._C._len_torch_function_stack()))
    )


def is_ordinary(value: Tensor) -> bool:
    """Whether it is a strided `torch.Tensor` or `Parameter` that holds values: no subclass, no meta tensor."""
    kind = type(value)
    return (kind is Tensor or kind is nn.Parameter) and value.layout is torch.strided and not value.is_meta


def has_values(value: Tensor) -> bool:
    """Whether Python may look at the tensor's numbers: not where it is traced, compiled, fake or under `torch.vmap`."""
    return (
        not torch.compiler.is_compiling()
        and is_ordinary(value)
        and not (torch._C._get_tracing_state() or torch._C._len_torch_dispatch_stack() or _is_batched(value))
        and value.numel() > 0
    )


def in_lanes(value: Tensor) -> bool:
    """Whether `torch.vmap`, with no other transform around or inside of it, holds one such tensor for each lane."""
    return (
        not torch.compiler.is_compiling()
        and torch._C._functorch.maybe_current_level() == 1  # pyright: ignore[reportAttributeAccessIssue]
        and torch._C._functorch.is_batchedtensor(value)  # pyright: ignore[reportAttributeAccessIssue]
        and not _is_recorded()
    )


def _is_recorded() -> bool:
    return bool(torch._C._get_tracing_state()) or forward_ad._current_level >= 0


def _is_batched(value: Tensor) -> bool:
    """Whether vmap holds the tensor at any level of `torch.func`'s transforms."""
    inside = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
    while inside.is_functorch_wrapped_tensor(value):
        if inside.is_batchedtensor(value):
            return True
        value = inside.get_unwrapped(value)
    return False


@contextmanager
def by_itself() -> Iterator[None]:
    """Inside the block, training is not disturbed by what is set around it: `no_grad`, `inference_mode`, autocast."""
    with torch.inference_mode(False), torch.enable_grad(), full_precision():
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """Inside the block, an autocast that is set around it is off. One that is switched on inside works as if it were alone.

    Autocast keeps the weights that it has cast until the outermost block is left. Around a whole training the weights of the
    first step would be used in every step, so nothing is kept inside.
    """
    nested = torch.autocast_increment_nesting() > 1
    torch.autocast_decrement_nesting()
    if not nested:
        yield
        return
    kept = torch.is_autocast_cache_enabled()
    with ExitStack() as stack:
        for kind in filter(torch.is_autocast_enabled, AUTOCAST):
            stack.enter_context(torch.autocast(kind, enabled=False))
        torch.set_autocast_cache_enabled(False)
        try:
            yield
        finally:
            torch.set_autocast_cache_enabled(kept)
