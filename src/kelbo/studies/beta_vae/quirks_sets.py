"""What the β-VAE study's code did to images: baselines fitted in another layout, to few of them, and none held out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from kelbo.data.images import ArrayImages, Images, SubsetImages
from kelbo.recipes.build import baseline
from kelbo.seeds import generator
from kelbo.studies.beta_vae.as_published_baselines import EXAMPLES, baseline_as_published, drawn_as_published
from kelbo.studies.beta_vae.asked import Effort
from kelbo.studies.beta_vae.quirks_entries import NAMES, Entry, Subject, compared, entry, measured
from kelbo.studies.beta_vae.quirks_scores import linear_score, logistic_score, shortened

HELD = 2**28
"""bytes of images that are rendered or read once and kept for the passes of a fit: 256 MiB"""

# ── baselines ─────────────────────────────────────────────────────────────────────────────────────────────────────────


WAYS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "baseline-layouts": ("published", "one layout", ("linear", "logistic")),
    "baseline-order": ("order alone", "one layout", ("logistic",)),
    "baseline-sizes": ("one layout", "many images", ("logistic",)),
}
"""of each quirk the two ways that are compared, and by which classifiers"""


def baselines(subject: Subject, effort: Effort, *, layouts: bool = True, sizes: bool = True) -> list[Entry]:
    """PCA and ICA as published, in one layout, and in one layout on many images; scored on the same pairs.

    layouts: of colour images only, since of grey ones both layouts are the same.
    """
    if subject.images is None or subject.train is None or subject.factors is None:
        return []
    names = ["baseline-layouts", "baseline-order"] if layouts and subject.train.shape[0] > 1 else []
    names += ["baseline-sizes"] if sizes else []
    if not names:
        return []
    # a draw, since images spread evenly over a table of all factors may miss some values of the last ones
    order = torch.randperm(len(subject.images), generator=generator(0, "evaluation", 1))
    chosen = order[: effort.encoded].sort().values
    encoded, factors = _kept(subject.images, chosen), subject.factors[chosen.numpy()]
    wanted = dict.fromkeys((way, by) for name in names for way in WAYS[name][:2] for by in WAYS[name][2])
    shares: dict[tuple[str, str, str], list[float]] = {}
    for seed in effort.seeds:
        for kind in NAMES:
            codes = _codes_by_way(kind, subject, encoded, effort, seed, {way for way, _ in wanted})
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
            for kind, called in NAMES.items()
        ]
        note = " ".join([_fits(name, subject.train, effort), shortened(effort, [row["label"] for row in rows])])
        entries.append(entry(name, subject, rows, note.strip()))
    return entries


def _codes_by_way(
    kind: str, subject: Subject, encoded: Images, effort: Effort, seed: int, ways: set[str]
) -> dict[str, np.ndarray]:
    train, found = subject.train, {}
    assert train is not None
    latents = next((table.shape[1] for table in subject.codes.values()), 10)
    if "published" in ways:
        found["published"] = baseline_as_published(kind, train, latents, seed=seed).encode(encoded)
        # codes are affine in the pixels, and the score sees differences: so much for the scale
        found["order alone"] = found["published"] * (encoded.pixel_levels - 1)
    drawn = drawn_as_published(kind, train, seed)
    found["one layout"] = baseline(kind, _kept(train, drawn), latents, seed=seed).encode(encoded)
    if "many images" in ways:
        order = torch.randperm(len(train), generator=generator(seed, "linear", 3))
        many = _kept(train, order[: effort.fitted].sort().values)
        found["many images"] = baseline(kind, many, latents, seed=seed).encode(encoded)
    return found


def _fits(name: str, train: Images, effort: Effort) -> str:
    counts = " and ".join(f"{EXAMPLES[kind, train.shape[0]]:,} ({called})" for kind, called in NAMES.items())
    note = f"Fitted to {counts} images, drawn with replacement"
    if name == "baseline-sizes":
        return f"{note}, against {min(effort.fitted or len(train), len(train)):,} different ones."
    return f"{note}, the same on both sides; {effort.encoded:,} images are scored at most."


def _kept(images: Images, index: torch.Tensor) -> Images:
    """Those images, rendered or read once where they are few."""
    if len(index) * images.dims <= HELD:
        return ArrayImages(images.take(index.to(images.device)).cpu(), images.levels)
    return SubsetImages(images, index.to(images.device))


# ── held out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def training_data(subject: Subject, effort: Effort) -> list[Entry]:
    """Scores of as many training as held-out images, and the distortion of both where it is known."""
    rows, note = [], ""
    if subject.held_out is not None and subject.factors is not None and "vae" in subject.codes:
        held, trained = np.flatnonzero(subject.held_out), np.flatnonzero(~subject.held_out)
        size = min(len(held), len(trained))
        ways: dict[str, list[float]] = {"train": [], "test": []}
        for seed in effort.seeds:
            for way, some in (("train", trained), ("test", held)):
                chosen = np.random.default_rng(seed).permutation(some)[:size]
                table, factors = subject.codes["vae"][chosen], subject.factors[chosen]
                ways[way].append(logistic_score(table, factors, subject, effort.points, effort.pairs, seed))
        rows.append(compared(f"{subject.model}, logistic", ways["train"], ways["test"]))
        note = (
            f"Scores of {size:,} images of each kind: a score depends on how many there are, so compare the two only."
        )
    if subject.distortion is not None:
        rows.append(_of_errors(f"{subject.model}, distortion", subject.distortion))
    return [entry("training-data", subject, rows, note)] if rows else []


def _of_errors(label: str, distortion: Any) -> Any:
    train, test = (
        measured(distortion[split]["mean"], distortion[split]["standard_error"]) for split in ("train", "test")
    )
    errors = [distortion[split]["standard_error"] for split in ("train", "test")]
    apart = measured(train["value"] - test["value"], None if None in errors else math.hypot(*errors))
    return {"label": label, "published": train, "corrected": test, "difference": apart, "unit": "nats per image"}
