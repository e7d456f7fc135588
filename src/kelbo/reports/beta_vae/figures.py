"""Every figure of the β-VAE study's report, by the number that the study gives it, and ours beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kelbo.reports.beta_vae.charts import (
    Bars,
    Cloud,
    over_training,
    rate_against_distortion,
    score_bars,
    scores_over_pairs,
)
from kelbo.reports.beta_vae.images import mixed_up, planes, reconstructions, strips, traversals
from kelbo.reports.beta_vae.quirks import identity_picture, quirk_key, quirk_picture
from kelbo.reports.beta_vae.results import CIFAR, FACTORS, NAMES, Entry, Study, named
from kelbo.reports.numbers import fixed
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.reports.study_figures import Absent, Lanes, Shown, draw_all

VARIANTS = {"all": 0, "without shape": 1}
"""factors that a score leaves out of the classes"""


def figures(
    results: Mapping[str, Any], folder: Path, *, missing: dict[str, str] | None = None
) -> dict[str, Shown | None]:
    """The study's figures as pictures, None where this run has nothing to show; `missing` is then told why, by key.

    results: what results.json holds; folder: the study's, whose runs figures 1, 2, 4, 5, 9 and 10 open. Keys: fig1 … fig10,
    rd (rate against distortion), identity (β as a variance), the `quirk_key` of each quirk, and the same with "-seen" of the
    one that is seen in images.
    """
    study, lanes = Study(results), Lanes(folder)
    drawn: dict[str, Callable[[], Shown]] = {
        "fig4": partial(traversals, study, lanes),
        "fig5": partial(planes, study, lanes),
        "fig1": partial(strips, study, lanes, "fig1", tuple(FACTORS)),
        "fig2": partial(strips, study, lanes, "fig2", CIFAR[::-1]),
        "fig3": partial(_bars, study),
        "fig6": partial(_over_pairs, study),
        "fig7": partial(_distances, study),
        "fig8": partial(_distortion, study),
        "fig9": partial(reconstructions, study, lanes, "fig9", 0.1),
        "fig10": partial(reconstructions, study, lanes, "fig10", 10.0),
        "rd": partial(_rates, study),
        "identity": partial(_identity, study),
    }
    for quirk in results["quirks"]:
        drawn[quirk_key(quirk)] = partial(_quirk, quirk)
        if quirk["name"] == "baseline-layouts":
            drawn[f"{quirk_key(quirk)}-seen"] = partial(mixed_up, study, lanes, quirk, f"{quirk_key(quirk)}-seen")
    return draw_all(drawn, missing)


def _bars(study: Study) -> Picture:
    """Figure 3: of the convolutional model on every set with factors."""
    groups = []
    for role, count in FACTORS.items():
        for factors, dropped in reversed(VARIANTS.items()):
            scores = {kind: study.scores(kind, role, "conv", factors) for kind in study.kinds}
            if any(scores[beta] for beta in study.betas):
                title = f"{NAMES[role]}\n{count - dropped} factors"
                groups.append(Bars(title, scores, 1 / (count - dropped)))
    if not groups:
        raise Absent("No lane of the convolutional model was finished and scored.")
    told = "; ".join(
        f"{group.title.replace(chr(10), ', ')}: "
        + ", ".join(
            f"{named(kind)} {fixed(100 * np.median(seeds), 1)} %" for kind, seeds in group.scores.items() if seeds
        )
        for group in groups
    )
    alt = f"Bars of median β-VAE scores. {told}"
    return of_figure("fig3", alt, lambda theme: score_bars(groups, study.kinds, theme=theme))


def _over_pairs(study: Study) -> Picture:
    """Figure 6: of the MLP on 2Dshapes."""
    panels = []
    for factors, dropped in reversed(VARIANTS.items()):
        if lines := study.over_pairs("dsprites", "mlp", factors):
            count = FACTORS["dsprites"] - dropped
            panels.append((f"{NAMES['dsprites']}, {count} factors", 1 / count, lines))
    if not panels:
        raise Absent("No lane of the MLP on 2Dshapes was scored at more than one L.")
    alt = "β-VAE score against L of " + ", ".join(named(line.kind) for line in panels[0][2])
    return of_figure("fig6", alt, lambda theme: scores_over_pairs(panels, study.kinds, theme=theme))


def _distances(study: Study) -> Picture:
    """Figure 7: as the study has it, of reconstructions; and of samples."""
    for role in CIFAR:
        panels = []
        for kind, title in (("reconstruction", "reconstructions"), ("sample", "samples")):
            if lines := study.over_steps(role, "distance_curve", kind):
                measured = [lane["distances"] for lane in study.lanes(role=role)]
                called = {each[kind]["called"] for each in measured if each and kind in each}
                panels.append((f"{NAMES[role]}, {title}", " / ".join(sorted(called)) or "Fréchet distance", lines))
        if panels:
            alt = f"Fréchet distance while training on {NAMES[role]}, {_ends(panels[0][2])}"
            return of_figure("fig7", alt, lambda theme, p=panels: over_training(p, study.kinds, theme=theme))
    raise Absent(
        "No lane on CIFAR was finished with distances read, through the network asked for now, while it trained."
    )


def _distortion(study: Study) -> Picture:
    """Figure 8: the reconstruction loss is the distortion."""
    for role in CIFAR:
        if lines := study.over_steps(role, "curve", "distortion"):
            panels = [(f"{NAMES[role]}, reconstruction loss", "distortion, nats per image", lines)]
            alt = f"Distortion while training on {NAMES[role]}, {_ends(lines)}"
            return of_figure("fig8", alt, lambda theme, p=panels: over_training(p, study.kinds, theme=theme))
    raise Absent("No lane on CIFAR was finished.")


def _rates(study: Study) -> Picture:
    """Rate against distortion, of every run."""
    clouds = []
    for role in study.roles(NAMES):
        measured = [lane for lane in study.lanes(role=role) if lane.get("bound")]
        if measured:
            rates, distortions = (
                np.array(
                    [[lane["bound"][key]["mean"], lane["bound"][key]["standard_error"]] for lane in measured],
                    np.float64,
                )
                for key in ("rate", "distortion")
            )
            betas, networks = [float(e["beta"]) for e in measured], [e["network"] for e in measured]
            clouds.append(Cloud(NAMES[role], betas, networks, rates, distortions))
    if not clouds:
        raise Absent("No lane was finished and measured.")
    alt = "Rate against distortion of " + ", ".join(f"{len(cloud.betas)} runs on {cloud.title}" for cloud in clouds)
    return of_figure("rd", alt, lambda theme: rate_against_distortion(clouds, study.kinds, theme=theme))


def _identity(study: Study) -> Picture:
    if not (identity := study.results.get("identity")):
        raise Absent("The identity was not measured in this run.")
    return identity_picture(identity)


def _quirk(quirk: Entry) -> Picture:
    if (picture := quirk_picture(quirk)) is None:
        raise Absent("No number tells it.")
    return picture


def _ends(lines: list[Any]) -> str:
    return "last means " + ", ".join(f"{named(line.kind)} {line.mean[-1]:,.4g}" for line in lines)
