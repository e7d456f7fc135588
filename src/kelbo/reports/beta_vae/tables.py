"""The β-VAE study's tables, our numbers above the printed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kelbo.reports.beta_vae import numbers as n, printed as papers
from kelbo.reports.beta_vae.architectures import table_4
from kelbo.reports.beta_vae.cells import OF_PERCENT, absent, scored
from kelbo.reports.beta_vae.results import NAMES, Entry, Study, named
from kelbo.reports.cells import Cell, Group, Row, StudyTable, some, with_deviation
from kelbo.reports.claims import percent, sentence
from kelbo.reports.numbers import fixed, plain


def tables(results: Mapping[str, Any]) -> list[StudyTable]:
    """What was run; tables 1 to 4; scores of every other set and network, which are figure 3's, after table 1."""
    study = Study(results)
    return [plan(study), table_1(study), figure_3(study), table_2(study), table_3(study), table_4(study)]


def plan(study: Study) -> StudyTable:
    """What was trained, for how long, beside the paper's epochs."""
    rows = [
        Row(f"{NAMES[s['role']]}, {n.NETWORKS[s['network']]}", _planned(study, s), s["note"]) for s in _sweeps(study)
    ]
    return StudyTable(
        "plan",
        "",
        "The study never prints its epochs: 40 is what the names of its files and its rule on the last 25 % agree on. "
        "Standard deviations everywhere are over seeds, with n − 1 as the study has them.",
        ["Images", "β", "Seeds", "Steps", "Epochs", "Optimiser", "Runs"],
        [Group("", rows)] if rows else [],
        words=True,
    )


def _sweeps(study: Study) -> list[Entry]:
    return [sweep for group in n.groups_run(study) for sweep in n.sweeps_of(study, *group)]


def _planned(study: Study, sweep: Entry) -> list[Cell]:
    group = (sweep["role"], sweep["network"])
    done, all_of = len(n.lanes(study, group)), sweep["lanes"]
    drop = "a fifth over the last quarter" if sweep["drop"] else "constant"
    share = percent(sweep["steps"] / sweep["paper_steps"])
    return [
        Cell(f"{sweep['images']:,}", notes=(f"{sweep['set']}, {sweep['source']}",)),
        Cell(", ".join(f"{beta:g}" for beta in sweep["betas"])),
        Cell(", ".join(map(str, sweep["seeds"]))),
        Cell(f"{sweep['steps']:,}", notes=(f"of {sweep['paper_steps']:,}: {share}",)),
        Cell(plain(sweep["epochs"], 2), notes=(f"of {plain(sweep['paper_epochs'], 2)}",)),
        Cell(
            sweep["optimizer"], notes=(f"rate {sweep['learning_rate']:g}, {drop}", f"batches of {sweep['batch_size']}")
        ),
        Cell(f"{done} of {all_of}", notes=some(n.lost(study, group))),
    ]


def table_1(study: Study) -> StudyTable:
    """Scores on 2Dshapes by the MLP, with five factors and four."""
    columns = [
        "Five factors: mean, %",
        "median, %",
        "Four factors: mean, %",
        "median, %",
        "Higgins et al., four factors, %",
        "Seeds",
    ]
    group = ("dsprites", "mlp")
    return StudyTable(
        "table1",
        "Table 1 · Scores on 2Dshapes, MLP",
        f"β-VAE score, mean ± standard deviation over seeds and median, by {papers.CLASSIFIERS[study.classifier]} at "
        f"L = {study.pairs}. Small: what the study prints, by {papers.CLASSIFIERS['linear']}. Higgins et al. drop the worst "
        "half of their runs.",
        columns,
        [Group("", _score_rows(study, group), absent(study, group))],
    )


def figure_3(study: Study) -> StudyTable:
    """The same scores of every other set and network that was run."""
    groups = []
    for group in n.groups_run(study):
        if group != ("dsprites", "mlp") and group[0] not in papers.TABLE_3:
            title = f"{NAMES[group[0]]}, {n.NETWORKS[group[1]]}"
            groups.append(Group(title, _score_rows(study, group), absent(study, group)))
    return StudyTable(
        "figure3-scores",
        "Scores behind figure 3",
        "The figure prints no numbers; of 2Dshapes the text says “almost 100 %” with four factors and “around 90 %” with "
        "five. Where a set has one choice of factors, it is under the first two columns: six factors of 3Dshapes, seven of "
        "MPI3DToy.",
        ["All factors: mean, %", "median, %", "Four factors: mean, %", "median, %", "Seeds"],
        groups,
    )


