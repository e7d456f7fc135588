"""A study that an earlier version began goes on with the test images that its lanes have; a new one has the same for all."""

import json
import re

import pytest
from kelbo.studies.beta_vae.budget import BUDGETS

from kelbo.recipes import change
from kelbo.studies.beta_vae import baselines, plan as beta_plan, reproduce as beta_vae
from kelbo.studies.study_lanes import lay_out
from kelbo.sweeps.definition import prepare_sweep


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))


def begun_by_an_earlier_version(study, sweeps):
    """Its sweeps as such a version laid them: the recipes knew no split_seed."""
    for sweep in sweeps:
        laid = prepare_sweep(
            change(sweep.recipe, ["data.split_seed=seed"]), sweep.over, sweep.seeds, study.sweep(sweep.name)
        )
        told = laid.sweep.definition()
        told["recipe"] = re.sub(r"(?m)^split_seed.*\n", "", told["recipe"])
        laid.sweep.definition_path.write_text(json.dumps(told))


def test_a_beta_vae_study_of_an_earlier_version_keeps_its_test_images_and_its_baselines_numbers(tmp_path):
    plan = beta_plan.plan_of(BUDGETS["minutes"], only=["fig3"])
    assert {sweep.recipe_of(lane).split_seed for sweep in plan.sweeps for lane in sweep.lanes()} == {0}
    begun_by_an_earlier_version(beta_vae.begin(plan, tmp_path), plan.sweeps)
    study, kept = beta_vae.begin(plan, tmp_path), beta_vae.as_laid(plan, tmp_path)
    recipes = lay_out(kept.sweeps, study).values()
    assert all(recipe.split_seed == recipe.seed for recipe in recipes)
    assert kept.asking(None).by_seed
    known = [baselines.baseline_wants(kept, baseline, None) for baseline in kept.baselines]
    assert known
    assert all("split_seed" not in wants.of for wants in known)
    new = [baselines.baseline_wants(plan, baseline, None).of for baseline in plan.baselines]
    assert all("split_seed" in of for of in new)
