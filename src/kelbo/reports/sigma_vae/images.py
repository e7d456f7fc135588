"""Pictures of the σ-VAE study's runs: reconstructions beside samples, and where a decoder expects its errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.experiments import Experiment
from kelbo.reports.figure import Array, Theme, style
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, of_figure, of_sheets, sheet
from kelbo.reports.sigma_vae.calibration_charts import Bins, by_variance
from kelbo.reports.sigma_vae.charts import DASHED
from kelbo.reports.sigma_vae.looks import MARKERS, colour, named
from kelbo.reports.sigma_vae.results import Entry, Kind, Study, effective_beta, of_samples
from kelbo.reports.study_figures import Absent, Lanes

SHOWN = 6
"""images in a row on either side"""

MAPPED = 5
"""images whose errors are mapped"""

GONE = "its run is gone"

PER_PIXEL = Kind("per_pixel_gaussian")
SHARED = Kind("shared_gaussian")


class Made(NamedTuple):
    """What a run makes: reconstructions of the test images, and samples, each (SHOWN, C, H, W) of the decoder's mean.

    originals (2 · SHOWN, C, H, W): the first half are those reconstructed, the others to hold samples against.
    """

    originals: Array
    reconstructed: Array
    samples: Array


@dataclass
class Makers:
    """The runs of a study's folder, and what those opened so far made: two figures show the same runs."""

    lanes: Lanes
    made: dict[str, Made] = field(default_factory=dict)

    def of(self, lane: Entry) -> Made:
        """Absent where its run cannot be opened."""
        if lane["run"] not in self.made:
            self.made[lane["run"]] = _made(self.lanes.open(lane))
        return self.made[lane["run"]]


class ErrorMap(NamedTuple):
    """Some test images x and their reconstructions (N, C, H, W), and in each pixel (N, H, W) error and σ, intensities.

    Of several channels both are root mean squares, so that they stay comparable.
    """

    x: Array
    mean: Array
    error: Array
    sigma: Array


def over_beta(study: Study, makers: Makers) -> Labelled:
    """Figure 3: a row a β of the grid, then the σ-VAEs."""
    if not any(study.lanes(kind) for kind in study.grid):
        raise Absent("No lane of the β grid was finished.")
    kinds = [*study.grid, *study.sigma_vaes]
    return _rows("fig3", "over β", [(str(kind), _own_beta(study, kind), kind) for kind in kinds], study, makers)


def decoders(study: Study, makers: Makers) -> Labelled:
    """A row a decoder, and one of the β whose samples are the best; a β of 1 is the Gaussian's own row."""
    rows = [(named(key), "", Kind(key)) for key in ("fixed_gaussian", *study.decoders)]
    best = study.best_beta(of_samples)
    if best is not None and best != 1.0:
        rows.insert(1, (named("beta"), str(Kind("fixed_gaussian", best)), Kind("fixed_gaussian", best)))
    return _rows("decoders", "of each decoder", rows, study, makers)


def error_map(study: Study, makers: Makers) -> Picture:
    """Where per-pixel σ expects errors, beside those it makes; and predicted against observed squared errors in bins."""
    lane = first(study, PER_PIXEL)
    if lane is None:
        raise Absent("No lane of per-pixel σ was finished.")
    found, bins, shared = mapped(makers.lanes.open(lane), MAPPED), bins_of(lane), bins_of(first(study, SHARED))
    told = f"errors of {plain(float(found.error.mean()), 2)} and σ of {plain(float(found.sigma.mean()), 2)} in the mean"
    return of_figure(
        "errormap",
        f"{len(found.x)} test images, their reconstructions by per-pixel σ, the errors made and the σ predicted; {told}",
        lambda theme: side_by_side(found, bins, shared, theme=theme),
    )


def mapped(experiment: Experiment, count: int) -> ErrorMap:
    """Errors and predicted σ of `count` test images spread over the split, reconstructed from their posterior means."""
    model, shown = experiment.model, experiment.pictured(count)
    with model.evaluating():
        mean, variance = model.likelihood.moments(model.read(shown, draw=False).output)
    x = shown.x
    error, sigma = ((x - mean).square().mean(1).sqrt(), variance.mean(1).sqrt())
    return ErrorMap(*(part.cpu().double().numpy() for part in (x, mean, error, sigma)))


def side_by_side(found: ErrorMap, bins: Bins | None, shared: Bins | None, *, theme: Theme) -> Figure:
    """Columns of images, errors and σ on one colour scale; below them, where there are any, the bins on the diagonal."""
    with style(theme):
        figure = Figure(figsize=(5.4, 6.2 if bins else 3.6), layout="constrained")
        parts = figure.subfigures(2, 1, height_ratios=[3.5, 2.7], squeeze=False)[:, 0] if bins else [figure]
        _maps(parts[0], found, theme)
        if bins:
            axes = parts[1].subplots()
            axes.set_title("Squared error, in bins of the variance predicted")
            by_variance(axes, PER_PIXEL.decoder, bins, shared, theme=theme)
            axes.legend(handles=_legend(shared is not None, theme), loc="upper left")
    return figure


