"""What the β-VAE study's code did to images: baselines fitted in another layout, none held out, grey as black and white."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.metrics import mean_and_error
from kelbo.recipes import build, change
from kelbo.recipes.sets import split_of
from kelbo.seeds import generator
from kelbo.studies.beta_vae.as_published_baselines import EXAMPLES, baseline_as_published, drawn_as_published
from kelbo.studies.beta_vae.asked import Effort
from kelbo.studies.beta_vae.baselines import fit, held
from kelbo.studies.beta_vae.models import LINEAR
from kelbo.studies.beta_vae.quirks_rows import Entry, compared, entry, of_means
from kelbo.studies.beta_vae.quirks_scores import linear_score, logistic_score, shortened
from kelbo.studies.beta_vae.subjects import Subject
from kelbo.units import intensities

# ── baselines ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WAYS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "baseline-layouts": ("published", "one layout", ("linear", "logistic")),
    "baseline-order": ("order alone", "one layout", ("logistic",)),
    "baseline-sizes": ("one layout", "many images", ("logistic",)),
}
"""of each quirk the two ways that are compared, and by which classifiers"""


def layouts(subject: Subject, effort: Effort) -> list[Entry]:
    """PCA and ICA of colour images as published and in one layout: of grey ones both are the same."""
    colour = subject.train.shape[0] > 1
    return _baselines(subject, effort, ("baseline-layouts", "baseline-order")) if colour else []


def sizes(subject: Subject, effort: Effort) -> list[Entry]:
    """PCA and ICA in one layout, of few images and of many."""
    return _baselines(subject, effort, ("baseline-sizes",))


def _baselines(subject: Subject, effort: Effort, names: Sequence[str]) -> list[Entry]:
    """Every way is scored on the same pairs."""
    # a draw, since images spread evenly over a table of all factors may miss some values of the last ones
    order = torch.randperm(len(subject.images), generator=generator(0, "evaluation", 1))
    chosen = order[: effort.encoded].sort().values
    encoded, factors = held(subject.images, chosen), subject.factors[chosen.numpy()]
    wanted = dict.fromkeys(
        (way, by) for name in names for *ways, classifiers in [WAYS[name]] for way in ways for by in classifiers
    )
    shares: dict[tuple[str, str, str], list[float]] = {}
    for seed in effort.seeds:
        for kind in LINEAR:
            codes = codes_by_way(kind, subject, encoded, effort, seed, {way for way, _ in wanted})
            for way, by in wanted:
                if by == "linear":
                    score = linear_score(kind, codes[way], factors, subject, effort, seed)
                else:
                    score = logistic_score(codes[way], factors, subject, effort.points, effort.pairs, seed)
                shares.setdefault((kind, way, by), []).append(score)
    entries = []
    for name in names:
        one, other, classifiers = WAYS[name]
        rows = [
            compared(f"{called}, {by}", shares[kind, one, by], shares[kind, other, by])
            for by in classifiers
            for kind, called in LINEAR.items()
        ]
        note = f"{_fits(name, subject.train, effort)} {shortened(effort, [row['label'] for row in rows])}"
        entries.append(entry(name, subject, rows, note.strip()))
    return entries


def codes_by_way(
    kind: str, subject: Subject, encoded: Images, effort: Effort, seed: int, ways: set[str]
) -> dict[str, np.ndarray]:
    """The codes that PCA or ICA gives of images, fitted in each of these ways and in one layout."""
    train, latents, found = subject.train, subject.codes["vae"].shape[1], {}
    if "published" in ways:
        found["published"] = baseline_as_published(kind, train, latents, seed=seed).encode(encoded)
        # codes are affine in the pixels, and the score sees differences: so much for the scale
        found["order alone"] = found["published"] * (encoded.pixel_levels - 1)
    drawn = held(train, drawn_as_published(kind, train, seed))
    found["one layout"] = build.baseline(kind, drawn, latents, seed=seed).encode(encoded)
    if "many images" in ways:
        found["many images"] = fit(kind, train, latents, seed, (effort.fitted, effort.fitted)).encode(encoded)
    return found


def _fits(name: str, train: Images, effort: Effort) -> str:
    counts = " and ".join(f"{EXAMPLES[kind, train.shape[0]]:,} ({called})" for kind, called in LINEAR.items())
    note = f"Fitted to {counts} images, drawn with replacement"
    if name == "baseline-sizes":
        return f"{note}, against {min(effort.fitted or len(train), len(train)):,} different ones."
    return f"{note}, the same on both sides; {effort.encoded:,} images are scored at most."


# ── the lane itself ───────────────────────────────────────────────────────────────────────────────────────────────────


def training_data(subject: Subject, effort: Effort) -> list[Entry]:
    """Scores of as many training as held-out images, and the distortion of both."""
    trained, held_out = np.flatnonzero(~subject.held_out), np.flatnonzero(subject.held_out)
    size = min(len(trained), len(held_out))

    def score(part: np.ndarray, seed: int) -> float:
        some = np.random.default_rng(seed).permutation(part)[:size]
        codes, factors = subject.codes["vae"][some], subject.factors[some]
        return logistic_score(codes, factors, subject, effort.points, effort.pairs, seed)

    published, corrected = ([score(part, seed) for seed in effort.seeds] for part in (trained, held_out))
    (train, error), (test, other) = (
        (subject.distortion[split]["mean"], subject.distortion[split]["standard_error"]) for split in ("train", "test")
    )
    both = None if None in (error, other) else math.hypot(error, other)
    rows = [
        compared(f"{subject.model}, logistic", published, corrected),
        of_means(f"{subject.model}, distortion", (train, error), (test, other), (train - test, both)),
    ]
    note = f"Scores of {size:,} images of each kind: a score depends on how many there are, so compare the two only."
    return [entry("training-data", subject, rows, note)]


def grey_bernoulli(subject: Subject, effort: Effort, images: int = 512) -> list[Entry]:  # noqa: ARG001  a look's face
    """The distortion of a Bernoulli lane, and of the continuous Bernoulli with the same logits, at posterior means."""
    experiment = subject.experiment
    if experiment.recipe.likelihood.kind != "bernoulli" or experiment.data.levels == 2:
        return []
    model, data = experiment.model, split_of(experiment.data, "test")
    whole = build.likelihood(change(experiment.recipe, ['likelihood.kind="continuous_bernoulli"']), data.levels)
    nats = []
    with model.evaluating():
        for batch in data.spread(images).split(128):
            x = intensities(batch.to(experiment.device), data.levels)
            output = model.read(Batch(x), draw=False).output
            nats.append(torch.stack([-likelihood.log_prob(x, output) for likelihood in (model.likelihood, whole)]))
    published, corrected = torch.cat(nats, 1).cpu().double().numpy()
    sides = [mean_and_error(values) for values in (published, corrected, published - corrected)]
    dims, missing = int(np.prod(data.shape)), sides[-1][0]
    note = (
        f"Of {len(published)} held-out images of {dims:,} dimensions, at the posterior's mean: {missing:,.0f} nats per "
        f"image are missing, {missing / dims:.3f} a dimension; ln 2 = 0.693 is the least there can be."
    )
    return [entry("grey-bernoulli", subject, [of_means(f"{subject.model}, distortion", *sides)], note)]
