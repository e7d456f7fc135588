"""One seed per purpose, so that changing how one part draws never disturbs another.

Purposes in use: "init" (weights), "order" (of the data), "latents" (training noise), "split" (held-out examples),
"evaluation", "pictures", "features" (networks that images are compared through), "linear" (baselines).

Everything draws from generators of its own, which belong to the thread that draws. PyTorch's default generators are never
seeded and never read: neither do other threads change what is drawn here, nor does it change what they draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

DRAWING = frozenset(
    [
        *(
            "rand",
            "randn",
            "randint",
            "randint_like",
            "randperm",
            "normal",
            "bernoulli",
            "multinomial",
            "poisson",
            "binomial",
        ),
        *("_standard_gamma", "_sample_dirichlet", "uniform_", "normal_", "random_", "bernoulli_", "exponential_"),
        *("geometric_", "cauchy_", "log_normal_", "kaiming_uniform_", "kaiming_normal_"),
    ]
)
"""functions of PyTorch that take a `generator`, by name, those of `torch.nn.init` that a mode sees too"""

ALIKE: Mapping[str, Callable[..., Tensor]] = {"rand_like": Tensor.uniform_, "randn_like": Tensor.normal_}
"""functions that take one in newer versions only, and how they fill what `torch.empty_like` gives"""


def seed_for(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed, a hash of the run's seed, the purpose and any counters (an epoch, a rank)."""
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """A CPU generator of its own for one purpose."""
    return torch.Generator().manual_seed(seed_for(seed, purpose, *counters))


class Source:
    """Where draws come from: one generator for each device, which begins as `torch.manual_seed(seed)` lets PyTorch's begin."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[str, torch.Generator] = {}
        self._waiting: dict[str, Tensor] = {}  # states of devices that nothing was drawn on since they were set

    def on(self, device: torch.device) -> torch.Generator:
        """The generator for draws on a device."""
        name = _name(device)
        if name not in self._generators:
            own = torch.Generator(device).manual_seed(self.seed)
            if name in self._waiting:
                own.set_state(self._waiting.pop(name))
            self._generators[name] = own
        return self._generators[name]

    def state(self) -> dict[str, Tensor]:
        """The generators' states by device ("cpu", "cuda0", …), for `set_state`."""
        return (
            {"cpu": self.on(torch.device("cpu")).get_state()}
            | {name: own.get_state() for name, own in self._generators.items()}
            | self._waiting
        )

    def set_state(self, states: Mapping[str, Tensor]) -> None:
        """Go back to where `state` was called. Devices that are not named begin at the seed."""
        self._generators, self._waiting = {}, dict(states)


_source: ContextVar[Source | None] = ContextVar("source", default=None)


def source() -> Source | None:
    """Where this thread draws from; None where that is PyTorch's default generators."""
    return _source.get()


@contextmanager
def drawing_from(own: Source) -> Iterator[Source]:
    """Inside the block, `normal_like` in this thread draws from the source."""
    token = _source.set(own)
    try:
        yield own
    finally:
        _source.reset(token)


def normal_like(like: Tensor) -> Tensor:
    """Draws of N(0, 1) like `like` in shape, dtype and device; outside of `drawing_from` from PyTorch's default generator."""
    own = _source.get()
    return torch.randn_like(like) if own is None else torch.empty_like(like).normal_(generator=own.on(like.device))


@contextmanager
def seeded(seed: int, purpose: str, *counters: int) -> Iterator[None]:
    """Draws of this thread inside the block come from the purpose's seed, on every device, other people's code included.

    Excepted are functions that take no generator (`dropout`, for one), which draw from PyTorch's default generators.
    """
    with all_drawing_from(Source(seed_for(seed, purpose, *counters))):
        yield


@contextmanager
def all_drawing_from(own: Source) -> Iterator[Source]:
    """Inside the block every draw of this thread is from the source, as in `seeded`. It costs a microsecond an operation."""
    with drawing_from(own), _Drawing(own):
        yield own


class _Drawing(TorchFunctionMode):
    """Gives a source's generator to every function of PyTorch that draws and was given none."""

    only_draws = True
    """tells `kelbo.eager` that nothing else is changed"""

    def __init__(self, own: Source) -> None:
        super().__init__()
        self.own = own

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if (name not in DRAWING and name not in ALIKE) or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        device = _device((*args, *kwargs.values()), kwargs.get("device"))
        if device.type == "meta":
            return func(*args, **kwargs)
        if name in DRAWING:
            return func(*args, **{**kwargs, "generator": self.own.on(device)})
        return ALIKE[name](torch.empty_like(*args, **kwargs), generator=self.own.on(device))


def _device(values: Iterable[Any], asked: Any) -> torch.device:
    """Where a function draws that is given these."""
    if asked is not None:
        return torch.device(asked)
    return next((value.device for value in values if isinstance(value, Tensor)), torch.get_default_device())


def _name(device: torch.device) -> str:
    if device.type == "cpu":
        return "cpu"
    index = device.index
    if index is None:
        index = torch.cuda.current_device() if device.type == "cuda" else 0
    return f"{device.type}{index}"
