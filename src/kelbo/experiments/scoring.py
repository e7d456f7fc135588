"""Scores of a run: which there are, and how each is computed from its codes or images."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from kelbo.data.factors import FactorImages
from kelbo.errors import ScoreError
from kelbo.evaluation import latent_scores
from kelbo.evaluation.calibrate import calibration
from kelbo.evaluation.codes import Codes, drawn
from kelbo.evaluation.disentanglement import DEFAULTS, NO_FACTORS, SCORES, Options, scores_of_codes
from kelbo.evaluation.distances import image_distances
from kelbo.evaluation.encode import encode
from kelbo.evaluation.feature_network import FeatureNetwork
from kelbo.evaluation.latent_scores import no_parts, scores_of_latents
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.measure import BATCH, measure
from kelbo.recipes.sets import split_of
from kelbo.runs import Measurement

GROUPS: dict[str, tuple[str, ...]] = {
    "disentanglement": tuple(SCORES),
    "latents": ("latents",),
    "images": ("images",),
    "calibration": ("calibration",),
}
"""names of scores by group; a group's own name asks for all of it"""

IMAGES, CALIBRATED = 10_000, 2_000
"""images of each cloud that distances compare by default, and images of a calibration; all of a smaller split"""

NO_FEATURES = (
    "Image distances need a feature network. Name one: inception-2015 (FID), a data set whose classifier "
    "`kelbo features train` made, random-0, or a file."
)

NO_IMAGES = "Image distances compare pictures, and this run was trained on rows of a table."


def asked_for(names: str) -> tuple[str, ...]:
    """The scores in a list "mig,dci", "latents", "all": groups are opened. ScoreError lists what there is."""
    every = tuple(name for group in GROUPS.values() for name in group)
    chosen: list[str] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name != "all" and name not in GROUPS and name not in every:
            raise ScoreError(f"There is no score {name!r}. Choose all, {', '.join(dict.fromkeys((*GROUPS, *every)))}.")
        chosen += every if name == "all" else GROUPS.get(name, (name,))
    if not chosen:
        raise ScoreError(f"No score is named. Choose all, {', '.join(dict.fromkeys((*GROUPS, *every)))}.")
    return tuple(dict.fromkeys(chosen))


def wants_all(names: str | None) -> bool:
    """Whether a list of scores says "all": then what does not exist is left out with its reason."""
    return names is not None and any(part.strip() == "all" for part in names.split(","))


def require_scores(experiment: Experiment, names: Sequence[str], *, network: bool, lenient: bool = False) -> None:
    """ScoreError if some of these scores do not exist for the run, before any is measured. lenient: then nothing is raised."""
    if lenient:
        return
    if "images" in names and experiment.data.columns:
        raise ScoreError(NO_IMAGES)
    if "images" in names and not network:
        raise ScoreError(NO_FEATURES, remedy=("features",))
    if any(name in SCORES for name in names):
        _with_every_combination(experiment)
    if "latents" in names and (reason := no_parts(experiment.model)):
        raise ScoreError(reason)


class Way(NamedTuple):
    """How a group's scores are computed: settings, the unusual ones of these, and a function of a score's name."""

    settings: dict[str, Any]
    unusual: list[str]
    compute: Callable[[str], dict[str, Any]]


