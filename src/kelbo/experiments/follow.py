"""Distances of a model's images from real ones, read now and then while it trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.evaluation.distances import reconstructions, samples
from kelbo.evaluation.feature_network import FeatureNetwork, features_of
from kelbo.evaluation.reference import evenly, reference
from kelbo.machine import versions
from kelbo.metrics.frechet import frechet_of
from kelbo.protocols import Model
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.runs import Measurement, Run
from kelbo.runs.journal import Row
from kelbo.seeds import Source, drawing_from, seed_for
from kelbo.training import TrainState, Values
from kelbo.training.checkpoint import saving


class Follow:
    """A hook that reads distances and keeps them as the run's measurement "distances", a curve over training.

    Its rows are {"step", "reconstruction", "sample"}: Fréchet distances of a fixed handful of images.

    images: of a split, spread evenly over it, which are reconstructed; as many samples are drawn, each time from the same
    noise. sampled: reconstruct from a draw of the posterior instead of its mean. Training goes on as if nothing had been
    read. Of several processes only the first may have it. NotSaved if the disk refuses.
    """

    def __init__(
        self,
        run: Run,
        network: FeatureNetwork,
        images: Images,
        count: int,
        *,
        split: str = "test",
        sampled: bool = False,
    ) -> None:
        self.run, self.network, self.sampled = run, network, sampled
        settings = {"network": network.fingerprint, "images": count, "split": split, "sampled": sampled}
        self.images = evenly(images, count)
        self.real = reference(network, images, count)
        self.curve = Measurement("distances", settings, "", {"rows": []})
        kept = [one for one in run.measurements.all("distances") if one.key == self.curve.key]
        if kept:
            self._set(kept[-1].value["rows"])

    def __call__(self, state: TrainState, values: Values) -> None:
        found = {
            name: frechet_of(self.real, cloud).distance
            for name, cloud in clouds(state.network, self.network, self.images, sampled=self.sampled).items()
        }
        self._set([*self.rows, {"step": state.step, **found}])
        saving(self.run, f"The distances of step {state.step}", self._keep)

    @property
    def rows(self) -> list[Row]:
        return self.curve.value["rows"]

    def cut_after(self, step: int) -> None:
        """Drop the rows later than `step`: a resumed run reads them again."""
        if (kept := [row for row in self.rows if (row["step"] or 0) <= step]) != self.rows:
            self._set(kept)
            self._keep()

    def _set(self, rows: list[Row]) -> None:
        last = {"step": rows[-1]["step"], "versions": versions("kelbo", "torch")} if rows else {}
        self.curve = replace(self.curve, value={"rows": rows}, circumstances=last)

    def _keep(self) -> None:
        self.run.measurements.keep(self.curve)


def follow(
    recipe: Recipe, run: Run, network: FeatureNetwork, count: int, *, split: str = "test", sampled: bool = False
) -> Follow:
    """The hook for a run of this recipe that begins or goes on now: rows later than its newest checkpoint are dropped.

    Rows that were read through another network or of other images are a curve of their own. RecipeError if the recipe's data
    have no such split; DataError as they are read.
    """
    hook = Follow(run, network, split_of(build.data(recipe), split), count, split=split, sampled=sampled)
    hook.cut_after(max(run.checkpoint_steps(), default=0))
    return hook


def clouds(
    model: Model, network: FeatureNetwork, images: Images, *, sampled: bool = False, seed: int = 0
) -> dict[str, np.ndarray]:
    """Features of these images' reconstructions and of as many samples, each (N, d).

    sampled: reconstructions are decoded from a seeded draw of the posterior, as the β-VAE study's code did, instead of
    its mean.
    """
    decoded = _drawn(model, images, seed) if sampled else reconstructions(model, images)
    found = {"reconstruction": features_of(network, decoded)}
    if model.has_rate:
        found["sample"] = features_of(network, samples(model, len(images), seed=seed))
    return found


def _drawn(model: Model, images: Images, seed: int, batch_size: int = 256) -> Iterator[Tensor]:
    noise = Source(seed_for(seed, "evaluation", 1))
    for batch in passes(images, batch_size, model.device):
        with model.evaluating(), drawing_from(noise):
            decoded = model.mean(model.read(batch.seen(images.levels)).output)
        yield decoded
