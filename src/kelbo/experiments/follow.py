"""Distances of a model's images from real ones, measured now and then while it trains."""

from __future__ import annotations

from dataclasses import replace

from kelbo.data.images import Images
from kelbo.evaluation.distances import clouds
from kelbo.evaluation.feature_network import FeatureNetwork
from kelbo.evaluation.reference import evenly, reference
from kelbo.machine import versions
from kelbo.metrics.frechet import frechet_of
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.runs import Measurement, Run
from kelbo.runs.journal import Row
from kelbo.training import TrainState, Values
from kelbo.training.checkpoint import saving


class Follow:
    """A hook that measures distances and keeps them as the run's measurement "distances", a curve over training.

    Its rows are {"step", "reconstruction", "sample"}: Fréchet distances of a fixed handful of images.

    images: of a split, spread evenly over it, which are reconstructed; as many samples are drawn, each time from the same
    noise. sampled: reconstruct from a draw of the posterior instead of its mean. Training continues as if nothing had been
    measured. Of several processes only the first may have it. NotSaved if the disk refuses.
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
        """Drop the rows later than `step`: a resumed run measures them again."""
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
    """The hook for a run of this recipe that begins or is resumed now: rows later than its newest checkpoint are dropped.

    Rows of another network or of other images are a curve of their own. RecipeError if the recipe's data have no such
    split; DataError as they are read.
    """
    hook = Follow(run, network, split_of(build.data(recipe), split), count, split=split, sampled=sampled)
    hook.cut_after(max(run.checkpoint_steps(), default=0))
    return hook