def score_run(
    experiment: Experiment,
    names: Sequence[str],
    *,
    split: str = "test",
    options: Options = DEFAULTS,
    network: FeatureNetwork | None = None,
    images: int = IMAGES,
    sampled: bool = False,
    codes: int | None = None,
    looked: int | None = None,
    batch_size: int = BATCH,
    seed: int = 0,
    lenient: bool = False,
    again: bool = False,
    advance: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """The scores of `names` (see `asked_for`) as records by group, each score kept in the run's folder: see `measure`.

    network: through which image distances are taken, if they are asked for. images: how many of the split they compare;
    sampled: whether reconstructions are from a draw of the posterior. codes: how many images of a set with factors are
    encoded, all by default. looked: how many of the split make up the parts of the rate or a calibration, by default 20,000
    and 2,000; batch_size: of a calibration, whose σ may be the batch's own. lenient: a score that does not exist for this
    run says why ("none" of a group, "missing" by name within one) instead of raising ScoreError. again: compute even what
    the folder has.
    """
    require_scores(experiment, names, network=network is not None, lenient=lenient)
    table = cache(lambda: factor_codes(experiment, codes, advance))

    def way(group: str) -> Way:
        if group == "disentanglement":
            return _of_codes(experiment, table, codes, options, seed)
        if group == "images":
            return _of_images(experiment, split, network, images, sampled, seed)
        return _of_split(group, experiment, split, looked, batch_size, seed)

    found: dict[str, Any] = {}
    for group, members in GROUPS.items():
        measured: list[Measurement] = []
        missing: dict[str, str] = {}
        for name in (name for name in members if name in names):
            try:
                measured.append(_measured(experiment, group, name, way(group), again))
            except ScoreError as error:
                if not lenient:
                    raise
                missing[name] = str(error)
        if measured:
            scores = {name: score for one in measured for name, score in one.value["scores"].items()}
            found[group] = {"settings": measured[-1].facts, "scores": scores}
            found[group] |= {"missing": missing} if missing else {}
        elif missing:
            found[group] = {"none": " ".join(dict.fromkeys(missing.values()))}
    return found


def _measured(experiment: Experiment, group: str, score: str, way: Way, again: bool) -> Measurement:
    name = group if score == group else f"{group}.{score}"
    label = "-".join([group, *filter(None, way.unusual), *experiment.unusual])
    return measure(
        experiment,
        name,
        way.settings,
        lambda: {"scores": way.compute(score)},
        label=re.sub(r"[^A-Za-z0-9._-]+", "_", label),
        again=again,
    )


def _of_codes(
    experiment: Experiment, table: Callable[[], Codes], codes: int | None, options: Options, seed: int
) -> Way:
    whole = _with_every_combination(experiment)
    every, chosen = len(whole), options._asdict()
    count = every if codes is None else min(codes, every)
    unusual = [f"{key}{chosen[key]}" for key, usual in DEFAULTS._asdict().items() if chosen[key] != usual]
    return Way(
        {"factors": list(whole.factors.names), "codes": count, **chosen, "seed": seed},
        [f"{count}codes" if count < every else "", *unusual, f"seed{seed}" if seed else ""],
        lambda score: scores_of_codes(table(), (score,), options, seed),
    )


def _of_split(group: str, experiment: Experiment, split: str, looked: int | None, batch_size: int, seed: int) -> Way:
    model, data = experiment.model, split_of(experiment.data, split)
    every, seeded = len(data), f"seed{seed}" if seed else ""
    most = latent_scores.TABLE if group == "latents" else CALIBRATED
    count = min(looked or most, every)
    of = {"split": split, "images": count, "seed": seed}
    unusual = [split, f"{count}images" if count < min(most, every) else "", seeded]
    if group == "latents":
        of |= {"examples": min(latent_scores.EXAMPLES, count)}
        return Way(of, unusual, lambda _: scores_of_latents(model, data, count=count, seed=seed))
    if batch_size != BATCH:
        of |= {"batch_size": batch_size}
        unusual.append(f"batch{batch_size}")
    how = {"count": count, "batch_size": batch_size, "seed": seed}
    return Way(of, unusual, lambda _: calibration(model, data, **how))


def _of_images(
    experiment: Experiment, split: str, network: FeatureNetwork | None, images: int, sampled: bool, seed: int
) -> Way:
    if experiment.data.columns:
        raise ScoreError(NO_IMAGES)
    if network is None:
        raise ScoreError(NO_FEATURES, remedy=("features",))
    model, data = experiment.generator, split_of(experiment.data, split)
    features, count = network.fingerprint, min(images, len(data))
    fewer = f"{count}images" if count < min(IMAGES, len(data)) else ""
    drawn = {"sampled": True} if sampled else {}
    unusual = [split, features["name"], features["weights"][:8], fewer]  # networks of one name may be two files
    return Way(
        {"split": split, "images": count, "features": features, **drawn, "seed": seed},
        [*unusual, *drawn, f"seed{seed}" if seed else ""],
        lambda _: image_distances(model, network, data, count=images, sampled=sampled, seed=seed),
    )


def _with_factors(experiment: Experiment) -> FactorImages:
    whole = experiment.data.whole
    if whole is None:
        raise ScoreError(f"The images of {experiment.data.name} {NO_FACTORS}")
    return whole


def _with_every_combination(experiment: Experiment) -> FactorImages:
    """ScoreError if the images lack some: scores draw rows and pairs from all, and intervals take rows as independent."""
    whole = _with_factors(experiment)
    if not whole.complete:
        raise ScoreError(
            f"{experiment.data.name} has {len(whole):,} of the {len(whole.factors):,} combinations of its factors, and scores "
            "of a run need every one. For estimates from those that are there, write the codes of all images with their "
            "factors (kelbo encode) and score that table (kelbo score)."
        )
    return whole


def factor_codes(
    experiment: Experiment, count: int | None = None, advance: Callable[[int], None] | None = None
) -> Codes:
    """The codes of all images of the run's set, or of `count` of them; kept in the run's folder: see `measure`.

    ScoreError if the images have no factors. advance is called with the number of images encoded at a time.
    """
    whole = _with_factors(experiment)
    chosen, index = drawn(whole, count)

    def compute() -> dict[str, np.ndarray]:
        means, scales = encode(experiment.model, chosen, advance=advance)
        return {"means": means, "scales": scales}

    label = "-".join(["all" if len(chosen) == len(whole) else str(len(chosen)), *experiment.unusual])
    found = measure(experiment, "codes", {"images": len(chosen), "of": len(whole)}, compute, label=label).arrays()
    scales = found["scales"] if experiment.model.has_rate else None
    return Codes(found["means"], scales, whole.of(index).numpy(), whole.factors.names)


def codes_of_arrays(arrays: dict[str, np.ndarray], source: str) -> Codes:
    """Codes of any model: `codes` (or `means`) (N, K) and `factors` (N, F), optionally `scales` (N, K) and `names` (F,).

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
        raise ScoreError(f"{source} holds one number instead of codes (N, K).")
    return Codes(means, arrays.get("scales"), arrays["factors"], names)
