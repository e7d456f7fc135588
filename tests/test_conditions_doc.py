"""What the page on conditions says is so: its settings exist, and its Python runs."""

import re
from pathlib import Path

import pytest

from kelbo.experiments import train
from kelbo.recipes import change, find

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs/conditions.md").read_text()


def test_its_recipes_and_settings_exist():
    commands = re.findall(r"kelbo train (\S+) --out \S+(?: --set (\S+))?", DOC)
    assert len(commands) == 3
    for name, setting in commands:
        assert change(find(name), [setting] if setting else []).model.given


def test_the_recipe_is_given_labels_and_holds_its_rate_near_10_nats():
    recipe = find("mnist-conditional")
    assert (recipe.model.given, recipe.objective.capacity) == ("labels", 10)
    assert recipe.model.latents >= 8


@pytest.mark.slow
def test_its_python_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", DOC, flags=re.DOTALL)
    small = ["model.given=labels", "model.network.width=16", "training.steps=2"]
    names = {"path": train(change(find("digits"), small), tmp_path / "run").path}
    exec("import torch\n" + code, names)
    assert len(names["images"]) == len(names["changed"]) == 10
