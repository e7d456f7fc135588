"""What a page shows of a run: its model's pictures, its training's curves, its pictures over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kelbo import evaluation
from kelbo.evaluation.suite import Record
from kelbo.experiments import Experiment
from kelbo.reports.figures import Array, curves, rate_bars
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, cut, of_figure, of_images, spread
from kelbo.runs.journal import Row

RECONSTRUCTED = 10
SAMPLES, SAMPLE_COLUMNS = 60, 12
TRAVERSED, SPAN, VALUES = 12, 2.5, 11
MOMENTS = 8


@dataclass(frozen=True)
class Labelled:
    """A sheet of images with a label (and what is said about it) beside each row, and headings over the columns."""

    picture: Picture
    rows: list[tuple[str, str]]
    title: str = ""
    columns: tuple[str, ...] = ()


class Panel(NamedTuple):
    """One small figure of training: lines are journal columns by label; floor is where the y axis begins."""

    name: str
    title: str
    unit: str
    lines: dict[str, str]
    floor: float | None = None


PANELS = [
    Panel("elbo", "ELBO", "nats per image", {"training": "elbo", "validation": "validation_elbo"}),
    Panel("rate", "Rate", "nats per image", {"training": "rate", "validation": "validation_rate"}),
    Panel(
        "distortion", "Distortion", "nats per image", {"training": "distortion", "validation": "validation_distortion"}
    ),
    Panel("sigma", "Decoder’s σ and its error", "intensity", {"σ": "sigma", "RMSE": "rmse"}),
    Panel("learning-rate", "Learning rate", "", {"learning rate": "learning_rate"}, floor=0.0),
    Panel("speed", "Speed", "images per second", {"speed": "images_per_second"}, floor=0.0),
]


def reconstructions(experiment: Experiment) -> Labelled:
    """Fixed test images above, what the model makes of them (the decoder's mean) below."""
    x = experiment.pictured(RECONSTRUCTED)
    made = evaluation.reconstruct(experiment.model, x)
    picture = of_images(
        "reconstructions",
        f"{len(x)} test images above their reconstructions",
        np.concatenate([x.cpu().numpy(), made]),
        len(x),
    )
    return Labelled(picture, [("original", ""), ("recon\u00adstructed", "")])


def samples(experiment: Experiment, noise: bool) -> Picture:
    """Images decoded from the prior: the decoder's mean, or with `noise` draws of the full model."""
    images = evaluation.sample(experiment.model, SAMPLES, noise=noise)
    kind = "draws of the full model" if noise else "the decoder’s mean"
    return of_images("samples", f"{SAMPLES} samples from the prior, {kind}", images, SAMPLE_COLUMNS)


def traversals(experiment: Experiment, record: Record) -> Labelled:
    """The first test image with one latent at a time moved; the latents of the most rate in `record`, the most used first."""
    rates = np.array(record["latents"]["rate_per_latent"])
    latents = np.argsort(-rates, kind="stable")[:TRAVERSED].tolist()
    values = np.linspace(-SPAN, SPAN, VALUES).tolist()
    images = evaluation.traverse(experiment.model, experiment.image(0), latents, values)
    picture = of_images(
        "traversals",
        f"One image decoded with each of {len(latents)} latents moved from {-SPAN:g} to {SPAN:g}",
        images.reshape(-1, *images.shape[2:]),
        VALUES,
    )
    rows = [(f"z {k}", f"{plain(float(rates[k]), 2)} nats") for k in latents]
    return Labelled(picture, rows, columns=tuple(f"{value:+g}".replace("-", "−") if value else "0" for value in values))


def rates(record: Record) -> Picture:
    """The KL of each latent as bars."""
    latents = record["latents"]
    nats, active = np.array(latents["rate_per_latent"]), latents["active"] and np.array(latents["active"], bool)
    alt = f"Bars of the mean KL of {len(nats)} latents; the largest is {plain(float(nats.max()), 2)} nats"
    return of_figure("rates", alt, lambda theme: rate_bars(nats, active, theme=theme))


def training_curves(rows: list[Row], has_rate: bool) -> list[Picture]:
    """The journal as small figures; none where it has no row. Without a rate there is none of ELBO and rate."""
    panels = PANELS if has_rate else [panel for panel in PANELS if panel.name not in ("elbo", "rate")]
    return [_drawn(panel, rows) for panel in panels] if rows else []


def progress(experiment: Experiment) -> list[Labelled]:
    """The run's pictures up to this checkpoint, a row a moment: each column is one image, or one z."""
    side = experiment.data.shape[1:]
    strips = []
    if paths := spread(_pictures(experiment, "reconstructions"), MOMENTS):
        grids = [cut(path, side, rows=2) for path in paths]
        rows, labels = [grids[0][0], *(grid[1] for grid in grids)], [("original", ""), *map(_moment, paths)]
        strips.append(_strip("progress-reconstructions", "Reconstructions of the same test images", rows, labels))
    if paths := spread(_pictures(experiment, "samples"), MOMENTS):
        rows = [cut(path, side, rows=4)[0] for path in paths]
        strips.append(_strip("progress-samples", "The same draws from the prior", rows, [*map(_moment, paths)]))
    return strips


def _pictures(experiment: Experiment, name: str) -> list[Path]:
    return [path for path in experiment.run.pictures(name) if _step(path) <= experiment.step]


def column(rows: list[Row], name: str) -> Array:
    """One quantity of the journal, (T,), NaN where a row has none."""
    values = [row.get(name) for row in rows]
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _drawn(panel: Panel, rows: list[Row]) -> Picture:
    keys = {
        label: key
        for label, key in panel.lines.items()
        if not key.startswith("validation") or any(key in r for r in rows)
    }
    steps, lines = column(rows, "step"), {label: column(rows, key) for label, key in keys.items()}
    return of_figure(
        f"training-{panel.name}",
        f"{panel.title} over {len(steps)} readings up to step {steps[-1]:.0f}",
        lambda theme: curves(steps, lines, title=panel.title, unit=panel.unit, theme=theme, floor=panel.floor),
    )


def _strip(name: str, title: str, rows: list[np.ndarray], labels: list[tuple[str, str]]) -> Labelled:
    return Labelled(of_images(name, title, np.concatenate(rows), len(rows[0])), labels, title)


def _moment(path: Path) -> tuple[str, str]:
    return f"{_step(path):,}", "steps"


def _step(path: Path) -> int:
    """Of a picture that training wrote."""
    return int(path.name.partition("-")[0])
