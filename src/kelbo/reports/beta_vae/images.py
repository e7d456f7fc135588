"""Pictures of the β-VAE study's runs: samples of its sets, traversals, sweeps on a plane, reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.data.images import Images
from kelbo.experiments import Experiment
from kelbo.experiments.factor_sweeps import base, on_a_plane
from kelbo.experiments.pictures import reconstructed
from kelbo.experiments.plane import Plane
from kelbo.reports import gallery
from kelbo.reports.beta_vae.results import CIFAR, NAMES, Entry, Study, best, named
from kelbo.reports.figure import Array, Theme, style
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import fixed
from kelbo.reports.page_pictures import Picture, of_figure, of_images, sheet
from kelbo.reports.study_figures import Absent, Lanes
from kelbo.reports.sweeps import trace
from kelbo.seeds import generator
from kelbo.units import intensities

STRIP = 8
"""images of a set that are shown"""

ROWS, COLUMNS = 6, 7
"""of a traversal: the study's grid"""

SPAN = {False: 3.0, True: 1.96}
"""how far a latent is moved, by whether the study is as published: as Higgins et al. (2017), or as the study's code"""

SHEET, LEFT, TOP, BOTTOM = 2.458, 0.46, 0.45, 0.42
"""inches of a sheet of traversals and of what is around it; 64-pixel images then fill whole pixels of the PNG file"""

PRINTED = 1.0
"""the score of both models that the study's plotting script prints over its traversals"""


class Traversal(NamedTuple):
    """One model's decoded images with one latent at a time moved: (rows, columns, C, H, W), and what is said of them."""

    title: str
    about: str
    latents: list[int]
    rates: list[float]
    images: Array


def strips(study: Study, lanes: Lanes, name: str, among: Sequence[str]) -> Labelled:
    """Draws from each of the study's sets in this run, a row a set."""
    roles = study.roles(among)
    if not roles:
        raise Absent(f"No lane on {' or '.join(NAMES[role] for role in among)} was finished.")
    rows = []
    for role in roles:
        images = lanes.any_of(study.lanes(role=role)).data.train
        draws = torch.randint(len(images), (STRIP,), generator=generator(0, "pictures")).to(images.device)
        shown = intensities(images.take(draws), images.levels).cpu().numpy()
        rows.append(np.repeat(shown, 3, axis=1) if shown.shape[1] == 1 else shown)
    told = ", ".join(NAMES[role] for role in roles)
    picture = of_images(name, f"{STRIP} images each of {told}", np.concatenate(_one_size(rows)), STRIP)
    return Labelled(picture, [(NAMES[role], study.note(role)) for role in roles])


def traversals(study: Study, lanes: Lanes) -> Picture:
    """The best-scoring MLP and convolutional model on 2Dshapes side by side."""
    found = []
    for network, title in (("mlp", "MLP"), ("conv", "Convolutional")):
        chosen = best(study, study.lanes(role="dsprites", network=network), ("without shape", "all"))
        if chosen is None:
            raise Absent(f"No {title} lane on 2Dshapes was finished and scored.")
        lane, score = chosen
        about = f"score {fixed(100 * score, 1)} %; printed {fixed(100 * PRINTED, 0)} %"
        title = f"{title}, {named(lane['beta'])}, seed {lane['seed']}"
        found.append(traversed(lanes.open(lane), title, about, SPAN[study.as_published]))
    told = "; ".join(f"{side.title}: {side.about}" for side in found)
    span = SPAN[study.as_published]
    return of_figure(
        "fig4",
        f"One image decoded with each of the {ROWS} latents of the highest rate moved from −{span:g} to {span:g}. {told}",
        lambda theme: side_by_side(found, span, theme=theme),
    )


