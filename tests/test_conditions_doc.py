"""What the page on conditions says is so: its settings exist, and its Python runs."""

import json
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


# ── what was measured ─────────────────────────────────────────────────────────────────────────────────────────────────

MEASURED = json.loads((ROOT / "benchmarks/results/conditional_mnist.json").read_text())


def mean_of(arm, name):
    """A bound's mean over seeds, nats."""
    return sum(one[name]["mean"] for one in MEASURED[arm].values()) / len(MEASURED[arm])


def seen(found):
    worst = min(found["each digit"])
    return f"{100 * found['accuracy']:.1f} % ({100 * worst:.0f} % of the worst digit)"


def pooled(arm):
    """The shares of all seeds' samples."""
    shares = [one["each digit"] for one in MEASURED[arm].values()]
    digits = [sum(column) / len(column) for column in zip(*shares, strict=True)]
    return {"each digit": digits, "accuracy": sum(digits) / len(digits)}


def test_the_table_is_what_was_measured():
    calibrated = MEASURED["calibrated"]["0"]
    for arm, name in (
        ("conditional", "elbo"),
        ("conditional", "marginal"),
        ("twin", "elbo"),
        ("twin", "importance_weighted"),
    ):
        assert f"{mean_of(arm, name):.1f}".replace("-", "−") in DOC
    every = [pooled("conditional"), *MEASURED["conditional"].values(), calibrated]
    for found in (*every, *calibrated["with fitted priors"].values()):
        assert seen(found) in DOC
    assert f"{calibrated['rate']['mean']:.0f} nats" in DOC


def test_samples_show_the_digit_that_is_given_and_labels_raise_the_bound():
    assert MEASURED["classifier"]["accuracy"] >= 0.985
    for seed, one in MEASURED["conditional"].items():
        assert one["accuracy"] >= 0.95
        assert min(one["each digit"]) >= 0.9
        assert one["elbo"]["mean"] > MEASURED["twin"][seed]["elbo"]["mean"] + 1
        assert 9.5 <= one["rate"]["mean"] <= 10.5
