"""Through which network the σ-VAE study compares images: its set's own classifier, trained in the study's folder."""

from __future__ import annotations

from pathlib import Path

from kelbo.evaluation.features import classifier_path
from kelbo.experiments.feature_networks import labels_of, train_for
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.sigma_vae.plan import Plan
from kelbo.studies.study_features import Features, features_for
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.lane import Tell

NAME = "train the feature network"


def own_classifier(plan: Plan, study: Study) -> Path | None:
    """Where the classifier that this study trains lies, or will lie; None where another network was asked for or none can be.

    A folder of pictures has no labels; one in the data root was trained on the official files' own.
    """
    if plan.features is not None or labels_of(plan.images) is None or classifier_path(plan.set, plan.root).is_file():
        return None
    return study.features(plan.set)


def features_of(plan: Plan, study: Study) -> Features | None:
    """The network of the plan's distances, None where it is still to be trained. Raises as `feature_network` does.

    It is the one that was asked for; else the set's classifier in the data root, or the study's own; else random-0.
    """
    trained = own_classifier(plan, study)
    if trained is not None and not trained.is_file():
        return None
    known = plan.set if classifier_path(plan.set, plan.root).is_file() else "random-0"
    name = plan.features or (str(trained) if trained is not None else known)
    return features_for(plan.set, plan.images.image_shape, name, plan.root)


def jobs(plan: Plan, study: Study) -> list[Job]:
    """What trains the network where there is none yet and some lane wants distances."""
    wanted = any("distances" in lane.measures for _, lane in plan.lanes())
    place = own_classifier(plan, study)
    if not wanted or place is None or place.is_file():
        return []
    return [Job(NAME, train_features, (plan.recipe, place, plan.set, plan.budget.epochs))]


def train_features(recipe: Recipe, place: Path, name: str, epochs: int, *, tell: Tell) -> None:
    """Train a classifier on the labels of the recipe's images, in the file `place`."""

    def watch(step: int, steps: int, loss: float) -> None:
        tell({"step": step, "steps": steps, "loss": loss})

    train_for(build.data(recipe), place, name, epochs=epochs, watch=watch)
