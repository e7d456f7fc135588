"""The study of "Mind Your Bits and Errors": one stage held at a distortion against two."""

from __future__ import annotations

from collections.abc import Sequence

from kelbo.studies.arms import Ask, Plan
from kelbo.studies.frame import Numbers
from kelbo.studies.mind_your_bits import figures, tables
from kelbo.studies.mind_your_bits.asked import ALWAYS, BUDGETS, NEEDS, MindOptions
from kelbo.studies.mind_your_bits.claims import CLAIMS
from kelbo.studies.mind_your_bits.derived import DERIVED
from kelbo.studies.mind_your_bits.sets import NAMES, TARGET
from kelbo.studies.mind_your_bits.tested import PAPER
from kelbo.studies.study import Figure, Section, Study, Table


def plan(ask: Ask) -> Plan:
    """See `kelbo.studies.mind_your_bits.plan`, which reads data and so is imported when it is needed."""
    from kelbo.studies.mind_your_bits import plan as planning

    return planning.plan(ask)


def lead(n: Numbers) -> Sequence[str]:
    """What the paper says, and how it is looked at here."""
    name = NAMES.get(str(n.facts.get("set")), n.facts.get("set"))
    found = [
        "Most bits of a picture cannot be seen, says the paper, and a VAE trained by its bound spends itself on them. So it "
        "trains a first model at the least rate for an error that can be accepted, and a second one, given the first one’s "
        f"picture, for the rest. Here are both beside single models of every error, on {name}.",
    ]
    if n.budget and n.budget.scale:
        found.append(f"Reduced: {n.budget.scale}. Targets are shares of the set’s total variance.")
    return found


SECTIONS = (
    Section(
        "Two stages",
        (
            Figure(
                "fig7",
                "Figure 7 · The primary’s samples, each refined by every second stage; one stage",
                figures.refined,
                NEEDS["fig7"],
            ),
            Figure(
                "fig8",
                "Figure 8 · Bounds of two stages and of one",
                figures.two_stages,
                NEEDS["fig8"],
                words="Where the line of one stage begins, at the right, is the primary alone.",
            ),
            Table("stages", tables.stages, NEEDS["stages"]),
        ),
    ),
    Section(
        "What each target costs",
        (
            Figure("fig4", "Figure 4 · Reconstructions over γ", figures.reconstructions, NEEDS["fig4"]),
            Figure("fig5", "Figure 5 · Samples over γ", figures.samples, NEEDS["fig5"]),
            Figure("gap", "How close samples are to reconstructions", figures.near, NEEDS["gap"]),
            Figure("fig6", "Figure 6 · Rate, −ln p(x | z) and −ELBO over the error", figures.over_error, NEEDS["fig6"]),
            Table("rates", tables.rates, NEEDS["rates"]),
        ),
    ),
    Section(
        "A trainable variance and a target",
        (
            Figure(
                "fig1",
                "Figure 1 · A learned σ, and a target at its error",
                figures.stability,
                NEEDS["fig1"],
                words="The target is the squared error that the learned σ came to.",
            ),
            Figure("fig2", "Figure 2 · Samples of both", figures.standard_samples, NEEDS["fig2"]),
            Figure("fig3", "Figure 3 · Standard and mean sampling", figures.noisy, NEEDS["fig3"]),
        ),
    ),
    Section(
        "Errors of one size are not alike",
        (
            Figure("fig9", "Figure 9 · The error while training", figures.errors, NEEDS["fig9"]),
            Figure(
                "fig10",
                "Figure 10 · Early and late reconstructions at one error",
                figures.early_and_late,
                NEEDS["fig10"],
                words="Early is the first step after which the last five errors are at the target on average.",
            ),
            Table("early", tables.early, NEEDS["early"]),
        ),
    ),
)

GLOSSARY = {
    "γ, γ̃": "The squared error at which a first, or only, stage and a second one are held: summed over a picture of "
    "intensities in [0, 1], at draws of the latents.",
    "Primary, second stage": "A model held at γ, and a second model, given the first one’s picture, that is held at γ̃.",
    "Rate": "KL of posterior and prior over all groups of latents: what a picture costs, in nats. Of two stages, of both.",
    "−ELBO": "Rate − ln p(x | z) of dequantised pixels on the 0–256 scale, nats per picture; bits/dim is the same over "
    "dimensions × ln 2.",
    "Learned σ": "A Gaussian decoder with one σ that is trained by the bound: the paper’s standard VAE.",
    "Fréchet distance": "Between two clouds of image features as Gaussians; an FID only over the Inception features of 2015.",
}

STUDY = Study(
    name="mind-your-bits",
    title="Mind Your Bits and Errors, run again",
    about="one stage held at a distortion against two, and what its bits are spent on",
    paper=PAPER,
    budgets=BUDGETS,
    plan=plan,
    claims=CLAIMS,
    sections=SECTIONS,
    main=("fig7", "fig8"),
    options=MindOptions,
    data_settings=True,
    always=ALWAYS,
    derived=DERIVED,
    modes=("corrected",),
    journal=("rate", "elbo", "squared_error", "target", "rmse", "gradient_norm", "multiplier"),
    lead=lead,
    names={TARGET: {}},
    glossary=GLOSSARY,
)
