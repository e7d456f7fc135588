"""A σ-VAE study small enough for a test: scikit-learn's digits, a handful of steps."""

from kelbo.studies.sigma_vae.budget import Budget
from kelbo.studies.sigma_vae.plan import Plan, plan_of

BUDGET = Budget(
    "tiny", {"digits": 6}, main=(0, 1), others=(0,), images=60, clouds=40, coded=50, looked=20, epochs=1, logits=20_000
)


def plan(*only: str, budget: Budget = BUDGET, **how) -> Plan:
    return plan_of(budget, "digits", only=only or None, **how)
