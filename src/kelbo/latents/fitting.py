"""Priors fitted to draws of posteriors, after a model was trained (ex-post density estimation: Ghosh et al., 2020)."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from kelbo.bound import Given
from kelbo.errors import Divergence, ScoreError
from kelbo.latents.flow import FlowPrior
from kelbo.latents.mixture import MixturePrior
from kelbo.protocols import NOTHING, Prior
from kelbo.seeds import normal_like, seed_for, seeded

Covariance = Literal["full", "diag"]

BATCH, LEARNING_RATE, CLIP = 512, 1e-3, 5.0
"""of a flow: codes a step, of Adam, largest norm of a gradient"""
MOST_ROUNDS, GAIN = 100, 2e-3
"""of expectation maximisation: rounds at most, and the gain in nats a code that is worth another"""
CHECKS, PATIENCE = 20, 4
"""looks at the held-out codes over all steps of a flow, and how many without a gain end them"""


class Posteriors(NamedTuple):
    """Of N examples, float32 on the CPU. means, scales: (N, K), scales 0 of a code that is a point; given: each (N, …)."""

    means: Tensor
    scales: Tensor
    given: Given = NOTHING

    def __len__(self) -> int:
        return len(self.means)

    def of(self, index: Tensor) -> Posteriors:
        """Those of the examples at `index`."""
        return Posteriors(self.means[index], self.scales[index], {name: it[index] for name, it in self.given.items()})

    def draw(self) -> Tensor:
        """One draw of each, (N, K), from the surrounding source."""
        return self.means + self.scales * normal_like(self.means)


def fit_mixture(
    codes: Tensor, components: int, covariance: Covariance = "full", *, seed: int = 0
) -> tuple[MixturePrior, bool]:
    """A mixture of Gaussians fitted by expectation maximisation (scikit-learn) to codes (N, K), and whether it converged.

    covariance: of each component, full or diagonal. ScoreError if there are fewer codes than components. It is fitted to
    standardised codes, since scikit-learn adds an absolute 1e-6 to each variance.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if len(codes) < components:
        raise ScoreError(f"A mixture of {components} components needs at least as many codes; there are {len(codes)}.")
    mixture = GaussianMixture(
        components,
        covariance_type=covariance,
        max_iter=MOST_ROUNDS,
        tol=GAIN,
        random_state=seed_for(seed, "prior") % 2**32,
    )
    codes = codes.double()
    mean, scale = codes.mean(0), _scale(codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is returned
        mixture.fit(((codes - mean) / scale).numpy())
    weights, means, covariances = map(torch.as_tensor, (mixture.weights_, mixture.means_, mixture.covariances_))
    factors = torch.linalg.cholesky(covariances) if covariance == "full" else covariances.sqrt().diag_embed()
    return MixturePrior(weights, mean + scale * means, scale[:, None] * factors), bool(mixture.converged_)


def fit_flow(
    train: Posteriors,
    held_out: Posteriors,
    conditions: tuple[str, ...] = (),
    *,
    steps: int,
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> tuple[FlowPrior, int]:
    """A flow fitted by maximum likelihood to posteriors, of which every step takes new draws, and the step that it is of.

    That is the one after which draws of `held_out` had the highest mean log density; a long time without a new highest ends
    the fit. advance is called with the number of steps done since the last call. Divergence if the loss is not finite.
    """
    with seeded(seed, "prior"):
        prior = _standardised(train, conditions)
        held, best, kept = held_out.draw(), (-math.inf, 0), prior.state_dict()
        optimizer = torch.optim.Adam(prior.parameters(), LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        every = max(1, steps // CHECKS)
        for step in range(1, steps + 1):
            some = train.of(torch.randint(len(train), (min(BATCH, len(train)),)))
            loss = -prior.log_prob(some.draw(), some.given).mean()
            if not loss.isfinite():
                raise Divergence(f"The flow diverged: its loss was {loss.item()} at step {step:,}. Try another seed.")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(prior.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            if step % every == 0 or step == steps:
                reached = float(log_probs(prior, held, held_out.given).mean())
                if reached > best[0]:
                    best, kept = (reached, step), copy.deepcopy(prior.state_dict())
                if advance:
                    advance(every)
                if step - best[1] >= PATIENCE * every:
                    break
    if not math.isfinite(best[0]):
        raise Divergence("The flow diverged: held-out codes never had a finite density. Try another seed.")
    prior.load_state_dict(kept)
    return prior.eval().requires_grad_(False), best[1]


def log_probs(prior: Prior, codes: Tensor, given: Given = NOTHING, batch_size: int = 1024) -> Tensor:
    """log p of codes (N, K) in nats, (N,), without gradients."""
    with torch.no_grad():
        rows = torch.arange(len(codes)).split(batch_size)
        return torch.cat([prior.log_prob(codes[some], {name: it[some] for name, it in given.items()}) for some in rows])


def _scale(codes: Tensor) -> Tensor:
    """The standard deviation of each latent of codes (N, K), (K,), or a thousandth of its largest code if that is more.

    A mixture of codes that hardly differ is then no finer than float32 keeps them. 1 of a latent that is always 0.
    """
    scale = codes.std(0, correction=0).maximum(1e-3 * codes.abs().amax(0))
    return torch.where(scale > 0, scale, 1.0)


def _standardised(train: Posteriors, conditions: tuple[str, ...]) -> FlowPrior:
    """An untrained flow beside the mean and standard deviation of all draws."""
    variance = train.means.double().var(0, correction=0) + train.scales.double().square().mean(0)
    context = sum(train.given[name][0].numel() for name in conditions)
    return FlowPrior(train.means.double().mean(0), variance.sqrt().clamp(min=1e-6), conditions, context)
