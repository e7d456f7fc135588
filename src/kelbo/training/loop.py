"""The training loop. Logs, averages, checkpoints and pictures are hooks, called after every step with the same things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kelbo.bound import Batch
from kelbo.training.state import TrainState
from kelbo.training.update import Update, Values

Hook = Callable[[TrainState, Values], None]


def fit(
    state: TrainState, update: Update, batches: Iterable[Batch], steps: int, hooks: Sequence[Hook] = ()
) -> TrainState:
    """Train until `state.step == steps`.

    batches gives intensities (B, *event) on the model's device, beginning with the batch of `state.step`.
    """
    for batch in batches:
        if state.step >= steps:
            break
        values = update(state, batch)
        state.step += 1
        for hook in hooks:
            hook(state, values)
    return state


def every(n: int, hook: Hook) -> Hook:
    """Call `hook` after steps n, 2n, 3n, …"""

    def sometimes(state: TrainState, values: Values) -> None:
        if state.step % n == 0:
            hook(state, values)

    return sometimes
