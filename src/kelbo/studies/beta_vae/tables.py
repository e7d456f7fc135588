"""Tables 1 to 4 of the β-VAE study, our numbers above the printed ones."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kelbo.reports.numbers import NONE, fixed
from kelbo.studies.arms import StudyModel
from kelbo.studies.beta_vae.models import (
    ARMS,
    CLASSIFIERS,
    CONV,
    FACTORS,
    MLP,
    NAMES,
    NETWORKS,
    betas,
    linears,
    role_of,
    whole,
)
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import sentence
from kelbo.studies.tables import Cell, Column, Group, Row, StudyTable, about, by_model, joined

WITH_FACTORS = (MLP, "3dshapes-conv", "mpi3d-conv")
"""arms of table 2"""
CONVOLUTIONAL = (CONV, *WITH_FACTORS[1:])
CIFAR = ("cifar10-conv", "cifar100-conv")
CHOSEN = {("dsprites", "four"): 4, ("dsprites", "five"): 5, ("3dshapes", "five"): 6, ("mpi3d", "five"): 7}
"""how many factors are told apart, by set and choice"""
SHARE = Column("", times=100, decimals=1)
GAN = StudyModel("cifar10-gan", name="WGAN-GP", printed="WGAN-GP")


def told(n: Numbers) -> str:
    """How scores are taken."""
    return f"In percent, by {CLASSIFIERS[n.facts['classifier']]}, L = {n.facts['pairs']}."


def _scores(factors: str, title: str) -> tuple[Column, Column]:
    """Mean and median over seeds."""
    quantity, form = f"score.{factors}", {"times": 100.0, "decimals": 1, "place": "Table 1"}
    return (
        Column(f"{title}: mean", quantity, printed=quantity, **form),
        Column("median", quantity, printed=f"{quantity}.median", median=True, **form),
    )


def table_1(n: Numbers) -> StudyTable:
    """Scores on 2Dshapes by the MLP, with five factors and four."""
    higgins = Column("Higgins et al., four factors", printed="score.four", place="Higgins et al.", alone=True)
    columns = (*_scores("five", "Five factors"), *_scores("four", "Four factors"), higgins)
    words = f"{told(n)} Printed: by {CLASSIFIERS['linear']}. Higgins et al. drop the worst half of their runs."
    models = {"": [*betas(MLP), *linears("dsprites")]}
    return by_model(n, "Table 1 · Scores on 2Dshapes, MLP", words, columns, models, data="dsprites")


def figure_3_scores(n: Numbers) -> StudyTable:
    """The same of the convolutional network on every set with factors, a column a set and choice of factors."""
    rows = []
    for place, model in enumerate([*betas(CONV), *linears("dsprites")]):
        cells = []
        for role, factors in CHOSEN:
            own = [*betas(f"{role}-conv"), *linears(role)][place]
            values = list(n.by_seed(f"score.{factors}", own).values())
            middle = [f"median {fixed(100 * float(np.median(values)), 1)}"] if values else []
            cells.append(joined(values, None, SHARE, {}, middle))
        rows.append(Row(str(model), cells))
    columns = [f"{NAMES[role]}, {count} factors" for (role, _), count in CHOSEN.items()]
    words = f"Mean ± standard deviation over seeds. {told(n)} The figure prints no numbers."
    return StudyTable("Scores behind figure 3", words, columns, [Group("", rows)])


def table_2(n: Numbers) -> StudyTable:
    """Four classifiers, over every β, seed and choice of factors."""
    marks: dict[str, str] = {}
    rows = [
        Row(NAMES[role_of(arm)], [_pooled(n, arm, name, marks) for name in CLASSIFIERS], about(n, whole(arm)))
        for arm in WITH_FACTORS
    ]
    words = f"In percent, over β, seeds and choices of factors; L = {n.facts['pairs']}. Points are those to learn from."
    footnotes = {mark: n.paper.errata[erratum] for erratum, mark in marks.items()}
    return StudyTable(
        "Table 2 · Scores by classifier", words, list(CLASSIFIERS.values()), [Group("", rows)], footnotes=footnotes
    )


def _pooled(n: Numbers, arm: str, name: str, marks: dict[str, str]) -> Cell:
    quantities = [f"score.{factors}.{name}.{n.facts['pairs']}" for factors in FACTORS]
    scores, learnt = (
        [row[1] for quantity in quantities for row in n.rows(quantity + part, whole(arm))] for part in ("", ".train")
    )
    ends = " to ".join(f"{int(points):,}" for points in sorted({min(learnt), max(learnt)})) if learnt else ""
    notes = [f"{len(scores)} scores", f"of {ends} points each"] if learnt else []
    return joined(scores, n.paper.find(name, "score", role_of(arm), "Table 2"), SHARE, marks, notes)


def table_3(n: Numbers) -> StudyTable:
    """Fréchet distances on CIFAR, of reconstructions as the study has them and of samples."""
    columns = (
        Column("Of recon\u00adstructions", "distance.reconstruction.frechet"),
        Column("Of samples", "distance.sample.frechet", notes="distance.sample.frechet.called"),
        Column("Printed FID", printed="fid", alone=True),
    )
    groups = {NAMES[role_of(arm)]: [*betas(arm), *([GAN] if arm == CIFAR[0] else [])] for arm in CIFAR}
    compared = (
        "training images, drawn from posteriors" if n.as_published else "held-out images, of the posterior’s mean"
    )
    words = f"Smaller is better. Ours of reconstructions: {compared}. Fewer images make a distance larger."
    return by_model(n, "Table 3 · Fréchet distances on CIFAR", words, columns, groups, data=role_of)


# ── table 4 ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def table_4(n: Numbers) -> StudyTable:
    """Architectures as printed and as they were built."""
    entries = (n.extra("architectures") or {}).get("entries", ())
    built = {(entry["role"], entry["network"]): entry for entry in entries}
    groups = []
    for printed in n.paper.content["architectures"]:
        place = printed["data"], printed["network"]
        note = "" if place in built else sentence(n.absence(whole(ARMS[place])))
        title = f"{NAMES[place[0]]}, {NETWORKS[place[1]]}"
        groups.append(Group(title, _architecture(printed, built.get(place)), note))
    words = (
        "As counted from models of the recipes here. Three convolutions are CIFAR’s only: images of 64 pixels go through four, "
        "in the study’s code too. An encoder’s last layer gives mean and variance of every latent."
    )
    return StudyTable("Table 4 · Architectures", words, ["As printed", "As built"], groups, words=True)


SETTINGS = {
    "Latents": "latents",
    "Optimiser": "optimizer",
    "Learning rate": "learning_rate",
    "Batch size": "batch_size",
}


def _architecture(printed: Mapping[str, Any], built: Mapping[str, Any] | None) -> list[Row]:
    there = {"Input": f"{printed['pixels']:,} numbers", "Encoder": printed["encoder"], "Decoder": printed["decoder"]}
    there |= {name: str(printed[key]) for name, key in SETTINGS.items()} | {"Parameters": NONE}
    here, differs = _built(printed, built) if built else ({}, set())
    return [
        Row(name, [Cell(text), Cell(here.get(name, NONE), mark="not as printed" if name in differs else "")])
        for name, text in there.items()
    ]


def _built(printed: Mapping[str, Any], built: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
    """What was built in words, and the names of the rows in which it is not as printed."""
    numbers = math.prod(built["input"])
    here = {
        "Input": f"{numbers:,} ({'×'.join(map(str, built['input']))})",
        "Encoder": ", ".join(built["encoder"]),
        "Decoder": f"{', '.join(built['decoder'])}. {built['likelihood'].capitalize()}",
        **{name: str(built[key]) for name, key in SETTINGS.items()},
        "Parameters": f"{built['parameters']:,}",
    }
    same = {name: printed[key] == built[key] for name, key in SETTINGS.items()}
    same["Input"] = numbers == printed["pixels"]
    same["Encoder"] = convolutions(built["encoder"]) in (0, printed.get("convolutions"))
    return here, {name for name, alike in same.items() if not alike}


def convolutions(encoder: Sequence[str]) -> int:
    """Convolutional layers of an encoder in words ("Conv 32×4×4 (stride 2) ×4"): the number after the last space's ×."""
    counts = [re.search(r"\s×\s?(\d+)$", layer) for layer in encoder if layer.startswith("Conv")]
    return sum(int(found[1]) if found else 1 for found in counts)