def _score_rows(study: Study, group: n.Group) -> list[Row]:
    printed, rows = group == ("dsprites", "mlp"), []
    for kind in papers.MODELS:
        by_factors = {factors: n.scores(study, group, kind, factors) for factors in n.CHOSEN}
        cells = []
        for factors, values in by_factors.items():
            if factors != "all" and group[0] != "dsprites":
                cells += [Cell(""), Cell("")]
                continue
            number = papers.TABLE_1[factors][kind] if printed else None
            cells.append(scored(values.values(), number))
            notes = (f"printed {number.median:g}",) if number and number.median else ()
            middle = fixed(float(np.median([100 * value for value in values.values()])), OF_PERCENT) if values else "–"
            cells.append(Cell(middle, notes=notes))
        if printed:
            cells.append(Cell(str(papers.HIGGINS.get(kind, "–"))))
        lost = "" if isinstance(kind, str) else n.lost(study, group, kind)
        seeds = max(len(values) for values in by_factors.values())
        rows.append(Row(named(kind), [*cells, Cell(str(seeds), notes=some(lost))]))
    return rows


def table_2(study: Study) -> StudyTable:
    """Four classifiers, over all β."""
    rows = []
    for role, printed in papers.TABLE_2.items():
        group = (role, "mlp" if role == "dsprites" else "conv")
        by_classifier = {name: n.by_classifier(study, group, name) for name in printed}
        cells = [_by_classifier(study, group, name, number) for name, number in printed.items()]
        counts = sorted({len(values) for values in by_classifier.values()})
        about = n.NETWORKS[group[1]] if counts[-1] else sentence(n.absence(study, group))
        rows.append(Row(NAMES[role], [*cells, Cell(n.ends(counts))], about))
    return StudyTable(
        "table2",
        "Table 2 · Scores by classifier",
        "Mean ± standard deviation in percent over every β, seed and, on 2Dshapes, both choices of factors. So the study has "
        "it too, whatever its caption (“on 2Dshapes”): its first number is mean and deviation of the 32 scores of its table 1, "
        f"to the last digit. L = {study.pairs}; small: what the study prints.",
        [*(papers.CLASSIFIERS[name] for name in papers.TABLE_2["dsprites"]), "Scores"],
        [Group("", rows)],
    )


def _by_classifier(study: Study, group: n.Group, name: str, printed: papers.Printed) -> Cell:
    cell = scored(n.by_classifier(study, group, name).values(), printed)
    learnt = n.points_learnt(study, group, name)
    return replace(cell, notes=cell.notes + some(f"learnt from {n.ends(learnt)} points" if learnt else ""))


def table_3(study: Study) -> StudyTable:
    """Fréchet distances on CIFAR, of reconstructions as the study has them and of samples."""
    groups = []
    for role in papers.TABLE_3:
        rows = [_distances(study, role, made) for made in ("reconstruction", "sample")]
        groups.append(Group(NAMES[role], rows, absent(study, (role, "conv"))))
    names = {
        x
        for role in papers.TABLE_3
        for made in ("reconstruction", "sample")
        for x in n.distance_names(study, role, made)
    }
    ours = (
        "Ours are FIDs over the same Inception features"
        if names and all(x.startswith("FID") for x in names)
        else "The printed FIDs are over the Inception features of 2015, so no number of ours compares with them in size"
    )
    images = [lane["distances"]["images"] for lane in study.results["lanes"] if lane["distances"]]
    which = (
        "training images, from draws of the posterior"
        if study.as_published
        else "held-out images, from the posterior’s mean"
    )
    over = f" Ours are over {n.ends(images)} {which}; fewer images give larger distances." if images else ""
    return StudyTable(
        "table3",
        "Table 3 · Fréchet distances on CIFAR",
        "The study’s FID is of reconstructions of the training images; of samples it would be a measure of the generative "
        f"model, and the GAN’s {papers.WGAN_GP_FID:g} is of samples, so that column compares two things. {ours}. "
        f"Smaller is better.{over}",
        [*map(named, papers.BETAS), "WGAN-GP"],
        groups,
    )


def _distances(study: Study, role: str, made: str) -> Row:
    cells = []
    for beta in papers.BETAS:
        values = list(n.reading(study, (role, "conv"), beta, n.distance(made)).values())
        notes = (f"printed {papers.TABLE_3[role][beta]:g}",) if made == "reconstruction" else ()
        if len(values) == 1:
            notes += some(_over_images(study, role, beta, made))
        cells.append(Cell(*with_deviation(values), notes=notes))
    gan = role == "cifar10" and made == "sample"
    cells.append(Cell(notes=(f"printed {papers.WGAN_GP_FID:g}",) if gan else ()))
    title = "Of reconstructions, as the study" if made == "reconstruction" else "Of samples"
    return Row(title, cells, ", ".join(n.distance_names(study, role, made)))


def _over_images(study: Study, role: str, beta: float, made: str) -> str:
    """A single lane's own interval."""
    for lane in n.lanes(study, (role, "conv"), beta):
        found = lane["distances"] and lane["distances"][made]
        if found and found["low"] is not None and found["high"] is not None:
            return f"{plain(found['low'])} to {plain(found['high'])} over images"
    return ""
