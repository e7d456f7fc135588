"""A classifier of attributes judges a run: its edits, and what it draws under given attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from kelbo.data.attribute_values import attribute_values
from kelbo.data.conditions import Condition
from kelbo.data.images import Images
from kelbo.errors import RecipeError
from kelbo.evaluation.attribute_classifier import AttributeClassifier
from kelbo.evaluation.attribute_similarity import BEST_OF, DRAWS, attribute_similarity
from kelbo.evaluation.edit_scores import edit_scores, turned_over
from kelbo.evaluation.reference import evenly
from kelbo.experiments.edits import Directions, require_strengths, vectors_of
from kelbo.experiments.experiment import Experiment
from kelbo.experiments.measure import measure
from kelbo.runs import Measurement


def measure_edit_scores(
    experiment: Experiment,
    asked: Directions,
    strength: float,
    classifier: AttributeClassifier,
    *,
    images: int | None = None,
    again: bool = False,
) -> Measurement:
    """How a classifier sees each attribute turned over in test images: see `kelbo.evaluation.edit_scores.edit_scores`.

    images: of the split, spread evenly; all by default. DataUnknown if the classifier does not know an attribute, or the set
    not one of the classifier's.
    """
    require_strengths([strength])
    columns, test = classifier.columns(asked.names), experiment.data.test
    count = len(test) if images is None else min(images, len(test))

    def compute() -> dict[str, Any]:
        chosen, values = _known(experiment, classifier.names, count)
        how = {"sampled": asked.sampled, "seed": asked.seed}
        vectors = vectors_of(experiment, asked).vectors
        seen = turned_over(experiment.model, chosen, values[:, columns], vectors, strength, classifier, **how)
        return edit_scores(seen, values, columns, classifier.names)

    settings = {**asked.settings(experiment), "strength": strength, "classifier": classifier.fingerprint}
    settings |= {"split": "test", "judged": count}
    label = asked.label(experiment, f"{strength:g}", classifier.fingerprint["weights"][:8])
    return measure(experiment, "attributes.scores", settings, compute, label=label, again=again)


def measure_similarity(
    experiment: Experiment,
    classifier: AttributeClassifier,
    *,
    images: int | None = None,
    draws: int = DRAWS,
    best_of: int = BEST_OF,
    seed: int = 0,
    again: bool = False,
) -> Measurement:
    """How near samples are to the attributes of test images that a conditional model is given: see `attribute_similarity`.

    Of these attributes those count that the classifier knows. RecipeError if the model is given none, DataUnknown if the
    classifier knows none of them.
    """
    given = given_attributes(experiment)
    names = [name for name in given if name in classifier.names]
    columns = classifier.columns(names or given)
    test = experiment.data.test
    count = len(test) if images is None else min(images, len(test))

    def compute() -> dict[str, Any]:
        chosen, values = _known(experiment, names, count)
        how = {"draws": draws, "best_of": best_of, "seed": seed}
        return attribute_similarity(experiment.generator, chosen, values, columns, classifier, **how)

    settings = {"attributes": names, "split": "test", "judged": count, "draws": draws, "best_of": best_of, "seed": seed}
    settings |= {"classifier": classifier.fingerprint}
    label = "-".join(["similarity", classifier.fingerprint["weights"][:8], *experiment.unusual])
    return measure(experiment, "attributes.similarity", settings, compute, label=label, again=again)


def given_attributes(experiment: Experiment) -> list[str]:
    """The attributes that a model is told of each example, by the names of `attributes_offered`. RecipeError without any."""
    match experiment.condition:
        case None:
            raise RecipeError(
                f"The model of {experiment.run.path} is given no attributes, so none can be asked of its samples. Train "
                "one with model.given=attributes."
            )
        case Condition(name="attributes", variables=variables):
            return [one.name for one in variables]
        case Condition(name="factors", variables=variables):
            return [f"{one.name}={value}" for one in variables for value in one.values]
        case Condition(variables=variables):
            return [*variables[0].values]


def _known(experiment: Experiment, names: tuple[str, ...] | list[str], count: int) -> tuple[Images, np.ndarray]:
    """Test images, spread evenly, and which have each attribute, (N, A)."""
    test = experiment.data.test
    values = attribute_values(experiment.data, names, "test")
    index = test.spread_index(count).numpy() if count < len(test) else np.arange(len(test))
    return evenly(test, count), values[index]
