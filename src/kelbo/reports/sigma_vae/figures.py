"""Every figure of the σ-VAE study's report, by the number that the paper gives it or what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kelbo.intervals import margin
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.reports.sigma_vae import charts, images, printed
from kelbo.reports.sigma_vae.calibration_charts import Calibrated, coverages, transforms
from kelbo.reports.sigma_vae.charts import Course, Panel, Point, Print, centre, mean_by_beta
from kelbo.reports.sigma_vae.looks import named
from kelbo.reports.sigma_vae.results import GAUSSIAN, GRID, SIGMA_VAES, Entry, Kind, Study, effective_beta, of_samples
from kelbo.reports.study_figures import Absent, Lanes, Shown, draw_all

LEARNED = ("shared_gaussian", "per_image_gaussian", "optimal_gaussian")
"""the decoders of one σ whose learning is compared: by gradient descent, and in closed form"""

Told = tuple[float, float, float] | None
"""a quantity of a lane and the ends of its interval"""


def figures(
    results: Mapping[str, Any], folder: Path, *, missing: dict[str, str] | None = None, root: Path | None = None
) -> dict[str, Shown | None]:
    """The study's figures as pictures, None where this run has nothing to show; `missing` is then told why, by key.

    results: what results.json holds; folder: the study's, whose runs fig3, decoders and errormap open; root: of their data,
    None where they know. Keys: balance (distance and −ELBO over β), fig3, fig4, fig9, decoders, pit, coverage, errormap.
    """
    study, makers = Study(results), images.Makers(Lanes(folder, root))
    drawn: dict[str, Callable[[], Shown]] = {
        "balance": partial(_balance, study),
        "fig3": partial(images.over_beta, study, makers),
        "fig4": partial(_information, study),
        "fig9": partial(_learning, study),
        "decoders": partial(images.decoders, study, makers),
        "pit": partial(_transforms, study),
        "coverage": partial(_coverage, study),
        "errormap": partial(images.error_map, study, makers),
    }
    return draw_all(drawn, missing)


def _balance(study: Study) -> Picture:
    """The main figure: what each β costs, and where the σ-VAE puts itself."""
    called = {lane["distances"]["sample"]["called"] for lane in _all(study) if _distance(lane)}
    unit = " / ".join(sorted(called))
    found = [
        _panel(study, "Samples", unit, _distance),
        _panel(study, "Bound of the equivalent Gaussian, σ² = β", "−ELBO, nats per image", _loss, _printed(study)),
    ]
    return _over_beta("balance", found, "No lane of the β grid was finished and measured.")


def _information(study: Study) -> Picture:
    """Figure 4: what the latents know of the image, and how far their aggregate is from the prior."""
    capped = _read_latents("index_code_mutual_information", "cap")
    caps = [cap for lane in _all(study) if (cap := capped(lane)) is not None]
    found = [
        _panel(study, "Index-code mutual information", "nats", partial(_latents, "index_code_mutual_information")),
        _panel(study, "Marginal KL", "nats", partial(_latents, "marginal_kl")),
    ]
    if caps and found[0]:
        found[0] = found[0]._replace(ceiling=(max(caps), "no more can be told of so many images, ln N ="))
    found = [panel and panel._replace(zero=True) for panel in found]
    return _over_beta("fig4", found, "No lane of the β grid was finished and its latents measured.")


def _over_beta(name: str, found: Sequence[Panel | None], reason: str) -> Picture:
    panels = [panel for panel in found if panel]
    if not panels:
        raise Absent(reason)
    told = []
    for panel in panels:
        means = [f"{plain(value, 4)} at β = {beta:g}" for beta, value in mean_by_beta(panel.grid)]
        own = {key: centre(points) for key, points in panel.marked.items()}
        means += [f"{plain(value, 4)} of {named(key)} at {plain(beta, 2)}" for key, (beta, value) in own.items()]
        told.append(f"{panel.title}, {panel.unit}: {', '.join(means)}")
    return of_figure(name, ". ".join(told), lambda theme: charts.over_beta(panels, theme=theme))


def _panel(
    study: Study, title: str, unit: str, read: Callable[[Entry], Told], prints: Sequence[Print] = ()
) -> Panel | None:
    """None where no lane of the grid has it."""
    lanes = [lane for kind in study.grid if kind.beta > 0 for lane in study.lanes(kind)]
    grid = [Point(lane["beta"], *told) for lane in lanes if (told := _finite(read(lane)))]
    marked: dict[str, list[Point]] = {}
    for key in SIGMA_VAES:
        for lane in study.lanes(Kind(key)):
            told, beta = _finite(read(lane)), effective_beta(lane)
            if told and beta is not None and np.isfinite(beta) and beta > 0:
                marked.setdefault(key, []).append(Point(beta, *told))
    return Panel(title, unit, grid, marked, prints) if grid else None


def _printed(study: Study) -> list[Print]:
    """−ln p of the grid and the σ-VAE on this very set; a β of table 1 is a variance of half of it."""
    role = study.plan["role"]
    places: dict[str, float | None]
    if role == "svhn":
        table = printed.TABLE_2["svhn"]
        found = [Print(GRID, beta / 2, each.nats) for beta, each in printed.TABLE_1.items() if each.nats is not None]
        places = {GRID: 1.0, **dict.fromkeys(SIGMA_VAES, printed.EFFECTIVE_BETA / 2)}
    elif role == "mnist":
        table, found, places = printed.TABLE_3, [], {GRID: 1.0, "beta": None, "shared_gaussian": None}
    else:
        return []
    numbers = {key: table[key].nats for key in places}
    return found + [Print(key, places[key], nats) for key, nats in numbers.items() if nats is not None]


def _learning(study: Study) -> Picture:
    """Figure 9: −ELBO and σ over steps, of σ in closed form and by gradient descent."""
    losses, sigmas = [], []
    for key in LEARNED:
        lanes = study.lanes(Kind(key))
        losses += _courses(key, lanes, "elbo", sign=-1)
        sigmas += [*_courses(key, lanes, "sigma"), *_courses(key, lanes, "rmse", dashed=True)]
    if not {course.decoder for course in losses} - {"shared_gaussian"}:
        raise Absent("No lane of a σ in closed form was finished with its curve.")
    panels = [("Bound", "−ELBO, nats per image", losses)]
    if sigmas:
        panels.append(("σ and the error it should be", "intensity", sigmas))
    ends = ", ".join(
        f"{named(course.decoder)} from {plain(float(course.seeds[:, 0].mean()), 4)} to "
        f"{plain(float(course.seeds[:, -1].mean()), 4)}"
        for course in losses
    )
    return of_figure("fig9", f"−ELBO while training: {ends}", lambda theme: charts.over_steps(panels, theme=theme))


def _courses(key: str, lanes: Sequence[Entry], quantity: str, *, sign: int = 1, dashed: bool = False) -> list[Course]:
    """A decoder's course at the steps that all its seeds have in common; none where they have none."""
    rows = [{row["step"]: row.get(quantity) for row in lane["curve"] or ()} for lane in lanes]
    known = [{step: sign * y for step, y in row.items() if y is not None and np.isfinite(y)} for row in rows]
    known = [row for row in known if row]
    steps = sorted(set(known[0]).intersection(*known[1:])) if known else []
    if not steps:
        return []
    seeds = np.array([[row[step] for step in steps] for row in known], np.float64)
    return [Course(key, np.array(steps, np.float64), seeds, dashed)]


