"""What a study's folder keeps beside its runs."""

import pytest

from kelbo.errors import RunError
from kelbo.runs.study_folder import StudyFolder as Study

DEFINITION = {"study": "some", "seeds": [0, 1]}


def test_a_study_that_may_not_be_made_is_refused_and_not_made(tmp_path):
    with pytest.raises(RunError, match="no study"):
        Study.begin(tmp_path / "study", DEFINITION, (), new=False)
    assert list(tmp_path.iterdir()) == []


def test_another_definition_is_refused_with_what_differs(tmp_path):
    study = Study.begin(tmp_path, DEFINITION, ())
    study.ask([["fig9"]], "random-0")
    Study.begin(tmp_path, DEFINITION, (), new=False)  # what was asked for does not make it another
    with pytest.raises(RunError, match=r"\[0, 1\].*\[2\]"):
        study.require(DEFINITION | {"seeds": [2]}, ())


def test_the_machine_is_the_first_that_trained_something(tmp_path):
    study = Study.begin(tmp_path, DEFINITION, ())
    for machine, first in (("laptop", True), ("server", True), ("another", False)):
        study.trained_on({"processor": machine}, first=first)
    assert study.record()["machine"] == {"processor": "server"}


def test_nothing_is_told_of_a_study_that_is_not_begun(tmp_path):
    assert Study(tmp_path).record() == {}
