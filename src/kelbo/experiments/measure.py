"""From a run to its numbers, kept in its folder."""

from __future__ import annotations

from collections.abc import Callable

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once
from kelbo.eager import by_itself
from kelbo.evaluation import evaluate
from kelbo.evaluation.suite import Record
from kelbo.experiments.experiment import Experiment
from kelbo.recipes.sets import split_of

BATCH = 256
"""images of a batch of an evaluation, by default"""


@by_itself()
def evaluate_run(
    experiment: Experiment,
    split: str = "test",
    *,
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = BATCH,
    seed: int = 0,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> Record:
    """Evaluate a run on a split (see `kelbo.evaluation.evaluate`) and write the record into its folder.

    The file's name tells each setting that is not the usual one, so that no evaluation replaces one of other settings. One
    of another step, device or version is replaced. Of several processes (fabric) the first writes it.
    """
    record = evaluate(
        experiment.model,
        split_of(experiment.data, split),
        weigh=experiment.weigh,
        samples=samples,
        dequantized=dequantized,
        batch_size=batch_size,
        seed=seed,
        fabric=fabric,
        advance=advance,
    )
    record["settings"] |= {**experiment.told, "split": split}
    parts = [
        split,
        f"iw{samples}" if samples else "",
        "dequantized" if dequantized else "",
        f"batch{batch_size}" if batch_size != BATCH else "",
        f"seed{seed}" if seed else "",
        experiment.other_weights,
    ]
    once(fabric, lambda: experiment.run.save_evaluation("-".join(filter(None, parts)), record))
    return record