def _maps(figure: FigureBase, found: ErrorMap, theme: Theme) -> None:
    """A row each of originals, reconstructions, errors and σ, and the bar of the last two's colours."""
    count = len(found.x)
    most = float(np.quantile(np.concatenate([found.error, found.sigma]), 0.998)) or 1.0
    grid = figure.add_gridspec(4, count + 1, width_ratios=[*[1] * count, 0.12])
    colours = ScalarMappable(Normalize(0, most), "inferno")
    shown = ("original", "recon-\nstructed", "error", "σ predicted")
    for row, (name, images) in enumerate(zip(shown, found, strict=True)):
        for column, image in enumerate(images):
            axes = figure.add_subplot(grid[row, column])
            pixels = sheet(image[None], 1)[..., :3] if image.ndim == 3 else colours.to_rgba(image)
            axes.imshow(pixels, interpolation="none")
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
            if column == 0:
                axes.set_ylabel(name, rotation=0, ha="right", va="center", color=theme.ink)
    bar = figure.colorbar(colours, cax=figure.add_subplot(grid[2:, count]), extend="max")
    bar.set_label("intensity", color=theme.faint)
    bar.outline.set_visible(False)


def bins_of(lane: Entry | None) -> Bins | None:
    """A lane's squared errors in bins of predicted variance, those above 0; None where there are none."""
    calibration = lane and lane["calibration"]
    if not calibration or "predicted" not in calibration["by_variance"]:
        return None
    told = calibration["by_variance"]
    predicted, observed, errors = (np.array(told[k], np.float64) for k in ("predicted", "observed", "standard_error"))
    positive = (predicted > 0) & (observed > 0)
    return Bins(predicted[positive], observed[positive], errors[positive]) if positive.any() else None


def first(study: Study, kind: Kind) -> Entry | None:
    """A model's finished lane of the lowest seed."""
    return min(study.lanes(kind), key=lambda lane: lane["seed"], default=None)


def _rows(name: str, told: str, wanted: Sequence[tuple[str, str, Kind]], study: Study, makers: Makers) -> Labelled:
    """Test images above, then a row a model that was trained: what it reconstructs, and what it samples.

    A row whose run has gone is empty and says so; Absent where all have.
    """
    labels, rows, reason = [("test images", "")], [], "No lane was finished."
    for label, about, kind in wanted:
        if lane := first(study, kind):
            try:
                rows.append(makers.of(lane))
                labels.append((label, about))
            except Absent as gone:
                rows.append(None)
                labels.append((label, GONE))
                reason = str(gone)
    there = next((made for made in rows if made), None)
    if there is None:
        raise Absent(reason)
    empty = there._replace(
        reconstructed=np.full_like(there.samples, np.nan), samples=np.full_like(there.samples, np.nan)
    )
    left = np.concatenate([there.originals[:SHOWN], *((made or empty).reconstructed for made in rows)])
    right = np.concatenate([there.originals[SHOWN:], *((made or empty).samples for made in rows)])
    names = ", ".join(f"{label} {about}".strip() for label, about in labels[1:])
    picture = of_sheets(name, f"Test images, reconstructions and samples {told}: {names}", [left, right], SHOWN)
    return Labelled(picture, labels, columns=("reconstructions", "samples"))


def _made(experiment: Experiment) -> Made:
    x = experiment.pictured(2 * SHOWN).x
    made = evaluation.reconstruct(experiment.model, Batch(x[:SHOWN]))
    return Made(x.cpu().numpy(), made, evaluation.sample(experiment.model, SHOWN))


def _own_beta(study: Study, kind: Kind) -> str:
    """The β that a σ-VAE chose, "" of the grid."""
    beta = None if kind in study.grid else study.mean(kind, effective_beta)
    return "" if beta is None else f"β\u00a0=\u00a0{plain(beta, 2)}"


def _legend(shared: bool, theme: Theme) -> list[Line2D]:
    look = {"linewidth": 1.4, "markersize": 4}
    keys = [PER_PIXEL.decoder, *([SHARED.decoder] if shared else [])]
    handles = [
        Line2D([], [], color=colour(key, theme), marker=MARKERS.get(key, "o"), label=named(key), **look) for key in keys
    ]
    return [*handles, Line2D([], [], color=theme.ink, linestyle=DASHED, linewidth=0.9, label="as it should be")]
