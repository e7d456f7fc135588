"""Measures of the β-VAE study's own: its scores, the distances that lanes read while training, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.distributed.fabric import find_device
from kelbo.evaluation.feature_network import Shape
from kelbo.evaluation.features import feature_network
from kelbo.experiments import Experiment
from kelbo.experiments.factor_sweeps import DRAWS, ENCODED, base
from kelbo.experiments.follow import follow
from kelbo.experiments.measure import measure
from kelbo.experiments.pictures import measure_factors
from kelbo.experiments.scoring import factor_codes, score_run
from kelbo.recipes.schema import Recipe
from kelbo.runs import Measurement, Run
from kelbo.seeds import generator
from kelbo.studies.arms import Measure
from kelbo.studies.beta_vae.asked import BetaBudget
from kelbo.studies.beta_vae.scoring import FRESH, Wanted, scores
from kelbo.studies.measures import newest
from kelbo.sweeps.lane import Tell, finished, train_lane
from kelbo.training import every
from kelbo.units import intensities

STRIP = 8
"""images of a set that are shown"""
ROWS, COLUMNS = 6, 7
"""of a traversal: the study's grid"""
COST = {"logistic": (0.05, 5e-6), "linear": (0.05, 2.5e-4), "forest": (0.1, 3e-4), "mlp": (5.0, 3.5e-2)}
"""seconds of one score, and of each point that its classifier learns from"""
BETA_VAE = "disentanglement.beta_vae"
PAIR = 7e-8
"""seconds of drawing a pair of codes"""

# ── scores ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def score(wanted: Wanted, codes: int | None, group: str, key: str = "") -> Measure:
    """A β-VAE score of the codes of all images of a set, or of `codes` of them."""
    settings = {**wanted._asdict(), "codes": codes}
    return Measure(key or wanted.key, BETA_VAE, settings, _score, seconds=seconds_of(wanted), asked_as=group)


def _score(experiment: Experiment, codes: int | None, **settings: Any) -> Measurement:
    """Kept as `kelbo score` keeps scores, so that a run's page and a sweep's table show it."""
    wanted = Wanted(**settings)

    def compute() -> dict[str, Any]:
        found = factor_codes(experiment, codes)
        score, size = scores(found, {"vae": found.means}, wanted)["vae"], len(found)
        rows = size // wanted.replicates if score["of"] == FRESH else size
        told = {"replicates": score["of"], "rows": rows, "table": size}
        details = {"classifier": wanted.classifier, "pairs": wanted.pairs}
        return {
            "scores": {"beta_vae": {**score, "replicates": wanted.replicates, "settings": told, "details": details}}
        }

    way = "-as-published" if wanted.as_published else ""
    label = f"disentanglement-{codes or 'all'}codes-{wanted.factors}-{wanted.classifier}-L{wanted.pairs}{way}"
    return measure(experiment, BETA_VAE, {**settings, "codes": codes}, compute, label=label)


def seconds_of(wanted: Wanted) -> float:
    """About how long a score takes."""
    own, each = COST[wanted.classifier]
    return wanted.replicates * (own + each * wanted.train + PAIR * (wanted.train + wanted.test) * wanted.pairs)


def information_gap(codes: int | None, whole: int) -> Measure:
    """The mutual information gap of all `whole` images of a set, or of `codes` of them, as `kelbo score` has it."""
    count = min(whole, codes or whole)
    return Measure("mig", "disentanglement.mig", {"codes": count, "seed": 0}, _gap, images=count, asked_as="scores")


def _gap(experiment: Experiment, codes: int, seed: int) -> Measurement:
    score_run(experiment, ("mig",), codes=codes, seed=seed)
    return newest(experiment, "disentanglement.mig", {"codes": codes, "seed": seed})


# ── distances while training ──────────────────────────────────────────────────────────────────────────────────────────


