"""Figures of the β-VAE study by the number that the report gives them, rate against distortion, and β as a variance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from kelbo.experiments.plane import Plane, of_arrays
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import fixed, plain
from kelbo.reports.page_pictures import Picture, intensities, of_figure
from kelbo.studies.arms import StudyModel
from kelbo.studies.beta_vae.drawings import both_ways, planes
from kelbo.studies.beta_vae.models import (
    ARMS,
    BETAS,
    CONV,
    FACTORS,
    MLP,
    NAMES,
    NETWORKS,
    beta,
    betas,
    linear,
    linears,
    role_of,
    whole,
)
from kelbo.studies.beta_vae.tables import CHOSEN, CIFAR, CONVOLUTIONAL
from kelbo.studies.charts import Bars, Cloud, bars, curve, curves, rate_distortion
from kelbo.studies.figures import (
    DASHED,
    DOTTED,
    Absent,
    Line,
    Look,
    Point,
    SettingPanel,
    ordered_looks,
    over_setting,
)
from kelbo.studies.frame import LaneRecord, Numbers
from kelbo.studies.sheets import Sheet, beside, sheet_of

MARKERS = {"conv": "o", "mlp": "s"}
SHOWN_FIRST = CIFAR[::-1]
"""CIFAR-100 is the report's own choice for its figures"""
PRINTED = "100 %"
"""the score of both models that the report's plotting script prints over its traversals"""

_LOOKS = ordered_looks(
    betas(""),
    {
        StudyModel("", linear("", "pca").settings): Look("#6b7280", "#9aa1ab", "D", DASHED),
        StudyModel("", linear("", "ica").settings): Look("#b3b8c0", "#5c636d", "^", DOTTED),
    },
)


def anywhere(model: StudyModel) -> StudyModel:
    """A model whatever set and network it is of."""
    return StudyModel("", model.settings, model.name)


def looks(model: StudyModel) -> Look:
    """One look for a β in all figures."""
    return _LOOKS(anywhere(model))


# ── scores ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fig3(n: Numbers) -> Picture:
    """Scores of the convolutional network on every set with factors, by β."""
    groups = []
    for (role, factors), count in CHOSEN.items():
        models = [*betas(f"{role}-conv"), *linears(role)]
        values = {anywhere(model): list(n.by_seed(f"score.{factors}", model).values()) for model in models}
        if n.seeds(whole(f"{role}-conv")):
            groups.append(Bars(f"{NAMES[role]}\n{count} factors", values, 1 / count))
    return bars("fig3", groups, looks, "median accuracy of the classifier", level="chance, 1/F")


