"""Hooks: means over steps, the divergence guard, checkpoints, pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once
from kelbo.errors import Divergence
from kelbo.objectives import equivalents
from kelbo.protocols import Model, Objective, State
from kelbo.runs import Run, save_grid
from kelbo.runs.journal import Row
from kelbo.seeds import seeded
from kelbo.training import checkpoint
from kelbo.training.best import Validation
from kelbo.training.rows import Followed, Readout, Steps, read_out, spread, weights
from kelbo.training.skipping import BY_PLAYER, COUNTED, ENDURED, NOT_FINITE
from kelbo.training.state import TrainState
from kelbo.training.update import Values, require_scalars

Sink = Callable[[Row], None]
"""Takes a row of scalars: the journal, TensorBoard, a progress bar."""

TRAINED_BY = ("loss", "rate", "distortion", "gradient_norm")
"""scalars of `LossUpdate`, or terms of these: a smaller step may keep them finite"""

TABLE = 1024
"""rows that the table of steps begins with; it doubles if an interval is longer"""


def average_weights(state: TrainState, values: Values) -> None:  # noqa: ARG001
    """Take the step's weights into their moving average, if the run keeps one."""
    if state.ema is None:
        return
    if state.skips:
        state.ema.update_if(state.skips["changed"], state.network, state.skips["applied"])
    else:
        state.ema.update(state.network, state.step)


