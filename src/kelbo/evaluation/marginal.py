"""What the examples' own probability is under a conditional model: a sum over all that it could have been given."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.conditions import Condition
from kelbo.data.images import Images
from kelbo.protocols import Model

MOST = 20
"""combinations of values up to which the sum is taken"""
CHUNK = 65_536


class Alternatives(NamedTuple):
    """The C rows that a model could be given, float32 (C, A), and log p of each, nats, (C,)."""

    name: str
    rows: Tensor
    log_probabilities: Tensor


def alternatives(condition: Condition | None, images: Images) -> Alternatives | None:
    """Every combination of values that the examples have, as frequent as among them; None if there are more than 20."""
    if condition is None or condition.combinations > MOST:
        return None
    every = torch.tensor([*condition.each()])
    sizes = [len(variable.values) for variable in condition.variables]
    steps = torch.tensor([math.prod(sizes[place + 1 :]) for place in range(len(sizes))])
    counts = torch.zeros(len(every), dtype=torch.long)
    for index in torch.arange(len(images)).split(CHUNK):
        rows = images.given_at(index.to(images.device))[condition.name].cpu()
        counts += torch.bincount(condition.decode(rows) @ steps, minlength=len(every))
    seen = counts.nonzero().flatten()
    frequencies = counts[seen].double() / counts.sum()
    return Alternatives(condition.name, condition.encode(every[seen]), frequencies.log())


def log_marginal(model: Model, batch: Batch, of: Alternatives, samples: int, target: Tensor | None = None) -> Tensor:
    """log Σ_y p(y) w_y, nats, float64 (B,), where w_y is the mean of S importance weights under y: a lower bound of log p(x).

    w_y is an unbiased estimate of p(x | y), so the sum is one of p(x), and by Jensen's inequality the expectation of its
    logarithm is at most log p(x).
    """
    parts = []
    for row, log_p in zip(of.rows.to(batch.x.device), of.log_probabilities.tolist(), strict=True):
        under = Batch(batch.x, {**batch.given, of.name: row.expand(len(batch.x), -1)})
        weights = model.log_weights(under, samples, target).double()
        parts.append(log_p + weights.logsumexp(1) - math.log(samples))
    return torch.stack(parts, 1).logsumexp(1)
