"""Whether PyTorch runs plain operations on plain tensors, or something records, transforms or replaces them.

A shortcut with equal numbers is still visible to a tracer, a mode, a transform of `torch.func` and a tensor subclass. Code that
replaces PyTorch operations checks here first, and calls PyTorch's own operation if the answer is no.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._device import DeviceContext

AUTOCAST = ("cpu", "cuda", "mps")
"""device types that autocast may be enabled for"""


def is_eager() -> bool:
    """Whether operations run immediately and as written.

    False if they are compiled, exported or traced, under a mode (FlopCounterMode, fake tensors, `make_fx`), in forward-mode
    differentiation, and inside any transform of `torch.func`.
    """
    transformed = torch._C._are_functorch_transforms_active()
    return not (torch.compiler.is_compiling() or transformed or under_a_mode() or _is_recorded())


def under_a_mode() -> bool:
    """Whether some `TorchFunctionMode` or `TorchDispatchMode` intercepts every operation.

    Two do not count, since they change only functions that create or fill tensors: a `torch.device` block (and
    `torch.set_default_device`), and the mode of `kelbo.seeds`.
    """
    return bool(torch._C._len_torch_dispatch_stack()) or any(
        not (isinstance(mode, DeviceContext) or getattr(mode, "only_draws", False))
        for mode in map(torch._C._get_function_stack_at, range(torch._C._len_torch_function_stack()))
    )


def is_ordinary(value: Tensor) -> bool:
    """Whether the value is a strided `torch.Tensor` or `Parameter` with data: no subclass, no meta tensor."""
    kind = type(value)
    return (kind is Tensor or kind is nn.Parameter) and value.layout is torch.strided and not value.is_meta


def has_values(value: Tensor) -> bool:
    """Whether Python can read the tensor's numbers: not if it is traced, compiled, fake, empty or under `torch.vmap`."""
    return (
        not torch.compiler.is_compiling()
        and is_ordinary(value)
        and not (torch._C._get_tracing_state() or torch._C._len_torch_dispatch_stack() or _is_batched(value))
        and value.numel() > 0
    )


def in_lanes(value: Tensor) -> bool:
    """Whether `torch.vmap`, without any other transform around or inside it, holds one such tensor for each lane."""
    return (
        not torch.compiler.is_compiling()
        and torch._C._functorch.maybe_current_level() == 1  # pyright: ignore[reportAttributeAccessIssue]
        and torch._C._functorch.is_batchedtensor(value)  # pyright: ignore[reportAttributeAccessIssue]
        and not _is_recorded()
    )


def _is_recorded() -> bool:
    return bool(torch._C._get_tracing_state()) or forward_ad._current_level >= 0


def _is_batched(value: Tensor) -> bool:
    """Whether vmap batches the tensor at any level of `torch.func`'s transforms."""
    inside = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
    while inside.is_functorch_wrapped_tensor(value):
        if inside.is_batchedtensor(value):
            return True
        value = inside.get_unwrapped(value)
    return False


@contextmanager
def plain_autograd() -> Iterator[None]:
    """Inside the block, gradients are on, and inference mode and autocast off, whatever is set around it."""
    with torch.inference_mode(False), torch.enable_grad(), full_precision():
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """Inside the block, a surrounding autocast is off; one that is enabled inside works as if there were none around it.

    Autocast caches the weights that it has cast until its outermost block ends. Around a whole training, every step would use
    the weights of the first one, so the cache is off inside.
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