@dataclass(eq=False)
class Scalars:
    """Means of the values of all steps, given to sinks after steps n, 2n, … and `last`; stops a run if a value is not finite.

    n is `interval`, and a mean is over the steps since the last row that have the value: fewer than n after resuming in
    between. A value that none of them has is left out of the row; several processes must have a value at the same steps. A
    step that is validated has a row too, with the numbers of the validation images.

    Every step's values wait on the device in a small table, so that nothing is copied to the host between readings. The
    table is read every `guard` steps to look for a value that is not finite, and every `interval` steps for the means.

    `host`, `readout` and `weight` are what a row needs besides. Lanes of a sweep have theirs read together, between `enter`
    and `tell`; what nobody has set is read when it is needed.
    """

    fabric: Fabric
    run: Run
    objective: Objective | None
    followed: Followed
    batch_size: int
    interval: int
    sinks: Sequence[Sink]
    last: int
    validation: Validation | None
    guard: int = 10

    def __post_init__(self) -> None:
        self.names: list[str] = []  # of the table's columns
        self.table = torch.zeros(min(self.interval, TABLE), 0, device=self.fabric.device)
        self.present = torch.zeros(len(self.table), 0, dtype=torch.bool)  # which steps had which values
        self.memories: State = {}  # of the objective, one row a step
        self.filled = 0
        self.since = time.perf_counter()
        self._forget()

    def _forget(self) -> None:
        self.host: Tensor | None = None  # the table's filled part, on the CPU
        self.readout: Readout | None = None  # of the present weights
        self.weight: float | None = None  # of the rate, a mean over steps

    def __call__(self, state: TrainState, values: Values) -> None:
        self.enter(state, values)
        self.tell(state)

    def enter(self, state: TrainState, values: Values) -> None:
        """Take in a step's values."""
        self._forget()
        self._enter(values)
        self._remember(state.objective_used)
        self.filled += 1

    def due(self, step: int) -> bool:
        """Whether a step has a row."""
        # by the step, so that a resumed run has its rows at the same steps; the last row before the last checkpoint, after
        # which no step could write it
        validated = self.validation is not None and self.validation.due(step)
        return step % self.interval == 0 or step == self.last or validated

    def tell(self, state: TrainState) -> None:
        """After `enter`: write the step's row if it has one. Divergence if a value is not finite."""
        due = self.due(state.step)
        if due or state.step % self.guard == 0:
            self.check(state)
        if due:
            self._emit(state)

    def _enter(self, values: Values) -> None:
        require_scalars(values)
        if new := [name for name in values if name not in self.names]:
            self.names += new
            self.table, self.present = _widened(self.table, len(new)), _widened(self.present, len(new))
        if self.filled == len(self.table):
            self.table, self.present = _doubled(self.table), _doubled(self.present)
        table = self.table
        found = [values[name].detach().float() if name in values else table.new_zeros(()) for name in self.names]
        table[self.filled] = torch.stack(found)
        self.present[self.filled] = torch.tensor([name in values for name in self.names])

    def _remember(self, used: State) -> None:
        for name, value in used.items():
            if name not in self.memories:
                self.memories[name] = value.new_zeros(len(self.table), *value.shape)
            table = self.memories[name].to(value.device)
            self.memories[name] = _doubled(table) if self.filled == len(table) else table
            self.memories[name][self.filled] = value

    def finish(self, state: TrainState) -> None:
        """The row of the steps since the last one, at the end of a run."""
        if self.filled:
            self._emit(state)

    def check(self, state: TrainState) -> None:
        """Raise Divergence if any step since the last row had a value that is not finite.

        Steps that were skipped for that do not count, unless there were too many in a row.
        """
        if state.skips and (endured := int(state.skips["broken"])) >= ENDURED:
            raise Divergence(
                f"The gradients of {endured} steps in a row, up to step {state.step} or shortly before, were not finite. These "
                f"steps were skipped, so the weights are those before them. {checkpoint.kept(self.run)} {checkpoint.SMALLER}."
            )
        table = self._on_host()
        broken = (~torch.isfinite(table)).any(1)
        if NOT_FINITE in self.names:
            broken &= table[:, self.names.index(NOT_FINITE)] == 0
        if broken.any():
            row = int(broken.nonzero()[0])
            name, value = next(
                (name, value)
                for name, value in zip(self.names, table[row].tolist(), strict=True)
                if not math.isfinite(value)
            )
            step = state.step - self.filled + row + 1
            own = f"{checkpoint.kept(self.run)} It is a scalar of your own update: see how that computes it."
            left = checkpoint.last_good(self.run) if name.partition("/")[0] in TRAINED_BY else own
            raise Divergence(f"At step {step} the {name} was {value}. {left}")

    def _on_host(self) -> Tensor:
        if self.host is None:
            self.host = self.table[: self.filled].cpu()
        return self.host

    def _emit(self, state: TrainState) -> None:
        table, present = self._on_host().double(), self.present[: self.filled]  # not all devices have float64
        if state.skips:  # skipped steps may have values that are not finite
            present = present & table.isfinite()
            table = table.where(present, 0.0)
        counts = present.sum(0)
        summed = torch.tensor([name in (COUNTED if state.skips else BY_PLAYER) for name in self.names])
        means = table.sum(0) / counts.masked_fill(summed, 1)
        if self.fabric.world_size > 1:
            means = torch.as_tensor(self.fabric.all_reduce(means.to(self.fabric.device), reduce_op="mean"))
        seconds = time.perf_counter() - self.since
        row: Row = {
            "step": state.step,
            **self._bound(state, {name: means[i].item() for i, name in enumerate(self.names) if counts[i]}),
            **_learning_rates(state),
            "images_per_second": self.filled * self.batch_size / seconds,
            **self._balance(state),
        }
        if self.validation is not None and self.validation.due(state.step):
            row |= self.validation.judge(state)
        what = f"The scalars of step {state.step}"
        once(self.fabric, lambda: checkpoint.saving(self.run, what, lambda: [sink(row) for sink in self.sinks]))
        self.filled = 0
        self._forget()
        self.since = time.perf_counter()

    def _bound(self, state: TrainState, means: Row) -> Row:
        """All means, with the ELBO if rate and distortion are among them; a model without a rate has neither."""
        if "rate" not in means or "distortion" not in means:
            return means
        rate, distortion = means.pop("rate") or 0.0, means.pop("distortion") or 0.0
        has_rate = isinstance(state.network, Model) and state.network.has_rate
        elbo = -(distortion + rate) if has_rate else None
        bound = {"elbo": elbo, "rate": rate if has_rate else None, "distortion": distortion}
        return {"loss": means.pop("loss", None), **bound, **means}

    def _balance(self, state: TrainState) -> Row:
        """Equivalent σ and β, and the decoder's error on a fixed handful of test images.

        If σ has a floor, also the share of their pixels that lie on it. Nothing of a model that reads no examples.
        """
        model = state.network
        if not isinstance(model, Model):
            return {}
        variance, error, floored = self.readout or read_out(model, self.followed)
        readout: Row = {"sigma": variance**0.5, "rmse": error**0.5}
        if floored is not None:
            readout["floored"] = floored
        if not model.has_rate or self.objective is None:
            return readout
        beta = self.weight if self.weight is not None else self._weight(self.objective, model.groups, variance)
        alike = {} if beta is None or not model.trains_on_distortion else equivalents(variance, beta)
        return readout if beta is None else readout | {"beta": beta, **alike}

    def _weight(self, objective: Objective, groups: int, variance: float) -> float | None:
        """The weight of the rate, as a mean over the interval's steps as the loss is; of long intervals, over some of them.

        None if the update does not return the distortion and the rate of each group.
        """
        steps = self.weighed(groups)
        found = [] if steps is None else weights(objective, steps, variance)
        return sum(found) / len(found) if found else None

    def weighed(self, groups: int) -> Steps | None:
        """The steps that `_weight` is of. None if the update does not return the distortion and the rate of each group."""
        bound = [f"rate/{group}" for group in range(groups)] if groups > 1 else ["rate"]
        bound.append("distortion")
        if not set(bound) <= set(self.names):
            return None
        errors = ["squared_error"] if "squared_error" in self.names else []
        columns = [self.names.index(name) for name in [*bound, *errors]]
        rows = self._on_host()[:, columns]
        usable = self.present[: self.filled, columns] & rows.isfinite()  # not of skipped steps
        steps = usable.all(1).nonzero().flatten()
        memories = {name: table[: self.filled].cpu()[steps] for name, table in self.memories.items()}
        rates, distortions, *others = rows[steps].split([groups, *[1] * (len(columns) - groups)], 1)
        return spread(Steps(rates, distortions[:, 0], memories, *(other[:, 0] for other in others)))


