"""Scores of a run: which there are, had from its codes and images, written into its folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.classifier import weights_hash
from kelbo.evaluation.codes import Codes, codes_of_factors
from kelbo.evaluation.disentanglement import DEFAULTS, NO_FACTORS, SCORES, Options, scores_of_codes
from kelbo.evaluation.distances import image_distances
from kelbo.evaluation.feature_network import FeatureNetwork
from kelbo.evaluation.latent_scores import NO_RATE, scores_of_latents
from kelbo.experiments.experiment import Experiment
from kelbo.recipes.sets import split_of

GROUPS: dict[str, tuple[str, ...]] = {
    "disentanglement": tuple(SCORES),
    "latents": ("latents",),
    "images": ("images",),
    "calibration": ("calibration",),
}
"""names of groups of scores, beside the single disentanglement scores; a group is one record in the run's folder"""


IMAGES = 10_000
"""of each cloud that image distances compare, where the split has as many and nothing else is asked for"""


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
        raise ScoreError(f"No score is named; there is all, {', '.join(dict.fromkeys((*GROUPS, *every)))}.")
    return tuple(dict.fromkeys(chosen))


def wants_all(names: str | None) -> bool:
    """Whether a list of scores says "all": then what does not exist is left out with its reason."""
    return names is not None and any(part.strip() == "all" for part in names.split(","))


def require_scores(experiment: Experiment, names: Sequence[str], *, network: bool, lenient: bool = False) -> None:
    """ScoreError where some of these scores do not exist for the run, before any is measured; where lenient they may lack."""
    if lenient:
        return
    if "images" in names and not network:
        raise ScoreError(NO_FEATURES, remedy=("features",))
    if experiment.data.whole is None and any(name in SCORES for name in names):
        raise ScoreError(f"The images of {experiment.data.name} {NO_FACTORS}")
    if "latents" in names and not experiment.model.has_rate:
        raise ScoreError(NO_RATE)


def score_run(
    experiment: Experiment,
    names: Sequence[str],
    *,
    split: str = "test",
    options: Options = DEFAULTS,
    network: FeatureNetwork | None = None,
    images: int = IMAGES,
    codes: int | None = None,
    seed: int = 0,
    lenient: bool = False,
    advance: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """The scores of `names` (see `asked_for`) as records by group, each also written into the run's folder.

    network: through which image distances are taken, where they are asked for. images: how many of the split they look at.
    codes: how many images of a set with factors are encoded, all by default. lenient: a score that does not exist for this
    run says why ("none" of a group, "missing" by name within one) instead of raising ScoreError. Scores of earlier commands
    with the very same settings stay in the file beside the new ones.
    """
    require_scores(experiment, names, network=network is not None, lenient=lenient)
    of_weights = {"weights": weights_hash(experiment.model)[:16], "averaged": experiment.averaged}
    settings = experiment.told | of_weights | {"seed": seed}
    found: dict[str, Any] = {}
    for group, members in GROUPS.items():
        wanted = tuple(name for name in members if name in names)
        if not wanted:
            continue
        missing: dict[str, str] | None = {} if lenient else None
        try:
            if group == "disentanglement":
                table = factor_codes(experiment, codes, advance)
                scores = scores_of_codes(table, wanted, options, seed, missing)
                where = {"factors": list(table.names), "codes": len(table), **options._asdict()}
            else:
                scores = _of_split(group, experiment, split, network, images, seed)
                where = {"split": split, "images": _images_of(group, scores)}
        except ScoreError as error:
            if not lenient:
                raise
            found[group] = {"none": str(error)}
            continue
        record = {"settings": settings | where, "scores": scores} | ({"missing": missing} if missing else {})
        _keep(experiment, group, record)
        found[group] = record
    return found


NO_FEATURES = (
    "Image distances look through a feature network. Name one: inception-2015 (FID), a data set whose classifier "
    "`kelbo features train` made, random-0, or a file."
)


def _of_split(
    group: str, experiment: Experiment, split: str, network: FeatureNetwork | None, images: int, seed: int
) -> dict[str, Any]:
    model, data = experiment.model, split_of(experiment.data, split)
    if group == "latents":
        return scores_of_latents(model, data, seed=seed)
    if group == "calibration":
        return calibration(model, data, seed=seed)
    if network is None:
        raise ScoreError(NO_FEATURES, remedy=("features",))
    return image_distances(model, network, data, count=images, seed=seed)


def _images_of(group: str, scores: dict[str, Any]) -> int:
    """How many images a group's scores are of."""
    told = {"latents": ("details",), "images": ("reconstruction", "features"), "calibration": ()}[group]
    for key in told:
        scores = scores[key]
    return scores["images"]


def factor_codes(
    experiment: Experiment, count: int | None = None, advance: Callable[[int], None] | None = None
) -> Codes:
    """The codes of the whole set behind a run, or of `count` of its images; encoded once and kept with the run.

    ScoreError where its images have no factors.
    """
    whole = experiment.data.whole
    if whole is None:
        raise ScoreError(f"The images of {experiment.data.name} {NO_FACTORS}")
    key = {
        "weights": weights_hash(experiment.model),
        "data": experiment.data.name,
        "images": experiment.data.train.fingerprint(),
        **{
            name: experiment.told[name] for name in ("device", "precision", "versions")
        },  # which round in their own ways
    }
    name = "all" if count is None or count >= len(whole) else f"{count}"
    place = experiment.run.codes("-".join(filter(None, [name, experiment.other_weights])))
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
    names = tuple(map(str, np.atleast_1d(arrays["names"]))) if "names" in arrays else ()
    if np.ndim(means) == 0:
        raise ScoreError(f"{source} holds one number where codes (N, K) should be.")
    return Codes(means, arrays.get("scales"), arrays["factors"], names)


def _keep(experiment: Experiment, group: str, record: dict[str, Any]) -> None:
    """Write a group's record, beside what stands there already of the very same settings.

    The file's name tells each setting that is not the usual one, as that of an evaluation does.
    """
    scores, told = record["scores"], record["settings"]
    parts = [group, told.get("split", "")]
    if group == "disentanglement":
        whole = experiment.data.whole
        parts.append(f"{told['codes']}codes" if whole is not None and told["codes"] < len(whole) else "")
        parts += [f"{key}{told[key]}" for key, usual in DEFAULTS._asdict().items() if told[key] != usual]
    if group == "images":  # networks of one name may be two files
        features, every = scores["reconstruction"]["features"], len(split_of(experiment.data, told["split"]))
        parts += [features["name"], features["weights"][:8]]
        parts.append(f"{told['images']}images" if told["images"] < min(IMAGES, every) else "")
    parts += [f"seed{told['seed']}" if told["seed"] else "", experiment.other_weights]
    name = "-".join(filter(None, parts))
    before = experiment.run.score_record(name) if group == "disentanglement" else None
    if before and before.get("settings") == json.loads(json.dumps(told)):
        record = {**record, "scores": {**before["scores"], **scores}}
    experiment.run.save_scores(name, record)
