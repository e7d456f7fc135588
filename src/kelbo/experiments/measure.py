"""From a run to its numbers, each kept in the run's folder under all that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import from_first
from kelbo.eager import plain_autograd
from kelbo.evaluation import evaluate
from kelbo.evaluation.marginal import alternatives
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.suite import Record
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.guards import outline_of
from kelbo.recipes.sets import split_of
from kelbo.runs import Measurement
from kelbo.shortage import memory_for

BATCH = 256
"""images of a batch of an evaluation, by default"""


def measure(
    experiment: Experiment,
    name: str,
    settings: Mapping[str, Any],
    compute: Callable[[], Mapping[str, Any]],
    *,
    label: str = "",
    again: bool = False,
    fabric: Fabric | None = None,
) -> Measurement:
    """What the run's folder keeps under this name, these settings and the opened weights; else it is computed and kept.

    settings: all that the value depends on besides the weights and how they were opened; JSON. compute: gives the value, a
    JSON object that may hold arrays. again: compute even if there is one, and replace it. Of several processes (fabric) all
    compute, the first one looks and writes. In a folder that cannot be written it is not kept: see `keep_if_possible`. Raises
    as compute does.
    """
    if taken := settings.keys() & experiment.settings.keys():
        raise ValueError(f"Settings of {name} are named as the opened weights' own: {', '.join(sorted(taken))}.")
    store, weights = experiment.run.measurements, experiment.checkpoint.opened
    settings = {**settings, **experiment.settings}
    kept = None if again else from_first(fabric, lambda: store.find(name, settings, weights))
    if kept is not None:
        return kept
    with memory_for(f"measuring {label or name} of {experiment.run.path}", "Measure fewer images at once."):
        found = compute()
    arrays = {part: value for part, value in found.items() if isinstance(value, np.ndarray)}
    value = {part: value for part, value in found.items() if part not in arrays}
    measured = Measurement(name, settings, weights, value, label, experiment.circumstances)
    return from_first(fabric, lambda: store.keep_if_possible(measured, arrays))


@plain_autograd()
def evaluate_run(
    experiment: Experiment,
    split: str = "test",
    *,
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = BATCH,
    seed: int = 0,
    again: bool = False,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> Record:
    """The record of a run on a split (see `kelbo.evaluation.evaluate`), kept in its folder: see `measure`.

    again: evaluate even if the folder has this evaluation of these weights, made on another device, say.
    """
    how = {"samples": samples, "dequantized": dequantized, "batch_size": batch_size, "seed": seed}
    return evaluation_of(experiment, split, **how, again=again, fabric=fabric, advance=advance).record


def evaluation_of(
    experiment: Experiment,
    split: str = "test",
    *,
    count: int | None = None,
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = BATCH,
    seed: int = 0,
    again: bool = False,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> Measurement:
    """The measurement of which `evaluate_run` gives the record. count: of the split's images, spread evenly; None: all."""
    whole = split_of(experiment.data, split)
    images = evenly(whole, count)
    how = {"dequantized": dequantized, "batch_size": batch_size, "seed": seed}

    def compute() -> Record:
        data = experiment.data
        found = {
            "weigh": experiment.weigh,
            "held": experiment.held,
            "columns": data.columns.names if data.columns else (),
            "over": alternatives(data.condition, data.train),
            "fabric": fabric,
            "advance": advance,
        }
        record = evaluate(experiment.model, images, samples=samples, **how, **found)
        return {name: value for name, value in record.items() if name != "settings"}

    of = _settings(split, len(images), images.shape, images.levels)
    unusual = {
        f"{len(images)}images": len(images) < len(whole),
        f"iw{samples}": samples,
        "dequantized": dequantized,
        f"batch{batch_size}": batch_size != BATCH,
        f"seed{seed}": seed,
    }
    label = "-".join([split, *(part for part, told in unusual.items() if told), *experiment.unusual])
    settings = {**of, "importance_samples": samples, **how}
    return measure(experiment, "evaluation", settings, compute, label=label, again=again, fabric=fabric)


def kept_evaluation(
    experiment: Experiment,
    split: str = "test",
    *,
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = BATCH,
    seed: int = 0,
) -> Measurement | None:
    """What `evaluation_of` a whole split has kept, found without the data; None if there is none."""
    run, told = experiment.run, outline_of(experiment.run)
    images = run.provenance().get("data", {}).get("splits", {}).get(split, {}).get("images")
    if told is None or images is None:
        return None
    how = {"importance_samples": samples, "dequantized": dequantized, "batch_size": batch_size, "seed": seed}
    settings = {**_settings(split, images, told.shape, told.levels), **how, **experiment.settings}
    return run.measurements.find("evaluation", settings, experiment.checkpoint.opened)


def _settings(split: str, images: int, shape: Sequence[int], levels: int | None) -> dict[str, Any]:
    return {"split": split, "images": images, "shape": list(shape), "levels": levels}
