"""What a page shows of a run: its model's pictures, its training's curves, its pictures over time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kelbo.experiments.latent_order import Moved, factor_of
from kelbo.reports.figure import LIGHT, Array, curves, group_bars, rate_bars
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, intensities, of_figure, of_images
from kelbo.reports.run_film import RECONSTRUCTIONS, SAMPLES, kept_grids
from kelbo.reports.score_figures import readable
from kelbo.reports.shown import Shown
from kelbo.runs import Measurement
from kelbo.runs.grids import side_of
from kelbo.runs.measurement import Record
from kelbo.units import bits_per_dim, counted, of_rows

SAMPLE_COLUMNS, MOMENTS = 12, 8


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
    Panel(
        "squared-error",
        "Squared error",
        "sum over an image",
        {"training": "squared_error", "validation": "validation_squared_error", "target": "target"},
    ),
    Panel("multiplier", "Multiplier, and how often clamped", "", {"λ": "multiplier", "clamped": "clamp_active"}),
    Panel("slack", "Slack: what is held less its target", "", {"training": "slack", "validation": "validation_slack"}),
    Panel("slack-psnr", "Slack in PSNR: above 0 is better than the target", "dB", {"slack": "slack_psnr"}),
    Panel("slack-bits", "Slack in bits/dim", "bits/dim", {"slack": "slack_bits_per_dim"}),
    Panel("implied-sigma", "σ that the multiplier implies", "intensity", {"implied σ": "implied_sigma"}),
    Panel("sigma", "Decoder’s σ and its error", "intensity", {"σ": "sigma", "RMSE": "rmse"}),
    Panel("gradient-norm", "Gradient norm before clipping", "", {"norm": "gradient_norm"}, floor=0.0),
    Panel("learning-rate", "Learning rate", "", {"learning rate": "learning_rate"}, floor=0.0),
    Panel("speed", "Speed", "images per second", {"speed": "images_per_second"}, floor=0.0),
]

NOT_DRAWN = {"step", "loss", "floored", "beta", "equivalent_sigma", "equivalent_beta"}
"""columns of every journal that other panels or the page's cards tell already"""


def reconstructions(found: Mapping[str, np.ndarray]) -> Labelled:
    """Fixed test images ("images", 8-bit levels) above what the model makes of them ("made": the decoder's mean)."""
    count = len(found["images"])
    alt = f"{counted(count, 'test image')} above {'its reconstruction' if count == 1 else 'their reconstructions'}"
    picture = of_images("reconstructions", alt, intensities(np.concatenate([found["images"], found["made"]])), count)
    return Labelled(picture, [("original", ""), ("recon\u00adstructed", "")])


def samples(shown: Shown) -> Picture | Labelled:
    """Images decoded from the prior: the decoder's mean, or draws of the full model; a labelled row for each condition."""
    measured = shown.parts["samples"]
    images = intensities(measured.arrays()["images"])
    kind = "draws of the full model" if shown.noise else "the decoder’s mean"
    rows = measured.settings.get("rows", [])
    columns = len(images) // len(rows) if rows else SAMPLE_COLUMNS
    under = f" under {counted(len(rows), 'condition')}" if rows else ""
    picture = of_images("samples", f"{len(images)} samples from the prior{under}, {kind}", images, columns)
    return Labelled(picture, [(row, "") for row in rows]) if rows else picture


def transfers(measured: Measurement) -> Labelled:
    """Test images, each beside what the decoder makes of its code under other conditions."""
    found, labels = measured.arrays(), measured.settings["columns"]
    images = intensities(np.concatenate([found["images"][:, None], found["made"]], 1))
    alt = f"{counted(len(images), 'test image')}, each decoded under {counted(len(labels), 'condition')}"
    picture = of_images("transfers", alt, images.reshape(-1, *images.shape[2:]), 1 + len(labels))
    return Labelled(picture, [(own, "") for own in measured.value["own"]], columns=("original", *labels))


