"""What the β-VAE study's code did without saying so: every quirk as published and corrected, as a table and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kelbo.reports.figure import Theme, style
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import fixed, plain
from kelbo.reports.page_pictures import Picture, of_figure
from kelbo.studies.beta_vae.models import NAMES, betas, role_of, whole
from kelbo.studies.beta_vae.quirks_texts import TEXTS
from kelbo.studies.beta_vae.tables import CIFAR, CONVOLUTIONAL
from kelbo.studies.estimates import paired, student
from kelbo.studies.figures import WIDTH, Absent, percent_axis
from kelbo.studies.frame import Numbers
from kelbo.studies.sheets import sheet_of
from kelbo.studies.tables import Cell, Group, Row, StudyTable

Entry = Mapping[str, Any]
SIDES = ("published", "corrected", "difference")
DISTANCE = "reconstruction-distance"


def entries(n: Numbers) -> list[Entry]:
    """Every quirk, in the order of their texts: those that were measured, and the distances' from the lanes' own numbers."""
    kept = [one for one in (n.extra("quirks") or {}).get("entries", ()) if one["name"] != DISTANCE]
    order = list(TEXTS)
    return sorted([*kept, *_distances(n)], key=lambda one: order.index(one["name"]))


def _distances(n: Numbers) -> Iterator[Entry]:
    """Distances of reconstructions, as published, beside those of samples, by β."""
    title, what = TEXTS[DISTANCE]
    for arm in CIFAR:
        rows = []
        for model in betas(arm):
            made, drawn = (n.by_seed(f"distance.{part}.frechet", model) for part in ("reconstruction", "sample"))
            if made and drawn:
                found = (student(made), student(drawn), paired(made, drawn))
                sides = {side: each and each._asdict() for side, each in zip(SIDES, found, strict=True)}
                called = ", ".join(n.words("distance.sample.frechet.called", [model]))
                rows.append({"label": str(model), "unit": called, **sides})
        if rows:
            told = {"name": DISTANCE, "title": title, "what": what, "role": role_of(whole(arm))}
            yield {**told, "rows": rows, "note": "A reconstruction has seen its image, a sample has not."}


def titled_on(one: Entry) -> str:
    """A quirk's title, and its set if it was measured on one."""
    return one["title"] + (f" · {NAMES[one['role']]}" if one["role"] else "")


def quirks(n: Numbers) -> StudyTable:
    """Every quirk in words, and its numbers both ways."""
    groups, told = [], set()
    for one in entries(n):
        what = "" if one["name"] in told else one["what"]  # on another set it is the same
        groups.append(Group(titled_on(one), [_row(row) for row in one["rows"]], f"{what} {one['note']}".strip()))
        told.add(one["name"])
    words = "Below each number its 95 % interval. Both sides have the same draws."
    return StudyTable("As published, and put right", words, ["As published", "Corrected", "Difference"], groups)


def _row(row: Entry) -> Row:
    cells = [_cell(row[side], row["unit"], "points" if side == "difference" else "%") for side in SIDES]
    return Row(row["label"], cells, "" if row["unit"] == "accuracy" else row["unit"])


def _cell(found: Entry | None, unit: str, percent: str) -> Cell:
    """Accuracies in percent, and what lies between two of them in points."""
    if found is None or found["value"] is None:
        return Cell()
    share = unit == "accuracy"
    value, *ends = (_number(found[key], share) for key in ("value", "low", "high") if found[key] is not None)
    return Cell(f"{value} {percent}" if share else value, notes=(" to ".join(ends),) if len(ends) == 2 else ())


def _number(value: float, share: bool) -> str:
    return fixed(round(100 * value, 1) + 0.0, 1) if share else plain(value)  # no −0.0


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def quirk_scores(n: Numbers) -> Picture:
    """What each quirk did to scores: an open dot as published, a full one corrected, each on its interval."""
    groups = {
        titled_on(one): rows
        for one in entries(n)
        if (rows := [r for r in one["rows"] if r["unit"] == "accuracy" and r["published"] and r["corrected"]])
    }
    if not groups:
        raise Absent("No quirk was measured on scores.")
    return of_figure(
        "quirk-scores", f"Scores as published and corrected: {'; '.join(groups)}", lambda theme: _scores(groups, theme)
    )


def _scores(groups: Mapping[str, Sequence[Entry]], theme: Theme) -> Figure:
    lines = sum(len(rows) + 1.2 for rows in groups.values())
    looks = (("published", theme.second, theme.paper, -0.13), ("corrected", theme.first, theme.first, 0.13))
    with style(theme):
        figure = Figure(figsize=(WIDTH, 0.6 + 0.21 * lines), layout="constrained")
        axes, place, labels = figure.subplots(), 0.0, {}
        for title, rows in groups.items():
            words = {"va": "center", "fontsize": 7.5, "fontweight": "bold", "in_layout": False}
            axes.annotate(title, (0.005, place), xycoords=("figure fraction", "data"), color=theme.ink, **words)
            for row in rows:
                place += 1
                labels[place] = row["label"]
                axes.plot([row[side]["value"] for side in SIDES[:2]], [place] * 2, color=theme.faint, linewidth=0.8)
                for side, hue, face, aside in looks:
                    found = row[side]
                    if found["low"] is not None and found["high"] is not None:
                        axes.hlines(place + aside, found["low"], found["high"], color=hue, linewidth=1.2)
                    dot = {"color": hue, "markerfacecolor": face, "markersize": 4.5, "mew": 1.2, "zorder": 3}
                    axes.plot(found["value"], place, "o", clip_on=False, **dot)
            place += 1.2
        axes.set_yticks(list(labels), list(labels.values()), fontsize=7.5)
        axes.set(xlim=(0, 1), ylim=(place - 0.5, -0.7), xlabel="accuracy of the classifier")
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        percent_axis(axes.xaxis)
        handles = [
            Line2D([], [], linestyle="", marker="o", color=hue, markerfacecolor=face, label=word)
            for word, (_, hue, face, _) in zip(("as published", "corrected"), looks, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def layouts(n: Numbers) -> Labelled:
    """Colour images as PCA and ICA were fitted to them, and as the same encoders then read them."""
    rows = []
    for arm in CONVOLUTIONAL[1:]:
        if kept := n.kept("layouts", whole(arm)):
            fitted, given, dark = kept.arrays()["images"].reshape(3, -1, *kept.arrays()["images"].shape[1:])
            rows += [
                (NAMES[role_of(arm)], "as it was fitted", fitted),
                ("", "as it was given, brighter", given),
                ("", "as it was given", dark),
            ]
    return sheet_of("layouts", "Images as they were fitted, with their pixels in another order, and nearly black", rows)
