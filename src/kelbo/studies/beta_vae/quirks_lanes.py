"""What the β-VAE study's code did to a model's own numbers: its information gap and its likelihood."""

from __future__ import annotations

import numpy as np
import torch

from kelbo.bound import Batch
from kelbo.evaluation.codes import Codes
from kelbo.metrics import continuous_mig, mean_and_error
from kelbo.recipes import build, change
from kelbo.recipes.sets import split_of
from kelbo.studies.beta_vae.as_published_mig import continuous_mig_as_published
from kelbo.studies.beta_vae.asked import Effort
from kelbo.studies.beta_vae.quirks_entries import Entry, Row, Subject, compared, entry, measured
from kelbo.units import intensities


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
