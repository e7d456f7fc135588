"""σ of a decoder that solves for it, for the weights that a run keeps: read from its checkpoint's folder, or estimated."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from itertools import product

from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import from_first, once
from kelbo.evaluation.sigma import SolvedSigma, solve_sigma
from kelbo.protocols import Generator, Model
from kelbo.runs import Run
from kelbo.runs.checkpoints import Which, best
from kelbo.training import TrainState, opened
from kelbo.training.checkpoint import saving
from kelbo.training.opened import CheckpointInfo


def save_sigma(run: Run, state: TrainState, images: Images, fabric: Fabric) -> None:
    """Estimate σ from training images for all weights that a finished run can be opened with, and keep it beside them.

    These are the last checkpoint's and the best one's, of the last step and averaged. The state is left as it was, so training
    can continue. Every process must call it. NotSaved if the disk refuses.
    """
    model = state.network
    if not isinstance(model, Model) or model.likelihood.sigma_from != "solved":
        return
    checkpoints: tuple[Which, ...] = ("last",) if best(run) is None else ("last", "best")
    with model.borrowed():
        for which, average in product(checkpoints, (False,) if state.ema is None else (False, True)):
            kept = opened.load(run, model, fabric.device, average, fabric, which)
            if _kept(run, kept, fabric) is None:
                _keep(run, kept, solve_sigma(model, images, fabric=fabric), fabric)


def apply_sigma(
    run: Run, model: Generator, kept: CheckpointInfo, images: Callable[[], Images], fabric: Fabric | None = None
) -> SolvedSigma | None:
    """Give an opened model the σ of its weights; returns it with the number of its training images.

    A checkpoint of a run in training or stopped, or of an older version, has none: it is estimated, and kept there if the
    folder can be written. None if the decoder does not solve for its σ. `images` is called only if they are needed.
    """
    if not isinstance(model, Model) or model.likelihood.sigma_from != "solved":
        return None
    found = _kept(run, kept, fabric)
    if found is None:
        found = solve_sigma(model, images(), fabric=fabric)
        with suppress(OSError):
            once(fabric, lambda: _save(run, kept, found))
    model.likelihood.settle(found.variance)
    return found


def _kept(run: Run, kept: CheckpointInfo, fabric: Fabric | None) -> SolvedSigma | None:
    """What the first process finds with the checkpoint, so that all processes do the same."""

    def read() -> SolvedSigma | None:
        told = run.sigma(kept.step)
        match told.get(kept.weights) if told.get("of") == kept.digest else None:
            case {"variance": float(variance), "images": int(count)} if 0 <= variance < math.inf:
                return SolvedSigma(variance, count)
            case _:  # missing, or in no form that this version writes: estimate it again
                return None

    return from_first(fabric, read)


def _keep(run: Run, kept: CheckpointInfo, found: SolvedSigma, fabric: Fabric) -> None:
    once(fabric, lambda: saving(run, f"The σ of step {kept.step}", lambda: _save(run, kept, found)))


def _save(run: Run, kept: CheckpointInfo, found: SolvedSigma) -> None:
    told = run.sigma(kept.step)
    before = told if told.get("of") == kept.digest else {"of": kept.digest}
    run.save_sigma(kept.step, before | {kept.weights: found._asdict()})