def fig4(n: Numbers) -> Picture:
    """Traversals of the best-scoring MLP and convolutional model on 2Dshapes beside one another."""
    sheets, span = [], ""
    for arm in (MLP, CONV):
        model, lane, score = best(n, arm)
        kept = n.measured(lane, "traversals-study")
        if kept is None:
            raise Absent(f"No traversal of {model} is kept in its run.")
        images, span = intensities(kept.arrays()["images"]), f"{kept.value['span']:g}"
        rows = [f"z {k}\n{fixed(r, 2)}" for k, r in zip(kept.value["latents"], kept.value["rates"], strict=True)]
        columns = [""] * images.shape[1]
        columns[0], columns[len(columns) // 2], columns[-1] = f"−{span}", "0", span
        network = NETWORKS[arm.rpartition("-")[2]]
        title = f"{network[:1].upper()}{network[1:]}, {model}, seed {lane['seed']}"
        sheets.append(Sheet(title, f"score {fixed(100 * score, 1)} %; printed {PRINTED}", rows, columns, images))
    told = "; ".join(f"{one.title}: {one.about}" for one in sheets)
    alt = f"One image decoded with each of the latents of the highest rate moved from −{span} to {span}. {told}"
    foot = f"z over ±{span} prior standard deviations; below each name its rate, nats"
    return beside("fig4", alt, sheets, foot)


def best(n: Numbers, arm: str) -> tuple[StudyModel, LaneRecord, float]:
    """The run of an arm with the highest score of four factors, of five if there is none of four."""
    for factors in reversed(FACTORS):
        found = [(v, s, model) for model in betas(arm) for s, v in n.by_seed(f"score.{factors}", model).items()]
        if found:
            score, seed, model = max(found, key=lambda one: one[0])
            return model, next(lane for lane in n.done(model) if lane["seed"] == seed), score
    raise Absent(f"No run of {whole(arm)} was finished and scored.")


def fig5(n: Numbers) -> Picture:
    """Codes of factor sweeps by the convolutional model at a low and a high β, on one scale."""
    pair = beta(CONV, 0.1), beta(CONV, 4.0)
    shared = [seed for seed in n.seeds(pair[0]) if seed in n.seeds(pair[1])]
    found: dict[str, Plane] = {}
    names: Sequence[str] = ()
    for model in pair if shared else ():
        lane = next(lane for lane in n.done(model) if lane["seed"] == shared[0])
        if kept := n.measured(lane, "factor-codes"):
            names = kept.settings["factors"]
            found[f"{model}, seed {lane['seed']}"] = of_arrays(kept.arrays(), kept.value["values"])
    if len(found) < len(pair):
        raise Absent(f"No seed of {whole(CONV)} was finished at both {pair[0]} and {pair[1]}, with its codes.")
    alt = f"Codes of sweeps of {len(names)} factors on their first two principal components, {' beside '.join(found)}"
    return of_figure("fig5", alt, lambda theme: planes(found, names, theme))


def fig6(n: Numbers) -> Picture:
    """Scores of the MLP on 2Dshapes over L."""
    panels = []
    for factors in reversed(FACTORS):
        count = CHOSEN["dsprites", factors]
        lines = [Line(m, list(_over_pairs(n, factors, m))) for m in (*betas(MLP), *linears("dsprites"))]
        lines = [line for line in lines if len(line.means) > 1]
        panels.append(
            SettingPanel(f"2Dshapes, {FACTORS[factors]}", "", lines, (), (1 / count, f"chance, 1/{count}"), share=True)
        )
    return over_setting("fig6", panels, looks, "L, pairs in one point that the classifier sees")


def _over_pairs(n: Numbers, factors: str, model: StudyModel) -> Iterator[Point]:
    """A model's scores at every L, of the seeds that have them all."""
    found = {
        pairs: n.by_seed(f"score.{factors}.{n.facts['classifier']}.{pairs}", model) for pairs in n.facts["pairs_sweep"]
    }
    found = {pairs: scores for pairs, scores in found.items() if scores}
    for seed in set.intersection(*map(set, found.values())) if found else ():
        yield from (Point(pairs, scores[seed]) for pairs, scores in found.items())


# ── images ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def strips(n: Numbers, name: str, arms: Sequence[str]) -> Labelled:
    """Images of each set, a row a set."""
    rows = []
    for arm in arms:
        if kept := n.kept("strip", whole(arm)):
            source = n.facts["sets"][role_of(arm)]
            about = f"rendered ({source['set']})" if source["source"] == "rendered" else "official files"
            rows.append((NAMES[role_of(arm)], about, kept.arrays()["images"]))
    return sheet_of(name, f"Images of {', '.join(row[0] for row in rows)}", rows)


fig1 = partial(strips, name="fig1", arms=CONVOLUTIONAL)
fig2 = partial(strips, name="fig2", arms=SHOWN_FIRST)


def fig7(n: Numbers) -> Picture:
    """Distances while training: of reconstructions, as the report has them, and of samples."""
    panels = []
    for arm in SHOWN_FIRST:
        called = ", ".join(n.words("distance.sample.frechet.called", betas(arm)))
        for part in ("reconstruction", "sample"):
            found = [one for model in betas(arm) for one in curve(n, f"follow.rows.{part}", model)]
            panels.append((f"{NAMES[role_of(arm)]}, {part}s", called, found))
        if any(found for *_, found in panels):
            break
    return curves("fig7", panels, looks)


def fig8(n: Numbers) -> Picture:
    """The reconstruction loss while training."""
    arm = next((arm for arm in SHOWN_FIRST if n.seeds(whole(arm))), CIFAR[0])
    found = [one for model in betas(arm) for one in curve(n, "journal.distortion", model)]
    return curves("fig8", [(f"{NAMES[role_of(arm)]}, distortion", "nats per image", found)], looks)


def reconstructions(n: Numbers, name: str, b: float) -> Labelled:
    """Test images of CIFAR above what the model of one β makes of them."""
    for model in (beta(arm, b) for arm in SHOWN_FIRST):
        if kept := n.kept("reconstructions", model):
            shown, made = (intensities(kept.arrays()[part]) for part in ("images", "made"))
            rows = [(NAMES[role_of(model)], "test images", shown), (str(model), "recon\u00adstructed", made)]
            return sheet_of(name, f"Test images of {NAMES[role_of(model)]} above their reconstructions, {model}", rows)
    raise Absent(f"No run on CIFAR at β = {b:g} was finished.")


fig9 = partial(reconstructions, name="fig9", b=BETAS[0])
fig10 = partial(reconstructions, name="fig10", b=BETAS[-1])

# ── what β weighs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def rates(n: Numbers) -> Picture:
    """Rate against distortion of every run."""
    clouds: dict[str, list[Any]] = {}
    for (role, network), arm in ARMS.items():
        for model in betas(arm):
            rate, distortion = (
                {row[0]: row for row in n.rows(f"bound.{part}", model)} for part in ("rate", "distortion")
            )
            for seed in rate.keys() & distortion.keys():
                pair = (_with_margin(row[seed]) for row in (rate, distortion))
                clouds.setdefault(role, []).append((anywhere(model), *pair, MARKERS[network]))
    found = [Cloud(NAMES[role], runs) for role, runs in clouds.items()]
    used = {run[-1] for cloud in found for run in cloud.runs}
    return rate_distortion("rd", found, looks, {m: NETWORKS[name] for name, m in MARKERS.items() if m in used})


def _with_margin(row: tuple[int, float, float, float, int]) -> tuple[float, float]:
    _, value, low, high, _ = row
    return value, (high - low) / 2


def identity(n: Numbers) -> Picture:
    """The β-VAE of unit variance and the VAE of σ² = β, trained from the same weights."""
    found = n.extra("identity")
    if not found:
        raise Absent("The identity was not measured.")
    worst = max(map(float, [*found["loss_gap"], *found["gradient_gap"]]))
    alt = f"Losses and gradients of the β-VAE and the VAE of σ² = β differ by at most {plain(worst, 2)}"
    return of_figure("identity", alt, lambda theme: both_ways(found, theme))
