"""A device that computes as the CPU does, but is none: it has no float64, no tensors in common with the CPU, and its own noise.

So it is what Apple's GPU is to a program that knows the CPU and CUDA. Its tensors are wrapped, so that nothing reaches their
values but by copying them to the CPU; an operation that gives a float64 tensor, or mixes its tensors with the CPU's, raises.
It calls itself "meta", since autograd asks a device's own library for things which PyTorch's CPU build has for that kind alone.
What Apple's GPU lacks else, operations that are not written for it, cannot be told by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

from kelbo.distributed.fabric import Fabric

DEVICE = torch.device("meta")
REFUSED = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
"""Apple's own words"""
aten = torch.ops.aten
MIXING = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor, aten.index_put_.default}
"""operations that may take tensors of both devices"""
READ = {getattr(Tensor, name) for name in ("item", "tolist", "__float__", "__int__", "__bool__", "__index__")}
"""what gives a tensor's values to Python"""


class Pretended(torch.Tensor):
    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Pretended:
        form = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        made = torch.Tensor._make_wrapper_subclass(cls, held.size(), device=DEVICE, **form)
        made.held = held
        return made

    def __repr__(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return f"Pretended({self.held!r})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            if func in READ:  # PyTorch would look for the values of a true "meta" tensor, which has none
                args = (args[0].cpu(), *args[1:])
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class Mode(TorchDispatchMode):
    """Sees what makes tensors on the device out of nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    flat = tree_flatten((args, kwargs))[0]
    asked = kwargs.get("device")
    to_here = asked is not None and torch.device(asked) == DEVICE
    if not to_here and not any(isinstance(value, Pretended) for value in flat):
        return func(*args, **kwargs)
    plain = [value for value in flat if isinstance(value, Tensor) and not isinstance(value, Pretended) and value.ndim]
    if plain and func not in MIXING:
        raise RuntimeError(f"{func}: one tensor, {tuple(plain[0].shape)}, is on the CPU and another is not.")
    own_args, own_kwargs = tree_map(lambda value: value.held if isinstance(value, Pretended) else value, (args, kwargs))
    result = func(*own_args, **(own_kwargs | ({"device": torch.device("cpu")} if to_here else {})))
    if func is aten.copy_.default and not isinstance(args[0], Pretended):
        return args[0]
    if asked is not None and not to_here:
        return result
    return return_and_correct_aliasing(func, args, kwargs, tree_map(wrapped, result))


def wrapped(value: Any) -> Any:
    if not isinstance(value, Tensor) or isinstance(value, Pretended):
        return value
    if value.dtype == torch.float64:
        raise TypeError(REFUSED)
    return Pretended(value)


def fabric(**how: Any) -> Fabric:
    """The engine on the device, inside of `device`."""
    made = Fabric(accelerator="cpu", devices=1, **how)
    made._accelerator.setup_device = lambda _: None
    made._strategy._root_device = DEVICE
    return made


@contextmanager
def device(monkeypatch: Any) -> Iterator[None]:
    """Inside the block there is such a device: PyTorch has generators, fused optimisers and autocast for it."""
    generator, autocast, fused = torch.Generator, torch.autocast, optimizer._get_fused_kernels_supported_devices
    monkeypatch.setattr(torch, "Generator", lambda device="cpu": generator(_else_cpu(device)))
    for name in ("tensor", "as_tensor"):  # which no mode sees
        monkeypatch.setattr(torch, name, partial(_made, getattr(torch, name)))
    monkeypatch.setattr(torch, "autocast", lambda kind, **how: autocast(_else_cpu(kind), **how))
    monkeypatch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: [*fused(), DEVICE.type])
    with Mode():
        yield


def _made(make: Any, data: Any, *, device: Any = None, **how: Any) -> Tensor:
    made = make(data, **how)
    return made if device is None else made.to(device)


def _else_cpu(device: Any) -> str:
    kind = torch.device(device).type
    return "cpu" if kind == DEVICE.type else kind
