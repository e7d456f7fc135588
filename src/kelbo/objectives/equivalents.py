"""The equivalent σ and β of any run, by which runs with different objectives and decoders compare.

A loss proportional to SSE / (2σ²) + β·R has the same minimiser as SSE / 2 + (σ²β)·R and as SSE / (2 σ²β) + R. Hence

    equivalent β = σ²·β   (the weight of the rate if the distortion is ½ SSE, that of a unit-variance Gaussian)
    equivalent σ = σ·√β   (the σ of the Gaussian with the same balance at β = 1)

for intensities in [0, 1] and summed squared errors (Rybkin et al., 2021, eqs. 3-4, give σ² = β; their text's √(β/2) does not
follow from them). β is computed from the objective as ∂loss/∂R ÷ ∂loss/∂D, which works for every objective, and σ² is the
mean variance that the decoder predicts, which is exactly σ² for a Gaussian with one σ.
"""

from __future__ import annotations

import math

import torch

from kelbo.bound import Bound
from kelbo.eager import plain_autograd
from kelbo.protocols import Objective, State


def weight_of_rate(objective: Objective, bound: Bound, state: State) -> float:
    """∂loss/∂(mean rate) ÷ ∂loss/∂(mean distortion) at this bound and state; negative if the objective wants more rate."""
    with plain_autograd():
        rate = bound.rate.detach().clone().requires_grad_()
        distortion = bound.distortion.detach().clone().requires_grad_()
        loss, _ = objective(Bound(rate, distortion), state)
        by_rate, by_distortion = torch.autograd.grad(loss, (rate, distortion))
    return float(by_rate.sum() / rate.shape[1] / by_distortion.sum())


def equivalents(variance: float, beta: float) -> dict[str, float | None]:
    """Equivalent σ and β of a decoder with mean predicted `variance` (squared intensities) and a rate weighted by `beta`.

    σ is None if the weight is negative: no Gaussian decoder at β = 1 increases the rate.
    """
    return {
        "equivalent_sigma": math.sqrt(variance * beta) if beta >= 0 else None,
        "equivalent_beta": variance * beta,
    }