def _transforms(study: Study) -> Picture:
    found = _calibrated(study)
    told = ", ".join(f"{named(each.decoder)} {plain(each.area, 2)}" for each in found)
    alt = f"Histograms of probability integral transforms, by miscalibration area: {told}"
    return of_figure("pit", alt, lambda theme: transforms(found, theme=theme))


def _coverage(study: Study) -> Picture:
    found = _calibrated(study)
    told = ", ".join(
        f"{named(each.decoder)} {100 * each.inside[-1]:.1f} % of {100 * each.levels[-1]:g} %" for each in found
    )
    alt = f"Pixels inside central intervals: {told}"
    return of_figure("coverage", alt, lambda theme: coverages(found, theme=theme))


def _calibrated(study: Study) -> list[Calibrated]:
    """Every decoder's calibration, the best first, and that of the β whose samples are best. Absent where none was measured.

    A lane of the grid is measured as the Gaussian of σ² = β that it amounts to.
    """
    kinds = {GRID: GAUSSIAN} | {key: Kind(key) for key in study.decoders}
    best = study.best_beta(of_samples)
    if best is not None and best != GAUSSIAN.beta:
        kinds["beta"] = Kind(GRID, best)
    measured = {key: [e["calibration"] for e in study.lanes(kind) if e["calibration"]] for key, kind in kinds.items()}
    found = [_mean_calibration(key, entries) for key, entries in measured.items() if entries]
    if not found:
        raise Absent("No lane was finished and its calibration measured.")
    return sorted(found, key=lambda each: each.area)


def _mean_calibration(decoder: str, entries: Sequence[Entry]) -> Calibrated:
    """Over seeds, which look at the same images: errors are therefore no smaller than one seed's."""
    levels = sorted(entries[0]["coverage"], key=float)
    cover = np.array(
        [[[e["coverage"][level][key] for level in levels] for key in ("share", "standard_error")] for e in entries],
        np.float64,
    ).mean(0)
    return Calibrated(
        decoder,
        float(np.mean([entry["miscalibration_area"] for entry in entries])),
        np.array([entry["histogram"] for entry in entries], np.float64).mean(0),
        min(int(entry["images"]) for entry in entries),
        np.array([float(level) for level in levels]),
        cover[0],
        cover[1],
    )


def _distance(lane: Entry) -> Told:
    found = lane["distances"] and lane["distances"].get("sample")
    return (found["value"], _number(found["low"]), _number(found["high"])) if found else None


def _loss(lane: Entry) -> Told:
    if not lane["bound"]:
        return None
    mean, error = -lane["bound"]["elbo"]["mean"], _number(lane["bound"]["elbo"]["standard_error"])
    half = margin(error, lane["bound"]["images"])
    return mean, mean - half, mean + half


def _latents(name: str, lane: Entry) -> Told:
    found = lane["latents"] and lane["latents"].get(name)
    return (found["value"], _number(found["low"]), _number(found["high"])) if found else None


def _read_latents(name: str, field: str) -> Callable[[Entry], float | None]:
    def read(lane: Entry) -> float | None:
        found = lane["latents"] and lane["latents"].get(name)
        return found.get(field) if found else None

    return read


def _all(study: Study) -> list[Entry]:
    return [lane for kind in [*study.grid, *study.sigma_vaes] for lane in study.lanes(kind)]


def _finite(told: Told) -> Told:
    return told if told and told[0] is not None and np.isfinite(told[0]) else None


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