def _widened(table: Tensor, columns: int) -> Tensor:
    return torch.cat([table, table.new_zeros(len(table), columns)], 1)


def _doubled(table: Tensor) -> Tensor:
    return torch.cat([table, torch.zeros_like(table)])


def _learning_rates(state: TrainState) -> Row:
    """Each optimiser's, by its name if there are several."""
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in state.optimizers.items()}
    return {"learning_rate" if len(rates) == 1 else f"learning_rate/{name}": rate for name, rate in rates.items()}


class Checkpoints:
    """A checkpoint after every `interval` steps."""

    def __init__(self, run: Run, fabric: Fabric, interval: int, guard: Scalars) -> None:
        self.run, self.fabric, self.interval, self.guard = run, fabric, interval, guard

    def __call__(self, state: TrainState, values: Values) -> None:
        if state.step % self.interval == 0:
            self.save(state)

    def save(self, state: TrainState) -> None:
        """Write one now, unless this step has one. Divergence if the run has diverged."""
        self.guard.check(state)
        if state.step not in self.run.checkpoint_steps():
            checkpoint.save(self.run, self.fabric, state)


class Pictures:
    """Reconstructions of fixed test images, if the model reads any, and decoded fixed draws of the prior, as PNG files."""

    def __init__(self, run: Run, fabric: Fabric, images: Batch, seed: int) -> None:
        self.run, self.fabric, self.images, self.seed = run, fabric, images, seed

    def __call__(self, state: TrainState, values: Values) -> None:
        what = f"The pictures of step {state.step}"
        once(self.fabric, lambda: checkpoint.saving(self.run, what, lambda: self._write(state)))

    def _write(self, state: TrainState) -> None:
        model, (x, given) = state.network.whole, self.images
        with model.evaluating(), seeded(self.seed, "pictures"):
            made = model.mean(model.read(self.images, draw=False).output) if isinstance(model, Model) else None
            rows = {name: value.repeat(4, *[1] * (value.ndim - 1)) for name, value in given.items()}
            samples = model.mean(model.decode(model.sample(4 * len(x), rows), rows))
        if made is not None:
            pairs = torch.cat([x, made])
            save_grid(self.run.picture(state.step, "reconstructions"), pairs.cpu().numpy(), len(x))
        save_grid(self.run.picture(state.step, "samples"), samples.cpu().numpy(), len(x))