def followed(budget: BetaBudget, split: str, features: Mapping[str, Any], *, sampled: bool) -> Measure:
    """The distances that `train_followed` kept."""
    settings = {"network": dict(features), "images": budget.followed, "split": split, "sampled": sampled}
    return Measure("follow", "distances", settings, None)


def train_followed(
    recipe: Recipe,
    folder: Any,
    shape: Shape,
    how: Mapping[str, Any],
    images: int,
    readings: int,
    split: str,
    sampled: bool,
    *,
    tell: Tell,
) -> None:
    """`train_lane`, and distances of `images` images of a split are read so many times on the way. how: see `features_for`."""
    if finished(recipe, folder):
        return
    network = feature_network(how["name"], shape, find_device(None), root=how["root"], resize=how["resize"])
    hook = follow(recipe, Run(folder), network, images, split=split, sampled=sampled)
    train_lane(recipe, folder, tell=tell, hooks=[every(max(1, recipe.training.steps // readings), hook)])


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def strip() -> Measure:
    """Some training images, intensities (N, C, H, W)."""
    return Measure("strip", "strip", {"images": STRIP}, _strip)


def _strip(experiment: Experiment, images: int) -> dict[str, NDArray[np.floating]]:
    levels = _drawn(experiment.data.train, images)
    return {"images": intensities(levels, experiment.data.levels).cpu().numpy()}


def layouts() -> Measure:
    """Images in the order of pixels that the study's PCA and ICA were fitted to, and in that which they were given.

    Three times N images, intensities (3 · N, C, H, W): as they were fitted; as they were given, times the levels, so that the
    order is seen; as they were given.
    """
    return Measure("layouts", "layouts", {"images": STRIP}, _layouts)


def _layouts(experiment: Experiment, images: int) -> dict[str, NDArray[np.floating]]:
    return {"images": seen(experiment.data.train, images)}


def seen(images: Images, count: int) -> NDArray[np.floating]:
    """`count` images in three layouts: see `layouts`."""
    levels, brightest = _drawn(images, count), images.pixel_levels - 1
    fitted = levels.permute(0, 2, 3, 1).flatten(1).cpu() / brightest
    given = intensities(levels, images.levels).flatten(1).cpu()
    channels, height, width = images.shape
    rows = torch.cat([fitted, given, given / brightest]).reshape(-1, height, width, channels)
    return rows.permute(0, 3, 1, 2).numpy()


def _drawn(images: Images, count: int) -> torch.Tensor:
    return images.take(torch.randint(len(images), (count,), generator=generator(0, "pictures")).to(images.device))


def traversals(span: float) -> Measure:
    """A set's middle image with each of the latents of the highest rate moved over ±span prior standard deviations.

    images: (rows, columns, C, H, W), 8-bit levels.
    """
    settings = {"span": span, "rows": ROWS, "columns": COLUMNS}
    return Measure("traversals-study", "traversals-study", settings, _traversals, images=1_024)


def _traversals(experiment: Experiment, span: float, rows: int, columns: int) -> dict[str, Any]:
    model, whole = experiment.model, experiment.data.whole
    assert whole is not None  # only sets with factors are asked for them
    with model.evaluating():
        rates = model.read(experiment.pictured(1024), draw=False).rates
    assert rates is not None  # the study's models have one flat vector of latents
    rates = rates.mean(0).cpu().double().numpy()
    latents = np.argsort(-rates, kind="stable")[:rows].tolist()
    x = intensities(whole.take(base(whole.factors)[None]), whole.images.levels).to(experiment.device)
    images = evaluation.traverse(model, Batch(x), latents, np.linspace(-span, span, columns).tolist())
    levels = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return {"latents": latents, "rates": [float(rates[k]) for k in latents], "span": span, "images": levels}


def planes() -> Measure:
    """Codes of sweeps of the set's factors, as the run's own page shows them."""
    return Measure("factor-codes", "factor-codes", {"values": ENCODED, "draws": DRAWS}, _planes)


def _planes(experiment: Experiment, **_: int) -> Measurement:
    return next(one for one in measure_factors(experiment) if one.name == "factor-codes")
