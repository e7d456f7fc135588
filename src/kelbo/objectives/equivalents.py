"""The σ and β that any run amounts to, so that runs compare whatever their objective and decoder.

A loss proportional to SSE / (2σ²) + β·R has the minimiser of SSE / 2 + (σ²β)·R and that of SSE / (2 σ²β) + R. Hence

    equivalent β = σ²·β   (the weight of the rate beside a unit-variance Gaussian, i.e. beside ½ SSE)
    equivalent σ = σ·√β   (the Gaussian that gives the same balance at β = 1)

for intensities in [0, 1] and summed squared errors (Rybkin et al., 2021, eqs. 3-4, give σ² = β; their text's √(β/2) does not
follow from them). β is read off the objective itself as ∂loss/∂R ÷ ∂loss/∂D, which serves every objective, and σ² is the
mean variance that the decoder predicts, which is σ² exactly for a Gaussian with one σ.
"""

from __future__ import annotations

import math

import torch

from kelbo.bound import Bound
from kelbo.eager import by_itself
from kelbo.protocols import Objective, State


def weight_of_rate(objective: Objective, bound: Bound, state: State) -> float:
    """∂loss/∂(mean rate) ÷ ∂loss/∂(mean distortion) at this bound and state; negative where the objective wants more rate."""
    with by_itself():
        rate = bound.rate.detach().clone().requires_grad_()
        distortion = bound.distortion.detach().clone().requires_grad_()
        loss, _ = objective(Bound(rate, distortion), state)
        by_rate, by_distortion = torch.autograd.grad(loss, (rate, distortion))
    return float(by_rate.sum() / rate.shape[1] / by_distortion.sum())


def equivalents(variance: float, beta: float) -> dict[str, float | None]:
    """Equivalent σ and β of a decoder of mean predicted `variance` (squared intensities) under a rate weight `beta`.

    σ is None where the weight is negative: no Gaussian decoder at β = 1 would push the rate up.
    """
    return {
        "equivalent_sigma": math.sqrt(variance * beta) if beta >= 0 else None,
        "equivalent_beta": variance * beta,
    }
