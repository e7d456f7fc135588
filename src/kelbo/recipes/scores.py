"""Scores of a run: which there are, had from its codes and images, written into its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.classifier import weights_hash
from kelbo.evaluation.codes import Codes, codes_of_factors
from kelbo.evaluation.disentanglement import DEFAULTS, SCORES, Options, scores_of_codes
from kelbo.evaluation.distances import image_distances
from kelbo.evaluation.feature_network import FeatureNetwork
from kelbo.evaluation.latents import scores_of_latents
from kelbo.recipes.experiment import Experiment
from kelbo.recipes.sets import split_of

GROUPS: dict[str, tuple[str, ...]] = {
    "disentanglement": tuple(SCORES),
    "latents": ("latents",),
    "images": ("images",),
    "calibration": ("calibration",),
}
"""what `--metrics` takes beside the single disentanglement scores; a group is one record in the run's folder"""


def asked_for(names: str) -> tuple[str, ...]:
    """The scores in a list "mig,dci", "latents", "all": groups are opened. ScoreError lists what there is."""
    every = tuple(name for group in GROUPS.values() for name in group)
    chosen: list[str] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name != "all" and name not in GROUPS and name not in every:
            raise ScoreError(
                f"There is no score {name!r}; there is all, {', '.join(dict.fromkeys((*GROUPS, *every)))}."
            )
        chosen += every if name == "all" else GROUPS.get(name, (name,))
    if not chosen:
        raise ScoreError(f"--metrics names no score; there is all, {', '.join(dict.fromkeys((*GROUPS, *every)))}.")
    return tuple(dict.fromkeys(chosen))


def score_run(
    experiment: Experiment,
    names: Sequence[str],
    *,
    split: str = "test",
    options: Options = DEFAULTS,
    network: Callable[[], FeatureNetwork] | None = None,
    images: int = 10_000,
    codes: int | None = None,
    seed: int = 0,
    lenient: bool = False,
    advance: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """The scores of `names` (see `asked_for`) as records by group, each also written into the run's folder.

    network opens the feature network of image distances, where they are asked for. images: how many of the split image
    distances look at. codes: how many images of a set with factors are encoded, all by default. lenient: where a score does
    not exist for this run its group says why instead of raising ScoreError.
    """
    settings = {
        "run": experiment.recipe.name,
        "recipe": experiment.recipe.fingerprint,
        "step": experiment.step,
        "weights": weights_hash(experiment.model)[:16],
        "averaged": experiment.averaged,
        "data": experiment.data.name,
        "seed": seed,
    }
    makers: dict[str, Callable[[tuple[str, ...]], dict[str, Any]]] = {
        "disentanglement": lambda wanted: scores_of_codes(
            factor_codes(experiment, codes, advance), wanted, options, seed
        ),
        "latents": lambda _: scores_of_latents(experiment.model, split_of(experiment.data, split), seed=seed),
        "images": lambda _: image_distances(
            experiment.model, _opened(network), split_of(experiment.data, split), count=images, seed=seed
        ),
        "calibration": lambda _: calibration(experiment.model, split_of(experiment.data, split), seed=seed),
    }
    found: dict[str, Any] = {}
    for group, members in GROUPS.items():
        wanted = tuple(name for name in members if name in names)
        if not wanted:
            continue
        whole = experiment.data.whole
        where = (
            {"factors": list(whole.factors.names) if whole else []} if group == "disentanglement" else {"split": split}
        )
        try:
            scores = makers[group](wanted)
        except ScoreError as error:
            if not lenient:
                raise
            found[group] = {"none": str(error)}
            continue
        record = {"settings": settings | where, "scores": scores}
        found[group] = _kept(experiment, group, record)
    return found


def factor_codes(
    experiment: Experiment, count: int | None = None, advance: Callable[[int], None] | None = None
) -> Codes:
    """The codes of the whole set behind a run, or of `count` of its images; encoded once and kept with the run.

    ScoreError where its images have no factors.
    """
    whole = experiment.data.whole
    if whole is None:
        raise ScoreError(
            f"The images of {experiment.data.name} have no known factors, so no disentanglement score exists. There is one "
            "for shapes2d, shapes3d, arm, dsprites, 3dshapes and mpi3d, or for codes and factors of your own (`kelbo score`)."
        )
    key = {
        "weights": weights_hash(experiment.model),
        "data": experiment.data.name,
        "images": experiment.data.train.fingerprint(),
    }
    place = experiment.run.codes("all" if count is None or count >= len(whole) else f"{count}")
    return codes_of_factors(experiment.model, whole, place, key, count=count, advance=advance)


def codes_of_arrays(arrays: dict[str, np.ndarray], source: str) -> Codes:
    """Anybody's codes: `codes` (or `means`) (N, K) and `factors` (N, F), optionally `scales` (N, K) and `names` (F,).

    ScoreError names what is missing.
    """
    means = arrays.get("codes", arrays.get("means"))
    if means is None or "factors" not in arrays:
        raise ScoreError(
            f"{source} must hold `codes` (N, K), or `means`, and `factors` (N, F), whole numbers; it holds "
            f"{', '.join(arrays) or 'nothing'}."
        )
    names = tuple(map(str, arrays["names"])) if "names" in arrays else ()
    return Codes(means, arrays.get("scales"), arrays["factors"], names)


def _opened(network: Callable[[], FeatureNetwork] | None) -> FeatureNetwork:
    if network is None:
        raise ScoreError(
            "Image distances look through a feature network. Name one: --features inception-2015 (FID), a data set whose "
            "classifier `kelbo features train` made, random-0, or a file."
        )
    return network()


def _kept(experiment: Experiment, group: str, record: dict[str, Any]) -> dict[str, Any]:
    """Write a group's record; scores that stand there already under the very same settings stay beside the new ones."""
    name = group if group == "disentanglement" else f"{group}-{record['settings']['split']}"
    if group == "images":
        name += f"-{record['scores']['reconstruction']['features']['name']}"
    before = experiment.run.scores().get(name)
    if group == "disentanglement" and before and before["settings"] == record["settings"]:
        record = {**record, "scores": {**before["scores"], **record["scores"]}}
    experiment.run.save_scores(name, record)
    return record
