"""The equivalent σ and β of any run, by which runs with different objectives and decoders compare.

A loss proportional to SSE / (2σ²) + β·R has the same minimiser as SSE / 2 + (σ²β)·R and as SSE / (2 σ²β) + R. Hence

    equivalent β = σ²·β   (the weight of the rate if the distortion is ½ SSE, that of a unit-variance Gaussian)
    equivalent σ = σ·√β   (the σ of the Gaussian with the same balance at β = 1)

for intensities in [0, 1] and summed squared errors (Rybkin et al., 2021, eqs. 3-4, give σ² = β; their text's √(β/2) does not
follow from them). β is computed from the objective as ∂loss/∂R ÷ ∂loss/∂D, which works for every objective, and σ² is the
mean variance that the decoder predicts, which is exactly σ² for a Gaussian with one σ. A loss may weigh the squared error
itself: that counts as the nats of the decoder's Gaussian, SSE / (2σ²).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kelbo.bound import AnyBound, Bound, ErrorBound, each
from kelbo.eager import plain_autograd
from kelbo.protocols import Objective, State


def weight_of_rate(objective: Objective, bound: AnyBound, state: State, variance: float = 1.0) -> float:
    """∂loss/∂(mean rate) ÷ ∂loss/∂(mean distortion) at this bound and state; negative if the objective wants more rate.

    variance: σ² of the decoder, by which a squared error that the loss weighs is so many nats.
    """
    with plain_autograd():
        leaves = each(lambda part: part.detach().clone().requires_grad_(), bound)
        loss, _ = objective(leaves, state)
        by_rate, by_nats = _slopes(loss, leaves, variance)
    return float(by_rate.sum() / leaves.rate.shape[1] / by_nats.sum())


def weights_of_rate(
    objective: Objective,
    rates: Tensor,
    distortions: Tensor,
    states: State,
    errors: Tensor | None = None,
    variances: Tensor | float = 1.0,
) -> list[float]:
    """`weight_of_rate` at each of S steps, all at once: mean rates (S, G), distortions and squared errors (S,), and states and
    variances with S rows each.
    """

    def loss(bound: AnyBound, state: State) -> Tensor:
        return objective(each(lambda part: part.unsqueeze(0), bound), state)[0]

    bounds = Bound(rates, distortions) if errors is None else ErrorBound(rates, distortions, errors)
    with plain_autograd():
        leaves = each(lambda part: part.detach().clone().requires_grad_(), bounds)
        by_rate, by_nats = _slopes(torch.vmap(loss)(leaves, states).sum(), leaves, variances)
    return (by_rate.sum(1) / rates.shape[1] / by_nats).tolist()


def _slopes(loss: Tensor, leaves: AnyBound, variance: Tensor | float) -> tuple[Tensor, Tensor]:
    """Of a loss by each rate, and by each example's nats of distortion."""
    slopes = torch.autograd.grad(loss, list(leaves), allow_unused=True)
    by_rate, by_nats, *by_error = (
        torch.zeros_like(leaf) if slope is None else slope for leaf, slope in zip(leaves, slopes, strict=True)
    )
    return by_rate, by_nats + 2 * variance * by_error[0] if by_error else by_nats


def equivalents(variance: float, beta: float) -> dict[str, float | None]:
    """Equivalent σ and β of a decoder with mean predicted `variance` (squared intensities) and a rate weighted by `beta`.

    σ is None if the weight is negative: no Gaussian decoder at β = 1 increases the rate.
    """
    return {
        "equivalent_sigma": math.sqrt(variance * beta) if beta >= 0 else None,
        "equivalent_beta": variance * beta,
    }
