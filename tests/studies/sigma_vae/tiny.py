"""A σ-VAE study small enough for a test: scikit-learn's digits, a handful of steps."""

from kelbo.studies.sigma_vae.budget import Budget
from kelbo.studies.sigma_vae.plan import Plan, plan_of
from kelbo.studies.sigma_vae.wanted import asked_for

BUDGET = Budget(
    "tiny", {"digits": 6}, main=(0, 1), others=(0,), images=60, clouds=40, coded=50, looked=20, epochs=1, logits=20_000
)


def plan(*only: str, budget: Budget = BUDGET, decoders=None, betas=None, **how) -> Plan:
    return plan_of(budget, "digits", asked=asked_for(only or None, decoders, betas), **how)
