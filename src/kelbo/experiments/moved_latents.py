"""How much of each latent's variance every factor of the data explains."""

from __future__ import annotations

from typing import Any

import numpy as np

from kelbo.evaluation.codes import drawn
from kelbo.evaluation.encode import encode
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.measure import measure
from kelbo.metrics.factor_shares import factor_shares
from kelbo.metrics.likelihood import active_units
from kelbo.protocols import FlatLatent
from kelbo.runs import Measurement

ENCODED = 5_000
"""images whose codes tell the shares, all of a smaller set: a share that is 0 then reads as 0.3 % for a factor of 15 values"""


def measure_shares(experiment: Experiment) -> Measurement | None:
    """The measurement "factor-shares", whose value is `latent_order.Shares`; None if there are no factors or no flat latents.

    Factors of one value are left out.
    """
    whole = experiment.data.whole
    if whole is None or not isinstance(experiment.model, FlatLatent):
        return None

    def compute() -> dict[str, Any]:
        images, index = drawn(whole, ENCODED)
        means, _ = encode(experiment.model, images)
        values = whole.of(index).numpy()
        vary = np.flatnonzero(np.ptp(values, 0) > 0)
        shares = factor_shares(means, values[:, vary])
        names = [whole.factors.names[column] for column in vary]
        return {"factors": names, "shares": shares.tolist(), "active": active_units(means).tolist()}

    settings = {"factors": list(whole.factors.names), "sizes": list(whole.factors.sizes), "images": ENCODED}
    return measure(experiment, "factor-shares", settings, compute)
