"""Figures of the σ-VAE study: the balance over β, learning, what the latents carry, samples, and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kelbo.intervals import margin
from kelbo.reports.figure import Theme, style
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, intensities, of_figure
from kelbo.reports.score_figures import errors_by_variance
from kelbo.reports.score_pictures import bins_of
from kelbo.studies.arms import StudyModel
from kelbo.studies.charts import curve, curves
from kelbo.studies.figures import (
    DASHED,
    WIDTH,
    Absent,
    Line,
    Look,
    Print,
    SettingPanel,
    line_over,
    over_setting,
    own_place,
    percent_axis,
)
from kelbo.studies.frame import Numbers
from kelbo.studies.sheets import sheet_of
from kelbo.studies.sigma_vae.models import GRID, OPTIMAL, PER_IMAGE, PER_PIXEL, SHARED, SIGMA_VAES, UNIT, beta_of, grid
from kelbo.studies.sigma_vae.tables import every, tuned
from kelbo.studies.sigma_vae.tested import the_grid

SHOWN = 6
"""images in a row on either side"""
XLABEL = "β, or σ² of a decoder that finds it itself"
LOOKS = {
    GRID: Look("#57606a", "#9aa1ab"),
    "mse_vae": Look("#a9b0ba", "#5f6772"),
    "shared_gaussian": Look("#d55e00", "#ee7733", "s"),
    "optimal_gaussian": Look("#0072b2", "#56b4e9", "D"),
    "per_image_gaussian": Look("#009e73", "#1fbf8f", "^"),
    "per_pixel_gaussian": Look("#cc79a7", "#e39cc5"),
    "student_t": Look("#56b4e9", "#bfe6ff"),
    "bernoulli": Look("#e69f00", "#f0d442"),
    "categorical": Look("#8b4a2b", "#b98562"),
    "bitwise_categorical": Look("#6a3d9a", "#a583e0"),
    "logistic_mixture": Look("#8a8f1c", "#b9bf45"),
}


def looks(model: StudyModel) -> Look:
    """One look for a decoder in all figures."""
    return LOOKS.get(str(dict(model.settings).get("likelihood.kind", GRID)), LOOKS[GRID])


def _panel(n: Numbers, quantity: str, title: str, unit: str, **more: Any) -> SettingPanel:
    given = StudyModel("betas", (), "Gaussian, σ = 1, β given")
    line = line_over(n, quantity, {model: beta_of(model) for model in the_grid(n)}, given)
    own = [own_place(n, quantity, model, "effective-beta") for model in SIGMA_VAES] if line.points else []
    return SettingPanel(title, unit, [Line(given, line.points), *own], **more)


def balance(n: Numbers) -> Picture:
    """The main figure: what each β costs, and where the σ-VAE puts itself."""
    if not any(n.seeds(model) for model in the_grid(n)):
        raise Absent("No lane of the β grid was finished and measured.")
    bound = _panel(n, "loss", "Bound of the equivalent Gaussian, σ² = β", "−ELBO, nats per image", printed=_printed(n))
    panels = [_panel(n, "distance.sample", "Distance of samples", n.facts.get("distance") or ""), bound]
    return over_setting("balance", panels, looks, XLABEL)


def _printed(n: Numbers) -> list[Print]:
    """−ln p of the grid and the σ-VAE on this very set; a β of table 1 is a variance of half of it."""
    places: list[tuple[StudyModel, float | None]] = [(UNIT, 1.0)]
    if n.data == "svhn":
        places += [(grid(beta), beta / 2) for beta in (0.001, 0.01, 0.1, 1.0, 10.0)]
    if n.data == "mnist":
        places += [(SHARED, None)]
    found = ((model, x, n.paper.find(model, "loss", n.data)) for model, x in places)
    return [Print(model, x, number.value) for model, x, number in found if number]


def information(n: Numbers) -> Picture:
    """Figure 4: what the latents know of the image, and how far their aggregate is from the prior."""
    caps = [cap for model in the_grid(n) for cap in n.by_seed("information-cap", model).values()]
    level = (max(caps), f"no more can be told of so many images, ln N = {plain(max(caps))}") if caps else None
    panels = [
        _panel(n, "information", "Index-code mutual information", "nats", level=level, zero=True),
        _panel(n, "latents.marginal_kl", "Marginal KL", "nats", zero=True),
    ]
    return over_setting("fig4", panels, looks, XLABEL)


def learning(n: Numbers) -> Picture:
    """Figure 9: −ELBO and σ over steps, of σ in closed form and by gradient descent."""
    learned = (SHARED, PER_IMAGE, OPTIMAL)
    losses = [one for model in learned for one in curve(n, "journal.elbo", model, sign=-1)]
    sigmas = [one for model in learned for one in curve(n, "journal.sigma", model)]
    sigmas += [one for model in learned for one in curve(n, "journal.rmse", model, dashed="RMSE of reconstructions")]
    panels = [("Bound", "−ELBO, nats per image", losses), ("σ and the error it should be", "intensity", sigmas)]
    return curves("fig9", panels, looks)


def over_beta(n: Numbers) -> Labelled:
    """Figure 3: a row a β of the grid, then the σ-VAEs."""
    return _pictures(n, "fig3", [*the_grid(n), *SIGMA_VAES])


def decoders(n: Numbers) -> Labelled:
    """A row a decoder, and one of the β whose samples are the best."""
    return _pictures(n, "decoders", [UNIT, *tuned(n), *every(n)])


def _pictures(n: Numbers, name: str, models: Sequence[StudyModel]) -> Labelled:
    """Test images first, then each model's reconstructions of them and its samples, a gap between both."""
    rows = []
    for model in models:
        for lane in n.done(model)[:1]:
            pairs, drawn = n.measured(lane, "reconstructions"), n.measured(lane, "samples")
            if pairs and drawn:
                shown, made = (intensities(pairs.arrays()[part])[:SHOWN] for part in ("images", "made"))
                samples = intensities(drawn.arrays()["images"])[:SHOWN]
                gap = np.full((1, *made.shape[1:]), np.nan, np.float32)
                rows = rows or [("Test images", "", np.concatenate([shown, gap, np.full_like(shown, np.nan)]))]
                rows.append((str(model), _found(n, model), np.concatenate([made, gap, samples])))
    return sheet_of(name, f"Reconstructions and samples of {', '.join(row[0] for row in rows[1:])}", rows)


