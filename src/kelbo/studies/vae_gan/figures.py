"""Figures of the study, pictures first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from kelbo.reports.figure import Array, Theme, style
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, intensities, of_figure
from kelbo.studies.arms import StudyModel
from kelbo.studies.charts import Curve, curve, curves
from kelbo.studies.figures import WIDTH, Absent, Look
from kelbo.studies.frame import Numbers
from kelbo.studies.sheets import sheet_of
from kelbo.studies.vae_gan.models import FOUR, GAN, LEARNED, READERS, TOLD, VAE, VAEGAN, attributes

SAMPLES, TOLD_ROWS, FOLLOWED = 12, 6, 2
"""pictures in a row; rows of attributes of each model that is told them; images that are followed over training"""
LOOKS = {
    VAE.arm: Look("#0072b2", "#56b4e9"),
    GAN.arm: Look("#6b7280", "#9aa1ab", "s"),
    LEARNED.arm: Look("#007f5f", "#2fc99b", "^"),
    VAEGAN.arm: Look("#d55e00", "#ee7733", "D"),
}
Rows = list[tuple[str, str, Array]]


def looks(model: StudyModel) -> Look:
    """One look a model in all figures."""
    return LOOKS[model.arm]


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def samples(n: Numbers) -> Labelled:
    """Draws of the prior of all four."""
    rows: Rows = []
    for model in FOUR:
        if kept := n.kept("samples", model):
            rows.append((str(model), _said(n, model, "distance.sample", "{}"), _images(kept.arrays()["images"])))
    return sheet_of("samples", "Samples of the four models", rows)


def _images(levels: Array, count: int = SAMPLES) -> Array:
    return intensities(levels[:count])


def _said(n: Numbers, model: StudyModel, quantity: str, words: str, times: float = 1.0) -> str:
    mean = n.mean(quantity, model)
    return "" if mean is None else words.format(plain(times * mean, 3))


def reconstructions(n: Numbers) -> Labelled:
    """Test images as the three see them that read any."""
    rows: Rows = []
    for model in READERS:
        if kept := n.kept("errors", model):
            arrays = kept.arrays()
            rows = rows or [("Test images", "", _images(arrays["x"]))]
            about = _said(n, model, "features", "{} %", 100)
            rows.append((str(model), about, _images(arrays["made"])))
    return sheet_of("reconstructions", "Reconstructions of the three models that read images", rows)


def edited(n: Numbers) -> Labelled:
    """Test images with each attribute added, by each model."""
    rows: Rows = []
    for model in READERS:
        if kept := n.kept("grid", model):
            arrays = kept.arrays()
            rows = rows or [("Test images", "", _images(arrays["images"]))]
            for place, name in enumerate((str(model), *(f"+ {name}" for name in attributes(n)))):
                rows.append((name, "" if place else "reconstructed", _images(arrays["made"][:, place])))
    return sheet_of("edited", "Test images with attributes added", rows)


def watched(n: Numbers) -> Labelled:
    """The same test images as each model reconstructs them while it is trained, and themselves at the end of the row."""
    rows: Rows = []
    for model in READERS:
        kept = n.kept("progress", model)
        if kept is None or "made" not in kept.arrays():
            continue
        made = np.concatenate([kept.arrays()["made"], kept.arrays()["x"][None]])
        steps = [int(row["step"]) for row in kept.value["course"]]
        for place in range(min(FOLLOWED, made.shape[1])):
            told = f"steps {steps[0]:,}, … {steps[-1]:,}; image" if place == 0 else ""
            rows.append((str(model) if place == 0 else "", told, intensities(made[:, place])))
    return sheet_of("watched", "Reconstructions while training", rows)


def told(n: Numbers) -> Labelled:
    """Samples under given attributes: the same draws in a row for each."""
    rows: Rows = []
    for model in TOLD:
        if kept := n.kept("samples", model):
            labels: list[str] = list(kept.settings.get("rows") or ())
            images = kept.arrays()["images"]
            across = len(images) // max(1, len(labels))
            for number, label in enumerate(_shown(labels, attributes(n))):
                about, place = str(model) if number == 0 else "", labels.index(label)
                rows.append((label, about, _images(images[place * across : (place + 1) * across])))
    return sheet_of("told", "Samples under given attributes", rows)


def _shown(labels: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """Of the rows of samples those of the study's attributes, "Male=1"; the first ones if there are none."""
    return [label for label in labels if label.partition("=")[0] in names][:TOLD_ROWS] or labels[:TOLD_ROWS]


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def errors(n: Numbers) -> Picture:
    """Error of pixels against error of features, a mark a seed."""
    found = {
        model: [(x, 100 * y[seed]) for seed, x in n.by_seed("pixels", model).items() if seed in y]
        for model in READERS
        if (y := n.by_seed("features", model))
    }
    found = {model: points for model, points in found.items() if points}
    if not found:
        raise Absent("No run was finished and measured.")
    means = {model: np.mean(points, 0) for model, points in found.items()}
    alt = ", ".join(f"{model}: pixels {plain(x, 3)}, features {plain(y, 3)} %" for model, (x, y) in means.items())
    return of_figure("errors", f"Error of pixels against features. {alt}", lambda theme: _errors(found, theme))


def _errors(found: dict[StudyModel, list[tuple[float, float]]], theme: Theme) -> Figure:
    with style(theme):
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        for model, points in found.items():
            look = looks(model)
            mark = {"color": look.colour(theme), "marker": look.marker, "edgecolors": theme.paper, "linewidths": 0.6}
            axes.scatter(*zip(*points, strict=True), s=36, zorder=3, label=str(model), **mark)
        axes.set(xlabel="squared error of pixels", ylabel="error of features, %")
        axes.margins(0.15)
        axes.set_ylim(0, 1.15 * max(y for points in found.values() for _, y in points))
        figure.legend(loc="outside lower center", ncols=len(found))
    return figure


def progress(n: Numbers) -> Picture:
    """What the classifier tells of reconstructions while training."""
    found = [one for model in READERS for one in curve(n, "progress.course.f1", model)]
    own = n.mean("progress.images.f1", VAEGAN)
    unit = "" if own is None else f"images themselves {plain(own, 2)}"
    return curves("progress", [("F1 of attributes in reconstructions", unit, found)], looks)


def game(n: Numbers) -> Picture:
    """What the discriminators' answers cost, who was skipped, and the features' distortion."""
    players = (GAN, VAEGAN)
    costs = [
        *_of(n, "journal.discriminator/real", players),
        *_of(n, "journal.discriminator/fake", players, dashed="of fakes"),
    ]
    panels = [
        ("Discriminator’s cost", "nats; 0.69 is a guess", costs),
        ("Discriminator skipped", "share of steps", _shares(n, "journal.skipped/discriminator", players)),
        ("Decoder skipped", "share of steps", _shares(n, "journal.skipped/decoder", players)),
        ("Distortion of features", "nats", _of(n, "journal.feature_distortion", (LEARNED, VAEGAN))),
    ]
    return curves("game", panels, looks)


def _of(n: Numbers, quantity: str, models: Sequence[StudyModel], dashed: str = "") -> list[Curve]:
    return [one for model in models for one in curve(n, quantity, model, dashed=dashed)]


def _shares(n: Numbers, quantity: str, models: Sequence[StudyModel]) -> list[Curve]:
    """Counts of rows over the steps of each row."""
    return [one._replace(seeds=one.seeds / np.diff(one.steps, prepend=0)) for one in _of(n, quantity, models)]
