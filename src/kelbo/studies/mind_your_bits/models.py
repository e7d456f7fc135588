"""The models of the study by the names that its pages have for them."""

from __future__ import annotations

from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers
from kelbo.studies.mind_your_bits.sets import TARGET

STANDARD = StudyModel("standard", name="Learned σ", printed="standard")
MATCHED = StudyModel("matched", name="Target at its error", printed="matched")
PRIMARY = StudyModel("primary", name="Primary", printed="primary")


def single(target: float) -> StudyModel:
    """A single stage held at a squared error."""
    return StudyModel("single", ((TARGET, float(target)),), f"γ\u00a0=\u00a0{target:g}", printed=f"gamma={target:g}")


def second(target: float) -> StudyModel:
    """Both stages, the second held at a squared error."""
    return StudyModel("secondary", ((TARGET, float(target)),), f"γ̃\u00a0=\u00a0{target:g}", printed=f"final={target:g}")


def target_of(n: Numbers, model: StudyModel) -> float:
    """The squared error that a model is held at."""
    return n.facts["targets"]["primary"] if model == PRIMARY else float(dict(model.settings)[TARGET])


def sweep(n: Numbers) -> list[StudyModel]:
    """Every single stage, the primary among them, from the largest target to the smallest."""
    primary = StudyModel("primary", (), f"γ\u00a0=\u00a0{n.facts['targets']['primary']:g}", printed="primary")
    return sorted([*n.models("single", TARGET, single), primary], key=lambda model: -target_of(n, model))


def seconds(n: Numbers) -> list[StudyModel]:
    """Every pair of stages, from the largest final target to the smallest."""
    return sorted(n.models("secondary", TARGET, second), key=lambda model: -target_of(n, model))


def pairs(n: Numbers) -> list[tuple[StudyModel, StudyModel]]:
    """Two stages and the single stage of the same target, where there are both."""
    known = n.models("single", TARGET, single)
    return [(two, one) for two in seconds(n) for one in known if target_of(n, one) == target_of(n, two)]


def at(n: Numbers, name: str) -> StudyModel:
    """The single stage of one of the study's targets by its name ("noisy", "early")."""
    target = n.facts["targets"][name]
    return next(model for model in sweep(n) if target_of(n, model) == target)
