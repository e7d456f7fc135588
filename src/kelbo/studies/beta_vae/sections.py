"""The parts of the β-VAE study's page, and what each of its tables and figures needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kelbo.studies.arms import Need
from kelbo.studies.beta_vae import figures, quirk_shows, tables
from kelbo.studies.beta_vae.models import ARMS, CONV, MLP
from kelbo.studies.beta_vae.tables import CIFAR, CONVOLUTIONAL, WITH_FACTORS
from kelbo.studies.study import Figure, Section, Table

LINEAR = tuple(f"linear-{role}" for role in ("dsprites", "3dshapes", "mpi3d"))
"""how the keys of PCA's and ICA's scores begin"""


def _first(arms: Sequence[str], betas: Sequence[str], *measures: str) -> tuple[Need, ...]:
    """The first seed's lanes at some β, all if none is named."""
    return (Need(tuple(arms), measures, {"objective.beta": tuple(betas)} if betas else {}, first=True),)


NEEDS: Mapping[str, tuple[Need, ...]] = {
    "fig1": _first(CONVOLUTIONAL, ["1"], "strip"),
    "fig2": _first(CIFAR, ["1"], "strip"),
    "fig3": (Need(CONVOLUTIONAL, ("scores",)),),
    "fig4": (Need((MLP, CONV), ("scores", "traversals-study")),),
    "fig5": _first([CONV], ["0.1", "4"], "factor-codes"),
    "fig6": (Need((MLP,), ("scores", "pairs")),),
    "fig7": (Need(CIFAR, ("distance", "follow")),),
    "fig8": (Need(CIFAR),),
    "fig9": _first(CIFAR, ["0.1"], "reconstructions"),
    "fig10": _first(CIFAR, ["10"], "reconstructions"),
    "table1": (Need((MLP,), ("scores",)),),
    "table2": (Need(WITH_FACTORS, ("scores", "classifiers")),),
    "table3": (Need(CIFAR, ("distance",)),),
    "rd": (Need(tuple(ARMS.values())),),
    "layouts": _first(CONVOLUTIONAL[1:], ["4"], "layouts"),
    "quirks": (*_first(CONVOLUTIONAL, ["4"]), *_first(CIFAR, [], "distance")),
}
MAIN = ("fig3", "fig4")
SECTIONS = (
    Section(
        "Disentanglement",
        (
            Figure("fig3", "Figure 3 · Median scores by β, convolutional network", figures.fig3, NEEDS["fig3"], LINEAR),
            Figure("fig4", "Figure 4 · Traversals of the runs with the best scores", figures.fig4, NEEDS["fig4"]),
            Table("table1", tables.table_1, NEEDS["table1"], LINEAR[:1]),
            Table("figure3-scores", tables.figure_3_scores, NEEDS["fig3"], LINEAR),
            Figure(
                "fig5",
                "Figure 5 · Where the codes go",
                figures.fig5,
                NEEDS["fig5"],
                words="Codes as one factor at a time moves, on the plane of their largest variance; a colour a factor.",
            ),
        ),
    ),
    Section(
        "What the score depends on",
        (
            Figure("fig6", "Figure 6 · Scores over L, MLP", figures.fig6, NEEDS["fig6"], LINEAR[:1]),
            Table("table2", tables.table_2, NEEDS["table2"]),
        ),
    ),
    Section(
        "Images",
        (
            Table("table3", tables.table_3, NEEDS["table3"]),
            Figure("fig7", "Figure 7 · Fréchet distance while training", figures.fig7, NEEDS["fig7"]),
            Figure("fig8", "Figure 8 · Reconstruction loss while training", figures.fig8, NEEDS["fig8"]),
            Figure("fig9", "Figure 9 · Reconstructions at β = 0.1", figures.fig9, NEEDS["fig9"]),
            Figure("fig10", "Figure 10 · Reconstructions at β = 10", figures.fig10, NEEDS["fig10"]),
        ),
    ),
    Section(
        "What β weighs",
        (
            Figure("rd", "Rate against distortion, not in the report", figures.rates, NEEDS["rd"]),
            Figure(
                "identity",
                "Section 4.2 · Mean squared error is a variance",
                figures.identity,
                extras=("identity",),
                words="A VAE twice, as β-VAE of unit variance and as VAE of σ² = β: same weights, batches and noise.",
            ),
        ),
    ),
    Section(
        "What the study’s code did and its text does not say",
        (
            Figure("quirk-scores", "What it did to scores", quirk_shows.quirk_scores, NEEDS["quirks"], ("quirks",)),
            Figure("layouts", "The layouts that PCA and ICA saw", quirk_shows.layouts, NEEDS["layouts"]),
            Table("quirks", quirk_shows.quirks, NEEDS["quirks"], ("quirks",)),
        ),
    ),
    Section(
        "Data and architectures",
        (
            Figure("fig1", "Figure 1 · Sets whose factors are known", figures.fig1, NEEDS["fig1"]),
            Figure("fig2", "Figure 2 · CIFAR", figures.fig2, NEEDS["fig2"]),
            Table("table4", tables.table_4, extras=("architectures",)),
        ),
    ),
)