def traversed(experiment: Experiment, title: str, about: str, span: float) -> Traversal:
    """The set's middle image with each of the latents of the highest rate moved over ±span prior standard deviations."""
    model, whole = experiment.model, experiment.data.whole
    if whole is None:
        raise Absent(f"The images of {experiment.data.name} have no factors, so none is the middle one.")
    with model.evaluating():
        rates = model.read(experiment.pictured(1024), draw=False).rates
    assert rates is not None  # the study's models have one flat vector of latents
    rates = rates.mean(0).cpu().double().numpy()
    latents = np.argsort(-rates, kind="stable")[:ROWS].tolist()
    x = intensities(whole.take(base(whole.factors)[None]), whole.images.levels).to(experiment.device)
    images = evaluation.traverse(model, Batch(x), latents, np.linspace(-span, span, COLUMNS).tolist())
    return Traversal(title, about, latents, [float(rates[k]) for k in latents], images)


def side_by_side(found: Sequence[Traversal], span: float, *, theme: Theme) -> Figure:
    """Traversals as sheets of images, each row named by its latent and its rate."""
    sheets = [sheet(side.images.reshape(-1, *side.images.shape[2:]), COLUMNS) for side in found]
    tall = max(SHEET * each.shape[0] / each.shape[1] for each in sheets)
    width, height = len(found) * (LEFT + SHEET) + 0.05, TOP + tall + BOTTOM
    with style(theme):
        figure = Figure(figsize=(width, height))
        for place, (side, each) in enumerate(zip(found, sheets, strict=True)):
            own = SHEET * each.shape[0] / each.shape[1]
            left, low = (place * (LEFT + SHEET) + LEFT) / width, (BOTTOM + tall - own) / height
            axes = figure.add_axes((left, low, SHEET / width, own / height))
            axes.imshow(each, interpolation="none", aspect="auto")
            _named_rows(axes, side, span)
            axes.set_title(side.title, pad=16)
            axes.annotate(side.about, (0, 1), (0, 5), "axes fraction", "offset points", color=theme.faint)
        whose = "as Higgins et al." if span == SPAN[False] else "as the study’s code"
        told = f"z over ±{span:g} prior standard deviations, {whose}; below each name its rate, nats"
        figure.text(0.5, 0.02, told, ha="center", va="bottom", color=theme.faint)
    return figure


