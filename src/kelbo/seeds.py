"""One seed per purpose, so that a change in one part's draws never changes another's.

Purposes in use: "init" (weights), "order" (of the data), "augment" (training images), "latents" (training noise), "split"
(held-out examples), "evaluation", "pictures", "features" (feature networks), "linear" (baselines), "prior" (fits to codes).

All draws use the library's own generators, one set per thread. PyTorch's default generators are never seeded or read, so the
library and other threads do not change one another's draws.
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

DRAWING_FUNCTIONS = frozenset(
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
"""PyTorch functions that take a `generator`, by name, including those of `torch.nn.init` that a mode intercepts"""

LIKE_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {"rand_like": Tensor.uniform_, "randn_like": Tensor.normal_}
"""functions that take a `generator` only in newer versions, and the method that fills an empty tensor instead"""


def seed_for(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed, a hash of the run's seed, the purpose and any counters (an epoch, a rank)."""
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """A new CPU generator for one purpose."""
    return torch.Generator().manual_seed(seed_for(seed, purpose, *counters))


class Source:
    """A source of draws: one generator for each device, in the initial state that `torch.manual_seed(seed)` sets."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[str, torch.Generator] = {}
        self._pending: dict[str, Tensor] = {}  # states that were set for devices not used since

    def on(self, device: torch.device) -> torch.Generator:
        """The generator for draws on a device."""
        name = _name(device)
        if name not in self._generators:
            own = torch.Generator(device).manual_seed(self.seed)
            if name in self._pending:
                own.set_state(self._pending.pop(name))
            self._generators[name] = own
        return self._generators[name]

    def state(self) -> dict[str, Tensor]:
        """The generators' states by device ("cpu", "cuda0", …), for `set_state`."""
        return (
            {"cpu": self.on(torch.device("cpu")).get_state()}
            | {name: own.get_state() for name, own in self._generators.items()}
            | self._pending
        )

    def set_state(self, states: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned. Devices that it lacks start from the seed."""
        self._generators, self._pending = {}, dict(states)


_source: ContextVar[Source | None] = ContextVar("source", default=None)


def source() -> Source | None:
    """The source of this thread's draws; None if these use PyTorch's default generators."""
    return _source.get()


@contextmanager
def drawing_from(own: Source) -> Iterator[Source]:
    """Inside the block, `normal_like` and `uniform_like` in this thread draw from the source."""
    token = _source.set(own)
    try:
        yield own
    finally:
        _source.reset(token)


@contextmanager
def drawn_again(dropout: bool = False) -> Iterator[None]:
    """After the block, this thread's source is as it was before, so that what follows repeats the block's draws.

    Without a source PyTorch's default generators are restored; with dropout they are too, since it draws from them.
    """
    own = _source.get()
    kept = None if own is None else own.state()
    default = default_states() if own is None or dropout else None
    try:
        yield
    finally:
        if own is not None and kept is not None:
            own.set_state(kept)
        if default is not None:
            set_default_states(default)


def default_states() -> dict[str, Tensor]:
    """The states of PyTorch's default generators by device ("cpu", "cuda0", …), for `set_default_states`."""
    return {"cpu": torch.get_rng_state()} | {
        name: module.get_rng_state(index) for name, (module, index) in _accelerators().items()
    }


def set_default_states(states: Mapping[str, Tensor]) -> None:
    """Restore what `default_states` returned."""
    torch.set_rng_state(states["cpu"])
    for name, (module, index) in _accelerators().items():
        if name in states:
            module.set_rng_state(states[name], index)


def _accelerators() -> dict[str, tuple[Any, int]]:
    """The module in torch and the number there of each device that has a default generator beside the CPU's."""
    modules = {"cuda": torch.cuda, "mps": torch.mps, "xpu": torch.xpu}
    return {f"{kind}{i}": (module, i) for kind, module in modules.items() for i in range(module.device_count())}


def normal_like(like: Tensor) -> Tensor:
    """Draws of N(0, 1) with the shape, dtype and device of `like`, from `drawing_from`'s source or else PyTorch's default."""
    own = _source.get()
    return torch.randn_like(like) if own is None else torch.empty_like(like).normal_(generator=own.on(like.device))


def uniform_like(like: Tensor) -> Tensor:
    """Draws of U[0, 1) with the shape, dtype and device of `like`, from the same source as `normal_like`."""
    own = _source.get()
    return torch.rand_like(like) if own is None else torch.empty_like(like).uniform_(generator=own.on(like.device))


@contextmanager
def seeded(seed: int, purpose: str, *counters: int) -> Iterator[None]:
    """Inside the block this thread's draws come from the purpose's seed, on every device, including those of other libraries.

    Functions that take no generator (`dropout`, for example) still draw from PyTorch's default generators.
    """
    with all_drawing_from(Source(seed_for(seed, purpose, *counters))):
        yield


@contextmanager
def all_drawing_from(own: Source) -> Iterator[Source]:
    """Inside the block all draws of this thread come from the source, as in `seeded`. It costs a microsecond an operation."""
    with drawing_from(own), _Drawing(own):
        yield own


class _Drawing(TorchFunctionMode):
    """Passes a source's generator to every PyTorch function that draws, unless it was given one."""

    only_draws = True
    """read by `kelbo.eager`: the mode changes nothing but draws"""

    def __init__(self, own: Source) -> None:
        super().__init__()
        self.own = own

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if (name not in DRAWING_FUNCTIONS and name not in LIKE_FUNCTIONS) or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        device = _device((*args, *kwargs.values()), kwargs.get("device"))
        if device.type == "meta":
            return func(*args, **kwargs)
        if name in DRAWING_FUNCTIONS:
            return func(*args, **{**kwargs, "generator": self.own.on(device)})
        return LIKE_FUNCTIONS[name](torch.empty_like(*args, **kwargs), generator=self.own.on(device))


def _device(values: Iterable[Any], asked: Any) -> torch.device:
    """The device on which a function with these arguments draws."""
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
