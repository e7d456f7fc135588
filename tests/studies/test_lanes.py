"""How the lanes of a study are put together: what of another arm's run a lane's recipe has."""

from dataclasses import replace

from tests.studies.toy import STUDY, plan

from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Ask
from kelbo.studies.course import recipes_by_title
from kelbo.studies.lanes import course_of, recipe_for


def lanes(folder, **changes):
    """Those of the toy study, the second arm changed."""

    def changed(ask):
        first, second = plan(ask).arms
        return replace(plan(ask), arms=(first, replace(second, **changes)))

    study = replace(STUDY, plan=changed)
    return course_of(study, [Ask(STUDY.options(), STUDY.budgets["minutes"])], StudyFolder(folder)).lanes


def test_a_setting_is_read_from_the_run_of_the_same_seed(tmp_path):
    opens, reads = {"objective.beta": "scratch"}, {"objective.beta": lambda run: run.path.name[-1] + "5"}
    found = lanes(tmp_path, opens=opens, reads=reads)
    recipes = {lane.title: recipe_for(lane, found) for lane in found}
    assert [recipes[f"begun/seed={seed}"].objective.beta for seed in (0, 1)] == [5.0, 15.0]
    assert recipes["begun/seed=0"].start is None


def test_a_recipe_that_needs_a_run_is_timed_by_another(tmp_path):
    found = lanes(tmp_path, probed=plan(Ask(STUDY.options(), STUDY.budgets["minutes"])).arms[0].recipe)
    assert recipes_by_title(found)["begun"] == recipes_by_title(found)["scratch"]
