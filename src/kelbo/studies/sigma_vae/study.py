"""The σ-VAE study: every decoder on one network and schedule, a grid over β, and what calibration does to both."""

from __future__ import annotations

from collections.abc import Sequence

from kelbo.studies.arms import Ask, Plan
from kelbo.studies.frame import Numbers
from kelbo.studies.sigma_vae import figures, tables
from kelbo.studies.sigma_vae.asked import ALWAYS, BUDGETS, NEEDS, SigmaOptions
from kelbo.studies.sigma_vae.claims import CLAIMS
from kelbo.studies.sigma_vae.derived import DERIVED
from kelbo.studies.sigma_vae.models import NAMES, SETS
from kelbo.studies.sigma_vae.tested import PAPER
from kelbo.studies.study import Figure, Section, Study, Table


def plan(ask: Ask) -> Plan:
    """See `kelbo.studies.sigma_vae.plan`, which reads data and so is imported when it is needed."""
    from kelbo.studies.sigma_vae import plan as planning

    return planning.plan(ask)


def lead(n: Numbers) -> Sequence[str]:
    """What the paper says, and how it is looked at here."""
    return (
        "A VAE needs no β once its decoder learns one σ for all pixels, says the paper: the bound then finds its own balance. "
        f"Here are its decoders and a grid over β, on {SETS.get(str(n.facts.get('set')), n.facts.get('set'))}.",
        "A Gaussian decoder’s variance weighs errors against rate as β does: a β-VAE of unit variance is a VAE of σ² = β, up "
        "to a constant. So both stand on one axis.",
    )


SECTIONS = (
    Section(
        "The balance that β strikes, and the one that σ finds",
        (
            Figure("balance", "Distance of samples and −ELBO over β", figures.balance, NEEDS["balance"]),
            Table("table1", tables.table_1, NEEDS["table1"]),
            Figure("fig3", "Figure 3 · Reconstructions and samples over β", figures.over_beta, NEEDS["fig3"]),
        ),
    ),
    Section(
        "Decoders side by side",
        (
            Figure(
                "decoders",
                "Reconstructions and samples by decoder",
                figures.decoders,
                NEEDS["decoders"],
                words="The decoder’s mean throughout, as in the paper.",
            ),
            Table("table2", tables.table_2, NEEDS["table2"]),
            Table("table3", tables.table_3, NEEDS["table3"]),
        ),
    ),
    Section(
        "Learning σ",
        (
            Figure(
                "fig9",
                "Figure 9 · σ in closed form and by gradient descent",
                figures.learning,
                NEEDS["fig9"],
                words="−ELBO of training batches; σ and error on some test images.",
            ),
        ),
    ),
    Section(
        "What the latents carry",
        (Figure("fig4", "Figure 4 · Information and marginal KL over β", figures.information, NEEDS["fig4"]),),
    ),
    Section(
        "Calibration",
        (
            Table("calibration", tables.calibration, NEEDS["calibration"]),
            Figure("pit", "Probability integral transforms", figures.transforms, NEEDS["calibration"]),
            Figure("coverage", "Coverage of central intervals", figures.coverage, NEEDS["calibration"]),
            Figure("errormap", "Expected and real error, pixel by pixel", figures.error_map, NEEDS["calibration"]),
            Figure(
                "variances", "Expected and real error by what was expected", figures.variances, NEEDS["calibration"]
            ),
        ),
    ),
    Section("How the bound is measured", (Table("flattery", tables.flattery, NEEDS["flattery"]),)),
)

GLOSSARY = {
    "σ-VAE": "A VAE whose Gaussian decoder has one σ for all pixels, learned by gradient descent (shared σ), or as the error "
    "that is made (optimal σ), at which the bound is best.",
    "β grid": "VAEs of unit variance that minimise ½ squared error + β·rate: up to a constant, the bound of σ² = β.",
    "Effective β": "σ² of a decoder at β = 1. The paper counts squared error whole, so its β are twice ours.",
    "−ELBO, −ln p": "Distortion + rate, an upper bound on −log p(x); smaller is better. Of a density it may be below 0.",
    "Bits/dim": "−ELBO in bits per pixel and channel, of a mass over levels or of dequantised intensities.",
    "Fréchet distance": "Between two clouds of image features as Gaussians; an FID only over the Inception features of 2015.",
    "Index-code mutual information": "How much a draw of the latents tells of its image. With the marginal KL, the rate.",
    "Calibrated": "Of a decoder whose predicted errors are those that it makes.",
    "Soft clip": "ln σ is kept above −6 by a softplus, which makes every σ larger.",
}

STUDY = Study(
    name="sigma-vae",
    title="σ-VAE, run again",
    about="every decoder of the σ-VAE paper and a grid over β on one network",
    paper=PAPER,
    budgets=BUDGETS,
    plan=plan,
    claims=CLAIMS,
    sections=SECTIONS,
    main=("balance", "decoders"),
    options=SigmaOptions,
    data_settings=True,
    always=ALWAYS,
    derived=DERIVED,
    journal=("distortion", "rate", "elbo", "sigma", "rmse"),
    lead=lead,
    names={"likelihood.kind": NAMES},
    glossary=GLOSSARY,
)