def partial_decodings(measured: Measurement, rates: Sequence[float]) -> Labelled:
    """Test images above what the decoder makes of their first groups of latents, a row for each number of groups.

    rates: of each group, nats an image: beside a row are the bits of its groups. Of two stages, an empty row lies between the
    first one's picture and what the second makes of it.
    """
    found, counts, sides = measured.arrays(), measured.settings["groups"], measured.value["sides"]
    first = measured.value.get("stages", [len(sides)])[0]
    images = intensities(np.concatenate([found["images"][None], found["made"]]))
    rows = [("original", ""), *(_of_groups(n, first, sides, rates) for n in counts)]
    if first < len(sides):
        after = 2 + counts.index(first)
        images = np.insert(images, after, np.nan, axis=0)
        rows.insert(after, ("secondary", f"refines it, from {_bits(rates[:first])} on"))
    alt = f"{counted(images.shape[1], 'test image')} above their decodings from {counts[0]} to {counted(counts[-1], 'group')}"
    picture = of_images("partial-decodings", alt, images.reshape(-1, *images.shape[2:]), images.shape[1])
    return Labelled(picture, rows)


def _of_groups(known: int, first: int, sides: Sequence[int], rates: Sequence[float]) -> tuple[str, str]:
    """The label of a row of so many groups, and their bits. first: groups of the first stage."""
    about = f"{_side(sides[known - 1])}, {_bits(rates[:known])}" if known else "0 bits"
    if first == len(sides) or known < first:
        return counted(known, "group"), about
    return "x̄" + f" + {counted(known - first, 'group')}" * (known > first), about


def by_resolution(record: Record, sides: Sequence[int]) -> list[str]:
    """The rate of the groups of each resolution together, by stage if there are several, in words, in the groups' order."""
    parts = record.get("rate_per_stage") or [{"groups": len(sides)}]
    stages = [number for number, part in enumerate(parts, 1) for _ in range(part["groups"])]
    labelled = zip(stages, sides, record["rate_per_group"], strict=True)
    blocks = itertools.groupby(labelled, key=lambda group: group[:2])
    named = [
        (f" in stage {stage}" if parts[1:] else "", side, [one[2] for one in block]) for (stage, side), block in blocks
    ]
    return [f"{_side(side)}{where} {_bits(nats)}" for where, side, nats in named]


def by_stage(record: Record) -> list[str]:
    """The rate of each stage in words; [] if there is one."""
    parts = record.get("rate_per_stage") or []
    return [f"stage {number} {_bits([part['mean']])}" for number, part in enumerate(parts, 1)]


def _side(side: int) -> str:
    return f"{side}×{side}"


def _bits(nats: Sequence[float]) -> str:
    return f"{plain(bits_per_dim(sum(nats), 1))}\u00a0bits"


def traversals(shown: Shown) -> Labelled:
    """One test image with one latent at a time moved, beside each row the factor that moves it most, or its rate."""
    assert shown.test is not None
    measured, rates = shown.parts["traversals"], shown.test["latents"]["rate_per_latent"]
    latents, values = measured.settings["latents"], measured.settings["values"]
    images = intensities(measured.arrays()["images"])
    picture = of_images(
        "traversals",
        f"One image decoded with each of {len(latents)} latents moved from {min(values):g} to {max(values):g}",
        images.reshape(-1, *images.shape[2:]),
        len(values),
    )
    moved = factor_of(shown.parts["factor-shares"].value if "factor-shares" in shown.parts else None)
    rows = [_latent(k, rates and rates[k], moved.get(k)) for k in latents]
    return Labelled(picture, rows, columns=tuple(f"{value:+g}".replace("-", "−") if value else "0" for value in values))


def _latent(index: int, rate: float | None, moved: Moved | None) -> tuple[str, str]:
    """A row's label and what is said about it."""
    name, nats = f"z {index}", "" if rate is None else f"{plain(rate, 2)} nats"
    if moved is None:
        return name, nats
    return f"{readable(moved.factor)} {100 * moved.share:.0f}\u00a0%", ", ".join(filter(None, [name, nats]))


def rates(record: Record) -> Picture:
    """The KL of each latent as bars."""
    latents = record["latents"]
    nats, active = np.array(latents["rate_per_latent"]), latents["active"] and np.array(latents["active"], bool)
    alt = f"Bars of the mean KL of {len(nats)} latents; the largest is {plain(float(nats.max()), 2)} nats"
    return of_figure("rates", alt, lambda theme: rate_bars(nats, active, theme=theme))


