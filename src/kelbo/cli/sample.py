"""`kelbo sample`: pictures drawn from a run's prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, FittedPriorName, Given, Noise, Picture, RunPath, Seed
from kelbo.cli.places import name_of, require_picture, save_pictures
from kelbo.cli.printing import say
from kelbo.cli.row_files import column_names, save_rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from kelbo.experiments import Experiment


def sample(
    run: RunPath,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many images.")] = 64,
    given: Given = None,
    noise: Noise = False,
    seed: Seed = 0,
    prior: FittedPriorName = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Draw images from the prior; of a model that is given a class, a row a class with the same draws in each row.

    Of a table, a CSV with a row for each draw.
    """
    import numpy as np

    from kelbo import evaluation
    from kelbo.experiments import open_run
    from kelbo.experiments.conditional import conditional

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root, read_data=False, prior=prior)
    words, beside = None, {}
    if given is None and experiment.condition is not None and (few := conditional(experiment).combinations()):
        images, columns = _rows(experiment, few, count, noise, seed)
        beside = {"given": np.repeat([experiment.condition.say(one) for one in few], columns)}
    else:
        told, words = given_to(experiment, given, count)
        images = evaluation.sample(experiment.generator, count, given=told, noise=noise, seed=seed)
        columns = round(count**0.5)
    name = name_of("sample", prior=prior, given=words)
    if column_names(experiment):
        save_rows(out, experiment, name, images, beside)
    else:
        save_pictures(out, experiment, name, images, columns)


def given_to(experiment: Experiment, given: str | None, count: int) -> tuple[dict[str, Tensor], str | None]:
    """What `count` samples are given, and the values that were chosen, in words: the same however they were written.

    DataMissing names --given: if it names the whole condition, no data are needed.
    """
    from kelbo.errors import DataMissing
    from kelbo.experiments.conditional import conditional

    try:
        if given is None:
            told = experiment.conditions(count)
            if told:
                say(f"under the {', '.join(told)} of test images")
            return told, None
        of = conditional(experiment, given)
        chosen = of.chosen(given)
        draws = of.draws(chosen, count)
        if others := of.others(chosen):
            say(f"{others}: as of test images")
        return draws, of.words(chosen)
    except DataMissing as error:
        if experiment.condition is None:
            raise
        names = ", ".join(variable.name for variable in experiment.condition.variables)
        raise DataMissing(
            f"Samples are drawn under the conditions of test images, unless all of {names} are given. {error}",
            remedy=(*error.remedy, "given"),
        ) from error


def _rows(experiment: Experiment, few: list, count: int, noise: bool, seed: int) -> tuple[np.ndarray, int]:
    """At least `count` images, as many under each of a few conditions, and how many there are in a row."""
    from kelbo import evaluation
    from kelbo.experiments.conditional import conditional

    of, columns = conditional(experiment), -(-count // len(few))
    given = [of.draws(chosen, columns) for chosen in few]
    images = evaluation.sample_rows(experiment.generator, given, columns, noise=noise, seed=seed)
    say(f"rows from the top: {'; '.join(map(of.condition.say, few))}")
    return images.reshape(-1, *images.shape[2:]), columns
