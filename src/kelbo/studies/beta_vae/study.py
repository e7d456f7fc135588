"""The β-VAE study: does β > 1 make latents of single factors, and what does it cost?"""

from __future__ import annotations

from kelbo.studies.arms import Ask, Plan
from kelbo.studies.beta_vae.asked import BUDGETS
from kelbo.studies.beta_vae.claims import CLAIMS
from kelbo.studies.beta_vae.sections import MAIN, SECTIONS
from kelbo.studies.beta_vae.tested import PAPER
from kelbo.studies.beta_vae.words import GLOSSARY, lead
from kelbo.studies.study import Study


def plan(ask: Ask) -> Plan:
    """See `kelbo.studies.beta_vae.plan`, which imports torch and so is imported when it is needed."""
    from kelbo.studies.beta_vae import plan as planning

    return planning.plan(ask)


STUDY = Study(
    name="beta-vae",
    title="β-VAE, run again",
    about="β-VAEs on five sets over β and seeds: scores, distances, and what the code did unsaid",
    paper=PAPER,
    budgets=BUDGETS,
    plan=plan,
    claims=CLAIMS,
    sections=SECTIONS,
    main=MAIN,
    always=("bound", "follow"),
    derived={"rmse": lambda lane: lane["bound.decoder.rmse"]},
    lead=lead,
    glossary=GLOSSARY,
)
