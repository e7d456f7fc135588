"""In which order latents are shown: by the factor that moves each if the data have factors, else by their rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Moved(NamedTuple):
    """A latent, the factor that explains most of its variance, that factor's place among all, and the share."""

    latent: int
    factor: str
    place: int
    share: float


LEAST = 0.1
"""share of a latent's variance, below which no factor alone is said to move it: several do together"""

Shares = Mapping[str, Any]
"""The value of a measurement of shares: "factors" (names), "shares" (K, F), "active" (K,)."""


def ordered(latents: Sequence[int], shares: Shares | None) -> list[int]:
    """These latents by the factor that moves each most, then by its share; others last. Unchanged without shares."""
    moved = factor_of(shares)
    active = sorted((moved[k] for k in latents if k in moved), key=lambda one: (one.place, -one.share))
    return [one.latent for one in active] + [k for k in latents if k not in moved]


def factor_of(shares: Shares | None) -> dict[int, Moved]:
    """The factor that moves an active latent most, by latent, if its share is `LEAST` or more; {} without shares."""
    if shares is None:
        return {}
    active = np.flatnonzero(shares["active"]).tolist()
    found = {k: np.array(shares["shares"][k]) for k in active if max(shares["shares"][k]) >= LEAST}
    return {k: Moved(k, shares["factors"][of.argmax()], int(of.argmax()), float(of.max())) for k, of in found.items()}
