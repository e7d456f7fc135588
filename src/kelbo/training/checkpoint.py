"""Checkpoints: everything that a run needs to continue as if it had never stopped, in safetensors and JSON, nothing pickled.

A checkpoint is a folder written beside its place and renamed into it, so it is there whole or not at all. It holds the
weights (with the likelihood's buffers), their moving average, the optimisers, the objective's memory, every process's
generators and the step, from which the place in the data's order and the learning rate follow.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once, together
from kelbo.errors import Damaged, Divergence, NotSaved, RunError
from kelbo.names import openable
from kelbo.protocols import Generator
from kelbo.runs.checkpoints import FORMAT, best_of, header_of, newest
from kelbo.runs.record import Run
from kelbo.runs.writing import sync_folder, write_json
from kelbo.seeds import default_states, set_default_states, source
from kelbo.shortage import raise_shortage
from kelbo.training.state import TrainState


def save(run: Run, fabric: Fabric, state: TrainState, keep: int = 2) -> None:
    """Write a checkpoint of `state` and remove all but the newest `keep` and the best. Every process must call it.

    Raises Divergence if any of it is not finite (such a state is never written) and NotSaved if the disk refuses; the
    checkpoints before are kept either way.
    """
    place = run.checkpoint(state.step)
    partial = place.with_name(f".{place.name}.partial")
    _refuse_broken_state(run, state)

    def begin() -> None:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)

    def finish() -> None:
        _write_state(partial, state, fabric.world_size)
        if place.exists():  # written by a run that was cut off later and resumed from an earlier step
            _remove(place)
        partial.rename(place)
        sync_folder(place.parent)

    def write_own() -> None:
        _write(partial / f"generators-{fabric.global_rank}.safetensors", _generators())

    def thin_out() -> None:
        for step in run.checkpoint_steps()[:-keep]:
            if state.best is None or step != state.best.step:
                _remove(run.checkpoint(step))

    what = f"The checkpoint of step {state.step}"
    try:
        once(fabric, lambda: saving(run, what, begin))
        together(fabric, lambda: saving(run, what, write_own))
        once(fabric, lambda: saving(run, what, finish))
    except NotSaved:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    once(fabric, thin_out)


def _remove(place: Path) -> None:
    """Remove a checkpoint: renamed first, so that a reader finds all of it or none."""
    removed = place.with_name(f".{place.name}.removed.partial")
    shutil.rmtree(removed, ignore_errors=True)
    place.rename(removed)
    shutil.rmtree(removed)


def saving(run: Run, what: str, action: Callable[[], object]) -> None:
    """Write something into a run's folder. NotSaved if the disk refuses."""
    try:
        action()
    except (OSError, SafetensorError) as error:
        raise NotSaved(
            f"{what} could not be written to {run.path}: {error}. {kept(run)} Make room and resume the run.",
            remedy=("resume",),
        ) from error


def _write_state(folder: Path, state: TrainState, processes: int) -> None:
    """Everything that is the same in every process."""
    _write(folder / "weights.safetensors", state.network.state_dict())
    if state.ema is not None:
        _write(folder / "ema.safetensors", state.ema.weights)
    tensors, groups = _flatten(state.optimizers)
    tensors |= {f"objective.{name}": value for name, value in state.objective_state.items()}
    tensors |= {f"used.{name}": value for name, value in state.objective_used.items()}
    tensors |= {f"skips.{name}": value for name, value in state.skips.items()}
    _write(folder / "training.safetensors", tensors)
    header = {"format": FORMAT, "step": state.step, "processes": processes, "groups": groups}
    if state.best is not None:
        header["best"] = state.best._asdict()
    write_json(folder / "state.json", header)


def restore(run: Run, fabric: Fabric, state: TrainState) -> None:
    """Bring `state` to the run's newest checkpoint. RunError if there is none or it cannot be read."""
    place = newest(run)
    header = header_of(place)
    if header["processes"] != fabric.world_size:
        raise RunError(
            f"{run.path} was trained by {header['processes']} processes, each with its own noise; there are now "
            f"{fabric.world_size}. Resume it with the same number."
        )
    path = place / "weights.safetensors"
    load_into(state.network, read_tensors(path), path)
    if state.ema is not None:
        for name, value in read_tensors(place / "ema.safetensors").items():
            state.ema.weights[name].copy_(value)
    tensors = read_tensors(place / "training.safetensors")
    if header["format"] == 1:
        tensors, header["groups"] = _named(tensors), {"model": header["groups"]}
    _require_same(run, "the optimisers", header["groups"], state.optimizers)
    memories = {"objective": state.objective_state, "skips": state.skips}
    for prefix, what in (("objective", "an objective that remembers"), ("skips", "a rule of skipping that remembers")):
        _require_same(run, what, _below(tensors, prefix), memories[prefix])
    for name, optimizer in state.optimizers.items():
        _unflatten(optimizer, name, tensors, header["groups"][name])
    state.objective_state, state.skips = (
        {name: value.to(memory[name].device) for name, value in _below(tensors, prefix).items()}
        for prefix, memory in memories.items()
    )
    state.step = header["step"]
    state.best = best_of(run, header)
    _set_generators(read_tensors(place / f"generators-{fabric.global_rank}.safetensors"))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def _require_same(run: Run, what: str, saved: Iterable[str], now: Iterable[str]) -> None:
    saved, now = (", ".join(sorted(names)) or "nothing" for names in (saved, now))
    if saved != now:
        raise RunError(f"{run.path} was trained with {what} {saved}; now it is {now}. Resume it with the same parts.")


