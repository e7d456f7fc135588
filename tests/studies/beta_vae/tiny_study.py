"""A reproduction small enough for a test, as a program: what is killed must be a process of its own."""

import sys
from pathlib import Path

from kelbo.studies.beta_vae.budget import Budget, Points
from kelbo.studies.beta_vae.plan import Plan, plan_of
from kelbo.studies.beta_vae.quirks import Effort
from kelbo.studies.beta_vae.reproduce import reproduce

BUDGET = Budget(
    name="tiny",
    steps={"mpi3d-conv": 6},
    seeds=1,
    codes=2_000,
    points={name: Points(150, 100, 2) for name in ("logistic", "linear", "forest", "mlp")},
    images=64,
    clouds=32,
    followed=32,
    effort=Effort(seeds=(0,), mlp_steps=1, linear_steps=1, encoded=100, fitted=100, mig_rows=50, everywhere=False),
    fitted=(150, 150),
    betas=("0.1", "4"),
    pairs=(16, 64),
)


def plan(**how) -> Plan:
    """Figure 3 of the rendered arm: two lanes, PCA and ICA."""
    return plan_of(BUDGET, only=["fig3"], **how)


if __name__ == "__main__":
    reproduce(plan(), Path(sys.argv[1]), workers=1, say=print)
