"""What the β-VAE study's code did to a model's own numbers: its information gap, its likelihood, its image distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from kelbo.bound import Batch
from kelbo.evaluation.codes import Codes
from kelbo.metrics import continuous_mig, mean_and_error, of_replicates
from kelbo.recipes import build, change
from kelbo.recipes.sets import split_of
from kelbo.studies.beta_vae.as_published_mig import continuous_mig_as_published
from kelbo.studies.beta_vae.quirks_entries import (
    Effort,
    Entry,
    Row,
    Subject,
    Value,
    compared,
    entry,
    measured,
    value_of,
)
from kelbo.units import intensities

Lane = Mapping[str, Any]
"""a lane of results.json"""


def mixed_up_gap(subject: Subject, effort: Effort) -> list[Entry]:
    """The continuous mutual information gap with draws of all latents for those of one, and as it is defined."""
    if subject.scales is None or subject.factors is None or "vae" not in subject.codes:
        return []
    codes, rows = (
        Codes(subject.codes["vae"], subject.scales, subject.factors),
        min(effort.mig_rows, len(subject.scales)),
    )
    published, corrected = [], []
    for seed in effort.seeds:
        chosen = np.random.default_rng(seed).permutation(len(codes))[:rows]
        tables = codes.means[chosen], subject.scales[chosen], subject.factors[chosen]
        published.append(continuous_mig_as_published(*tables, seed=seed).value)
        corrected.append(continuous_mig(*tables, seed=seed).value)
    note = f"Of {rows:,} images, drawn anew for each replicate; the study used the gap on 2Dshapes only."
    return [entry("mig-scrambled", subject, [compared(subject.model, published, corrected, "gap")], note)]


def grey_bernoulli(subject: Subject, images: int = 512) -> list[Entry]:
    """The distortion of a Bernoulli lane, and of the continuous Bernoulli with the same logits, at posterior means."""
    experiment = subject.experiment
    if experiment is None or experiment.recipe.likelihood.kind != "bernoulli" or experiment.data.levels == 2:
        return []
    model, data = experiment.model, split_of(experiment.data, "test")
    whole = build.likelihood(change(experiment.recipe, ['likelihood.kind="continuous_bernoulli"']), data.levels)
    nats: dict[str, list[torch.Tensor]] = {"published": [], "corrected": []}
    with model.evaluating():
        for batch in data.spread(images).split(128):
            x = intensities(batch.to(experiment.device), data.levels)
            output = model.read(Batch(x), draw=False).output
            nats["published"].append(-model.likelihood.log_prob(x, output))
            nats["corrected"].append(-whole.log_prob(x, output))
    both = {way: torch.cat(parts).cpu().double().numpy() for way, parts in nats.items()}
    row: Row = {
        "label": f"{subject.model}, distortion",
        "published": measured(*mean_and_error(both["published"])),
        "corrected": measured(*mean_and_error(both["corrected"])),
        "difference": measured(*mean_and_error(both["published"] - both["corrected"])),
        "unit": "nats per image",
    }
    dims = int(np.prod(data.shape))
    missing = row["difference"]["value"] if row["difference"] else 0.0
    note = (
        f"Of {len(both['published'])} held-out images of {dims:,} dimensions, at the posterior's mean: {missing:,.0f} nats per "
        f"image are missing, {missing / dims:.3f} a dimension; ln 2 = 0.693 is the least there can be."
    )
    return [entry("grey-bernoulli", subject, [row], note)]


def distances(lanes: Sequence[Lane], *, as_published: bool = False) -> list[Entry]:
    """Each set's distances of reconstructions and of samples, by β, over the seeds that have them.

    as_published: whether reconstructions are of training images from draws of the posterior, as the study's code had them.
    """
    whose = (
        "as in the study’s code, reconstructions are of training images, from draws of the posterior."
        if as_published
        else "the study’s reconstructions were of training images, from draws of the posterior, these are of held-out images, "
        "from its mean."
    )
    entries, sets = [], dict.fromkeys((lane["set"], lane["role"]) for lane in lanes if lane.get("distances"))
    for name, role in sets:
        own = [lane for lane in lanes if lane.get("distances") and (lane["set"], lane["role"]) == (name, role)]
        rows = [_by_beta(beta, [lane for lane in own if lane["beta"] == beta]) for beta in _sorted(own)]
        features = ", ".join(dict.fromkeys(str(lane["distances"]["features"]) for lane in own))
        images = ", ".join(dict.fromkeys(f"{lane['distances']['images']:,}" for lane in own))
        note = f"Features: {features}; {images} images on each side. A reconstruction has seen its image, a sample has not; "
        note += whose
        entries.append(entry("reconstruction-distance", Subject(name, role, ""), rows, note))
    return entries


def _sorted(lanes: Sequence[Lane]) -> list[float]:
    return sorted({lane["beta"] for lane in lanes})


def _by_beta(beta: float, lanes: Sequence[Lane]) -> Row:
    reconstructions, samples = (
        [lane["distances"].get(part) for lane in lanes] for part in ("reconstruction", "sample")
    )
    apart = [
        a["value"] - b["value"]
        for a, b in zip(reconstructions, samples, strict=True)
        if a is not None and b is not None
    ]
    units = dict.fromkeys(found["called"] for found in reconstructions if found)
    return {
        "label": f"β = {beta:g}",
        "published": _over_seeds(reconstructions),
        "corrected": _over_seeds(samples),
        "difference": value_of(of_replicates(apart), "") if len(apart) > 1 else None,
        "unit": ", ".join(units).removeprefix("reconstruction ") or "distance",
    }


def _over_seeds(found: Sequence[Mapping[str, Any] | None]) -> Value | None:
    """The mean over seeds and its interval; of one seed the interval that its images tell."""
    known = [one for one in found if one is not None]
    if not known:
        return None
    if len(known) == 1:
        return {end: known[0].get(end) for end in ("value", "low", "high")}  # pyright: ignore[reportReturnType]
    return value_of(of_replicates([one["value"] for one in known]), "")
