"""A study of one's own, run once in this process."""

import pytest
from tests.in_turn import work_off_in_turn
from tests.studies.toy import STUDY

from kelbo.studies import lane_training
from kelbo.studies.arms import Ask
from kelbo.studies.course import reproduce


@pytest.fixture
def in_turn(monkeypatch):
    """The queue works its jobs off in this process."""
    monkeypatch.setattr(lane_training, "work_off", work_off_in_turn)


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The folder of the finished toy study; not to be written to."""
    place = tmp_path_factory.mktemp("toy") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane_training, "work_off", work_off_in_turn)
        reproduce(STUDY, Ask(STUDY.options(), STUDY.budgets["minutes"]), place)
    return place
