"""The parts of the β-VAE study's page, and what each of its tables and figures needs."""

from __future__ import annotations

from collections.abc import Sequence

from kelbo.studies.arms import Need
from kelbo.studies.beta_vae import figures, quirk_shows, tables
from kelbo.studies.beta_vae.models import ARMS, CONV, MLP
from kelbo.studies.beta_vae.tables import CIFAR, WITH_FACTORS
from kelbo.studies.study import Figure, Section, Table

CONVOLUTIONAL = (CONV, *WITH_FACTORS[1:])
"""of sets with factors"""
LINEAR = tuple(f"linear-{role}" for role in ("dsprites", "3dshapes", "mpi3d"))
"""how the keys of PCA's and ICA's scores begin"""


def _at(arms: Sequence[str], *betas: str, measures: Sequence[str] = ()) -> Need:
    """The first seed's lanes at some β, all if none is named."""
    return Need(tuple(arms), tuple(measures), {"objective.beta": betas} if betas else {}, first=True)


MAIN = ("fig3", "fig4")
SECTIONS = (
    Section(
        "Disentanglement",
        (
            Figure(
                "fig3",
                "Figure 3 · Median scores by β, convolutional network",
                figures.fig3,
                (Need(CONVOLUTIONAL, ("scores",)),),
                LINEAR,
            ),
            Figure(
                "fig4",
                "Figure 4 · Traversals of the runs with the best scores",
                figures.fig4,
                (Need((MLP, CONV), ("scores", "traversals-study")),),
            ),
            Table("table1", tables.table_1, (Need((MLP,), ("scores",)),), LINEAR[:1]),
            Table("figure3-scores", tables.figure_3_scores, (Need(CONVOLUTIONAL, ("scores",)),), LINEAR),
            Figure(
                "fig5",
                "Figure 5 · Where the codes go",
                figures.fig5,
                (_at([CONV], "0.1", "4", measures=["factor-codes"]),),
                words="Codes as one factor at a time moves, on the plane of their largest variance; a colour a factor.",
            ),
        ),
    ),
    Section(
        "What the score depends on",
        (
            Figure(
                "fig6", "Figure 6 · Scores over L, MLP", figures.fig6, (Need((MLP,), ("scores", "pairs")),), LINEAR[:1]
            ),
            Table("table2", tables.table_2, (Need(WITH_FACTORS, ("scores", "classifiers")),)),
        ),
    ),
    Section(
        "Images",
        (
            Table("table3", tables.table_3, (Need(CIFAR, ("distance",)),)),
            Figure(
                "fig7",
                "Figure 7 · Fréchet distance while training",
                figures.fig7,
                (Need(CIFAR, ("distance", "follow")),),
            ),
            Figure("fig8", "Figure 8 · Reconstruction loss while training", figures.fig8, (Need(CIFAR),)),
            Figure(
                "fig9",
                "Figure 9 · Reconstructions at β = 0.1",
                figures.fig9,
                (_at(CIFAR, "0.1", measures=["reconstructions"]),),
            ),
            Figure(
                "fig10",
                "Figure 10 · Reconstructions at β = 10",
                figures.fig10,
                (_at(CIFAR, "10", measures=["reconstructions"]),),
            ),
        ),
    ),
    Section(
        "What β weighs",
        (
            Figure(
                "rd",
                "Rate against distortion",
                figures.rates,
                (Need(tuple(ARMS.values())),),
                words="Not in the report, but what β chooses.",
            ),
            Figure(
                "identity",
                "Section 4.2 · Mean squared error is a variance",
                figures.identity,
                extras=("identity",),
                words="One VAE twice, as β-VAE of unit variance and as VAE of σ² = β: same weights, batches and noise.",
            ),
        ),
    ),
    Section(
        "What the study’s code did and its text does not say",
        (
            Figure("quirk-scores", "What it did to scores", quirk_shows.quirk_scores, extras=("quirks",)),
            Figure(
                "layouts",
                "The layouts that PCA and ICA saw",
                quirk_shows.layouts,
                (_at(WITH_FACTORS[1:], "4", measures=["layouts"]),),
            ),
            Table(
                "quirks",
                quirk_shows.quirks,
                (_at(CONVOLUTIONAL, "4"), _at(CIFAR, measures=["distance"])),
                ("quirks",),
            ),
        ),
    ),
    Section(
        "Data and architectures",
        (
            Figure(
                "fig1",
                "Figure 1 · Sets whose factors are known",
                figures.fig1,
                (_at(CONVOLUTIONAL, "1", measures=["strip"]),),
            ),
            Figure("fig2", "Figure 2 · CIFAR", figures.fig2, (_at(CIFAR, "1", measures=["strip"]),)),
            Table("table4", tables.table_4, extras=("architectures",)),
        ),
    ),
)
