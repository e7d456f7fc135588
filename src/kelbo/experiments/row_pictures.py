"""What a page shows of a model of a table's rows, kept as measurements: numbers in the columns' own units."""

from __future__ import annotations

from typing import Any

import numpy as np

from kelbo import evaluation
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.measure import measure
from kelbo.runs import Measurement

RECONSTRUCTED, DRAWN = 500, 1000
"""rows that are reconstructed; rows of the data and draws of the model that are held against each other"""
TRAVERSED, SPAN, STEPS = 6, 2.5, 21
"""latents that are moved (those with the highest rate), how far (prior standard deviations), in how many steps"""


def measure_rows(experiment: Experiment, rates: list[float] | None) -> list[Measurement]:
    """Reconstructions of test rows, draws of the full model, and traversals of the latents of the most rate, if there are any.

    Each row is a model's draw with its noise: the decoder's means alone vary less than the data do.
    """
    test = experiment.data.test
    shown, drawn = min(RECONSTRUCTED, len(test)), min(DRAWN, len(experiment.data.train))

    def reconstructed() -> dict[str, Any]:
        batch = experiment.pictured(shown)
        return {"rows": batch.x.cpu().numpy(), "made": evaluation.reconstruct(experiment.model, batch)}

    def samples() -> dict[str, Any]:
        given = experiment.conditions(drawn, "train")
        made = evaluation.sample(experiment.model, drawn, given=given, noise=True)
        return {"rows": experiment.pictured(drawn, "train").x.cpu().numpy(), "made": made}

    parts = [
        measure(experiment, "row-reconstructions", {"split": "test", "of": len(test), "rows": shown}, reconstructed),
        measure(experiment, "row-samples", {"split": "train", "rows": drawn, "noise": True, "seed": 0}, samples),
    ]
    return parts + ([_traversals(experiment, rates)] if rates else [])


def _traversals(experiment: Experiment, rates: list[float]) -> Measurement:
    """The first test row with one latent at a time moved, (latents, values, D)."""
    latents = np.argsort(-np.array(rates), kind="stable")[:TRAVERSED].tolist()
    values = np.linspace(-SPAN, SPAN, STEPS).tolist()

    def compute() -> dict[str, Any]:
        return {"made": evaluation.traverse(experiment.model, experiment.image(0), latents, values)}

    return measure(experiment, "row-traversals", {"row": 0, "latents": latents, "values": values}, compute)