def load_into(model: Generator, weights: dict[str, Tensor], path: Path) -> None:
    """Give a model the weights that `path` held. Damaged if they do not fit this model."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise_shortage(error, f"reading {path}")
        raise Damaged(f"{path} holds other weights than the run's recipe asks for: {error}") from error


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    # contiguous copies, since channels-last weights and views are not what safetensors stores
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, path)
    path.chmod(path.parent.stat().st_mode & 0o666)  # as files are made here: safetensors lets nobody else read its own
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A checkpoint's file of named tensors, on the CPU. Damaged if it cannot be read, RunError if this user may not."""
    try:
        with path.open("rb"):  # safetensors says of a file that may not be read that there is none
            pass
        with openable(path) as place:
            return load_file(place)
    except PermissionError as error:
        raise RunError(f"{path} may not be read by this user ({error.strerror}). Ask its owner to allow it.") from error
    except (OSError, SafetensorError) as error:
        raise_shortage(error, f"reading {path}")
        raise Damaged(
            f"{path} cannot be read ({error}). Remove the folder {path.parent.name} to continue from the checkpoint before."
        ) from error


def _flatten(optimizers: Mapping[str, Optimizer]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The optimisers' states as named tensors and JSON: state_dict() nests tensors by parameter number and name."""
    tensors: dict[str, Tensor] = {}
    groups: dict[str, Any] = {}
    for what, optimizer in optimizers.items():
        tree = optimizer.state_dict()
        groups[what] = tree["param_groups"]
        for number, values in tree["state"].items():
            for name, value in values.items():
                kept = value if isinstance(value, Tensor) else torch.tensor(value)
                tensors[f"optimizer/{what}/{number}/{name}"] = kept
    return tensors, groups


def _named(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Format 1's names of tensors in format 2."""
    return {
        f"optimizer/model/{name.split('.', 2)[1]}/{name.split('.', 2)[2]}"
        if name.startswith("optimizer.")
        else name: value
        for name, value in tensors.items()
    }


def _unflatten(optimizer: Optimizer, what: str, tensors: dict[str, Tensor], groups: list[dict[str, Any]]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"optimizer/{what}/"):
            _, _, number, name = key.split("/", 3)
            parameter = parameters[int(number)]
            if value.shape == parameter.shape and value.ndim:
                # fused optimisers walk weight and moment in memory order: both must be channels-last, or neither
                value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
            state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _generators() -> dict[str, Tensor]:
    """The states of the generators that the latents' noise is drawn from: the run's own, or else PyTorch's."""
    own = source()
    return default_states() if own is None else own.state()


def _set_generators(states: dict[str, Tensor]) -> None:
    if (own := source()) is not None:
        own.set_state(states)
    else:
        set_default_states(states)


def _refuse_broken_state(run: Run, state: TrainState) -> None:
    for what, value in _everything(state):
        if not torch.isfinite(value).all():
            raise Divergence(f"After step {state.step} {what} is not finite; that state is not saved. {last_good(run)}")


def _everything(state: TrainState) -> Iterator[tuple[str, Tensor]]:
    """All tensors that training continues from, each with its name for messages."""
    yield from ((f"the weight {name}", value) for name, value in state.network.state_dict().items())
    if state.ema is not None:
        yield from ((f"the average of the weight {name}", value) for name, value in state.ema.weights.items())
    names: dict[Tensor, str] = {parameter: name for name, parameter in state.network.named_parameters()}
    for optimizer in state.optimizers.values():
        for parameter, memory in optimizer.state.items():
            for name, value in memory.items():
                if isinstance(value, Tensor):
                    yield f"the optimiser's {name} of the weight {names.get(parameter, '?')}", value
    yield from ((f"the objective's {name}", value) for name, value in state.objective_state.items())


SMALLER = "Lower optimizer.learning_rate or set training.clip"


def last_good(run: Run) -> str:
    """For the error of a run that diverged: which checkpoint is left, and what to change."""
    return f"{kept(run)} {SMALLER}, or skip single updates that are not finite (training.skip.kind)."


def kept(run: Run) -> str:
    """For an error: which checkpoint is left."""
    steps = run.checkpoint_steps()
    if not steps:
        return "No checkpoint had been written yet."
    return f"The checkpoint of step {steps[-1]} is kept in {run.checkpoint(steps[-1])}."