def group_rates(record: Record, sides: Sequence[int] = ()) -> Picture | None:
    """The rate of each group of latents as bars in the groups' order; None if there is one group only.

    sides: of each group, in pixels, if groups have resolutions.
    """
    nats = np.array(record.get("rate_per_group") or [])
    if len(nats) < 2:
        return None
    alt = f"Bars of the mean rate of {len(nats)} groups of latents; the largest is {plain(float(nats.max()), 2)} nats"
    return of_figure("group-rates", alt, lambda theme: group_bars(nats, sides, theme=theme))


def training_curves(
    columns: Mapping[str, Array], has_rate: bool, *, real: bool = False, noun: str = "image"
) -> list[Picture]:
    """The journal's columns, each (T,), as small figures; none if it has no row. Without a rate there is none of ELBO and rate.

    real, noun: whether examples are real numbers, not intensities, and what one is called.
    """
    read = {name for name, values in columns.items() if not np.isnan(values).all()}
    known = [panel for panel in PANELS if has_rate or panel.name not in ("elbo", "rate")]
    panels = [panel for panel in known if next(iter(panel.lines.values())) in read]
    units = {"intensity": "std. dev."} if real else {}
    named = of_rows if noun == "row" else str
    panels = [panel._replace(unit=named(units.get(panel.unit, panel.unit))) for panel in panels]
    return [_drawn(panel, columns) for panel in [*panels, *_others(columns)]]


def _others(columns: Iterable[str]) -> list[Panel]:
    """A panel of each further scalar that the run's update journals; names alike up to a "/" share one, if a figure has as many
    hues.
    """
    drawn = {column for panel in PANELS for column in panel.lines.values()} | NOT_DRAWN
    grouped: dict[str, dict[str, str]] = {}
    for column in columns:
        if column not in drawn and not column.startswith("validation"):
            group, _, label = column.partition("/")
            grouped.setdefault(group, {})[label or group.replace("_", " ")] = column
    return [
        Panel(f"of-{name.replace('_', '-')}", name.replace("_", " ").capitalize(), "", lines)
        for name, lines in grouped.items()
        if len(lines) <= len(LIGHT.hues)
    ]


def progress(shown: Shown) -> list[Labelled]:
    """The run's pictures up to this checkpoint, a row a moment: each column is one image, or one z."""
    side, strips, how = side_of(shown.data["shape"]), [], {"until": shown.step, "most": MOMENTS}
    if kept := kept_grids(shown.run, "reconstructions", side, RECONSTRUCTIONS, **how):
        rows = [kept[0][1][0], *(grid[1] for _, grid in kept)]
        labels = [("original", ""), *(_moment(step) for step, _ in kept)]
        strips.append(_strip("progress-reconstructions", "Reconstructions of the same test images", rows, labels))
    if kept := kept_grids(shown.run, "samples", side, SAMPLES, **how):
        rows, labels = [grid[0] for _, grid in kept], [_moment(step) for step, _ in kept]
        strips.append(_strip("progress-samples", "The same draws from the prior", rows, labels))
    return strips


def _drawn(panel: Panel, columns: Mapping[str, Array]) -> Picture:
    steps = columns["step"]
    absent = np.full(len(steps), np.nan)
    lines = {
        label: columns.get(key, absent)
        for label, key in panel.lines.items()
        if key in columns or not key.startswith("validation")
    }
    return of_figure(
        f"training-{panel.name}",
        f"{panel.title} over {len(steps)} readings up to step {steps[-1]:.0f}",
        lambda theme: curves(steps, lines, title=panel.title, unit=panel.unit, theme=theme, floor=panel.floor),
    )


def _strip(name: str, title: str, rows: list[np.ndarray], labels: list[tuple[str, str]]) -> Labelled:
    return Labelled(of_images(name, title, np.concatenate(rows), len(rows[0])), labels, title)


def _moment(step: int) -> tuple[str, str]:
    return f"{step:,}", "steps"