def _found(n: Numbers, model: StudyModel) -> str:
    """The σ² that a σ-VAE found."""
    effective = n.mean("effective-beta", model) if model in SIGMA_VAES else None
    return "" if effective is None else f"σ² = {plain(effective, 2)}"


def calibrated(n: Numbers) -> dict[StudyModel, Mapping[str, Any]]:
    """The calibration of each decoder's first seed, the best first, and of the Gaussian's best β."""
    models = [UNIT, *tuned(n), *every(n)]
    found = {}
    for model in models:
        if kept := n.kept("calibration", model):
            scores = kept.value["scores"]
            found[model] = scores.get("calibration", scores)
    if not found:
        raise Absent("No lane was finished and its calibration measured.")
    return dict(sorted(found.items(), key=lambda pair: pair[1]["miscalibration_area"]))


def transforms(n: Numbers) -> Picture:
    """Histograms of probability integral transforms: flat if a decoder is calibrated, a hump if it expects too much error.

    Shaded: 95 % of a calibrated decoder's bars, even if all pixels of an image fell into one.
    """
    found = calibrated(n)
    told = ", ".join(f"{model} {plain(one['miscalibration_area'], 2)}" for model, one in found.items())
    return of_figure(
        "pit", f"Probability integral transforms by miscalibration area: {told}", lambda t: _histograms(found, t)
    )


def _histograms(found: Mapping[StudyModel, Mapping[str, Any]], theme: Theme) -> Figure:
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    with style(theme):
        figure = Figure(figsize=(WIDTH, 0.35 + 1.15 * rows), layout="constrained")
        for place, (model, one) in enumerate(found.items()):
            axes, shares = figure.add_subplot(rows, columns, place + 1), np.array(one["histogram"])
            bins = len(shares)
            chance = 1.96 * np.sqrt((bins - 1) / one["images"])
            axes.axhspan(max(0, 1 - chance), 1 + chance, color=theme.ink, alpha=0.1, linewidth=0, zorder=3)
            axes.bar((np.arange(bins) + 0.5) / bins, bins * shares, width=0.9 / bins, color=looks(model).colour(theme))
            axes.axhline(1, color=theme.ink, linewidth=0.9)
            axes.set(xlim=(0, 1), ylim=(0, 3), xticks=[])
            axes.set_title(str(model), fontsize=7.5)
            axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            if place % columns:
                axes.set_yticklabels([])
    return figure


def coverage(n: Numbers) -> Picture:
    """How many pixels central intervals hold against how many they should, a line a decoder."""
    found = calibrated(n)
    alt = "Coverage of central intervals of " + ", ".join(map(str, found))
    return of_figure("coverage", alt, lambda theme: _coverages(found, theme))


def _coverages(found: Mapping[StudyModel, Mapping[str, Any]], theme: Theme) -> Figure:
    with style(theme):
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=theme.ink, linewidth=0.9, linestyle=DASHED)
        for model, one in found.items():
            levels = sorted(one["coverage"], key=float)
            inside, errors = ([one["coverage"][level][key] for level in levels] for key in ("share", "standard_error"))
            margins = [margin(error or 0.0, one["images"]) for error in errors]
            look = {"color": looks(model).colour(theme), "marker": looks(model).marker, "markersize": 3.5}
            axes.errorbar([float(level) for level in levels], inside, margins, elinewidth=0.7, label=str(model), **look)
        axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="should be inside", ylabel="pixels inside")
        percent_axis(axes.xaxis)
        percent_axis(axes.yaxis)
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def variances(n: Numbers) -> Picture:
    """Squared errors where a σ for every pixel expects small and large ones."""
    scores = calibrated(n).get(PER_PIXEL)
    bins = bins_of(scores["by_variance"], scores["images"]) if scores else None
    if bins is None:
        raise Absent("No lane of per-pixel σ was finished and its calibration measured.")
    return of_figure(
        "variances",
        f"Observed against predicted squared error of per-pixel σ in {len(bins[0])} bins",
        lambda theme: errors_by_variance(*bins, theme=theme),
    )


def error_map(n: Numbers) -> Labelled:
    """Where a σ for every pixel expects errors, beside those it makes: brighter is more, on one scale."""
    kept = n.kept("errors", PER_PIXEL)
    if kept is None:
        raise Absent("No lane of per-pixel σ was finished and its errors measured.")
    parts = kept.arrays()
    top = max(float(parts["error"].max()), float(parts["sigma"].max()))
    maps = [(name, parts[key][:, None] / top) for name, key in (("Error made", "error"), ("σ predicted", "sigma"))]
    if parts["x"].shape[1] == 3:
        maps = [(name, np.repeat(images, 3, 1)) for name, images in maps]
    rows = [("Test images", parts["x"]), ("Reconstructed", parts["mean"]), *maps]
    return sheet_of(
        "errormap", "Errors made and σ predicted, pixel by pixel", [(name, "", x.clip(0, 1)) for name, x in rows]
    )
