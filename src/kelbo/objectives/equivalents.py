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
from torch import Tensor

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


def weights_of_rate(objective: Objective, rates: Tensor, distortions: Tensor, states: State) -> list[float]:
    """`weight_of_rate` at each of S steps, all at once: mean rates (S, G) and distortions (S,), and states with S rows each."""

    def loss(rate: Tensor, distortion: Tensor, state: State) -> Tensor:
        return objective(Bound(rate.unsqueeze(0), distortion.unsqueeze(0)), state)[0]

    with plain_autograd():
        rates, distortions = (value.detach().clone().requires_grad_() for value in (rates, distortions))
        whole = torch.vmap(loss)(rates, distortions, states).sum()
        by_rate, by_distortion = torch.autograd.grad(whole, (rates, distortions))
    return (by_rate.sum(1) / rates.shape[1] / by_distortion).tolist()


def equivalents(variance: float, beta: float) -> dict[str, float | None]:
    """Equivalent σ and β of a decoder with mean predicted `variance` (squared intensities) and a rate weighted by `beta`.

    σ is None if the weight is negative: no Gaussian decoder at β = 1 increases the rate.
    """
    return {
        "equivalent_sigma": math.sqrt(variance * beta) if beta >= 0 else None,
        "equivalent_beta": variance * beta,
    }