def _named_rows(axes: Axes, side: Traversal, span: float) -> None:
    height, width = side.images.shape[-2:]
    gap = max(1, width // 16)
    middles = np.arange(len(side.latents)) * (height + gap) + height / 2 - 0.5
    names = [f"z {k}\n{fixed(rate, 2)}" for k, rate in zip(side.latents, side.rates, strict=True)]
    axes.set_yticks(middles, names, fontsize=7.5, linespacing=1.1)
    columns = np.array([0, COLUMNS // 2, COLUMNS - 1]) * (width + gap) + width / 2 - 0.5
    axes.set_xticks(columns, [f"−{span:g}", "0", f"{span:g}"])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def planes(study: Study, lanes: Lanes) -> Picture:
    """Factor sweeps of 2Dshapes through the convolutional model at β = 0.1 and 4, each on its plane, on one scale."""
    found, names = {}, ()
    for lane in _pair(study, ("dsprites",), 0.1, 4.0):
        experiment = lanes.open(lane)
        if experiment.data.whole is None:
            raise Absent(f"The images of {experiment.data.name} have no factors to sweep.")
        names = experiment.data.whole.factors.names
        found[f"{named(lane['beta'])}, seed {lane['seed']}"] = on_a_plane(experiment, experiment.data.whole)
    return of_figure(
        "fig5",
        f"Codes of sweeps of {len(names)} factors on their first two principal components, {' beside '.join(found)}",
        lambda theme: on_one_scale(found, names, theme=theme),
    )


def on_one_scale(found: Mapping[str, Plane], names: Sequence[str], *, theme: Theme) -> Figure:
    """Planes by title, side by side and on the same axes."""
    everything = np.concatenate([part for plane in found.values() for part in [*plane.means, *plane.draws]])
    reach = 1.06 * float(np.abs(everything).max()) or 1.0
    with style(theme):
        figure = Figure(figsize=(5.6, 3.3), layout="constrained")
        for axes, (title, plane) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
            trace(axes, plane, names, theme=theme, size=2)
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), title=title)
            axes.set_aspect("equal", adjustable="box")
            for axis, which, share in zip((axes.xaxis, axes.yaxis), ("1st", "2nd"), plane.shares, strict=True):
                axis.set_label_text(f"{which} component, {100 * share:.0f} % of variance")
                axis.set_major_locator(MaxNLocator(5))
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def reconstructions(study: Study, lanes: Lanes, name: str, beta: float) -> Labelled:
    """Test images of CIFAR-100 (of CIFAR-10 where it is absent) above what the model at one β makes of them."""
    for role in CIFAR:
        if chosen := study.lanes(role=role, beta=beta):
            lane = min(chosen, key=lambda lane: lane["seed"])
            found = gallery.reconstructions(reconstructed(lanes.open(lane)))
            title = f"{NAMES[role]}, {named(beta)}, seed {lane['seed']}"
            picture = replace(found.picture, name=name, alt=f"{title}: {found.picture.alt}")
            return replace(found, picture=picture, title=title)
    raise Absent(f"No lane on CIFAR at {named(beta)} was finished.")


def mixed_up(study: Study, lanes: Lanes, quirk: Entry, name: str) -> Labelled:
    """Images as PCA and ICA were fitted to them, and as the same encoders then read them."""
    chosen = study.lanes(role=quirk["role"])
    if not chosen:
        raise Absent("No lane on its set was finished, from which to take images.")
    images = lanes.any_of(chosen).data.train
    if images.shape[0] == 1:
        raise Absent("Of grey images both layouts are the same.")
    picture = of_images(
        name,
        f"{STRIP} images as they were fitted, with their pixels in another order, and nearly black",
        seen(images, STRIP),
        STRIP,
    )
    brightest = images.pixel_levels - 1
    return Labelled(
        picture,
        [
            ("fitted on", f"pixel by pixel, 0–{brightest}"),
            ("applied to", f"channel by channel, shown × {brightest}"),
            ("as it was read", f"0–1 where 0–{brightest} was meant"),
        ],
    )


def seen(images: Images, count: int) -> Array:
    """`count` images in the encoder's own order of pixels, three rows of them, intensities (3 · count, C, H, W).

    Rows of levels, pixel by pixel, are what it was fitted to; rows of intensities, channel by channel, what it was given:
    first times the levels, so that the order is seen, then as they are.
    """
    draws = torch.randint(len(images), (count,), generator=generator(0, "pictures")).to(images.device)
    levels, brightest = images.take(draws), images.pixel_levels - 1
    fitted = levels.permute(0, 2, 3, 1).flatten(1).cpu() / brightest
    given = intensities(levels, images.levels).flatten(1).cpu()
    channels, height, width = images.shape
    rows = torch.cat([fitted, given, given / brightest]).reshape(-1, height, width, channels)
    return rows.permute(0, 3, 1, 2).numpy()


def _pair(study: Study, roles: Sequence[str], *betas: float) -> list[Entry]:
    """A finished convolutional lane at each β, of the first seed that has them all."""
    for role in roles:
        by_beta = [{e["seed"]: e for e in study.lanes(role=role, network="conv", beta=beta)} for beta in betas]
        if shared := set(by_beta[0]).intersection(*by_beta[1:]):
            return [lanes[min(shared)] for lanes in by_beta]
    told = " and ".join(named(beta) for beta in betas)
    raise Absent(f"No seed of the convolutional model on {NAMES[roles[0]]} was finished at both {told}.")


def _one_size(rows: Sequence[Array]) -> list[Array]:
    """Images (N, C, H, W) of several sizes enlarged by whole numbers and set into the largest; NaN around them."""
    height, width = (max(row.shape[axis] for row in rows) for axis in (2, 3))
    out = []
    for row in rows:
        times = min(height // row.shape[2], width // row.shape[3])
        large = row.repeat(times, axis=2).repeat(times, axis=3)
        below, right = height - large.shape[2], width - large.shape[3]
        out.append(np.pad(large, ((0, 0), (0, 0), (0, below), (0, right)), constant_values=np.nan))
    return out
