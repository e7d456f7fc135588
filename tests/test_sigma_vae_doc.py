"""The numbers in docs/sigma-vae.md are those of the committed results."""

import json
import statistics
from pathlib import Path

from kelbo.studies.frame import Numbers
from kelbo.studies.sigma_vae.models import OPTIMAL, SHARED, UNIT, beta_of
from kelbo.studies.sigma_vae.study import STUDY
from kelbo.studies.sigma_vae.tested import the_grid

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/sigma-vae.md").read_text()
NUMBERS = Numbers(STUDY, json.loads((ROOT / "benchmarks/results/sigma_vae_mnist_paper.json").read_text()))


def row(model):
    """A line of the table: seeds, −ELBO, that of unit variance, distance of samples, σ²·β and error."""
    printed = NUMBERS.paper.find(UNIT if model == UNIT else model, "loss", "mnist") if model in (SHARED, UNIT) else None
    unit = NUMBERS.by_seed("unit-loss", model)
    values = [
        str(model).replace("\u00a0", " "),
        ", ".join(map(str, NUMBERS.seeds(model))),
        spread(NUMBERS.by_seed("loss", model), 1),
        spread(unit, 1) if unit else "–",
        f"{printed.value:g}".replace("-", "−") if printed else "–",
        spread(NUMBERS.by_seed("distance.sample", model), 0),
        f"{NUMBERS.mean('effective-beta', model):.2g}",
        spread(NUMBERS.by_seed("rmse", model), 4),
    ]
    return f"| {' | '.join(values)} |"


def spread(by_seed, digits):
    values = list(by_seed.values())
    mean = f"{statistics.mean(values):.{digits}f}".replace("-", "−")
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def test_the_table_of_complete_mnist_is_the_measured_one():
    _, _, table = PAGE.partition("## On complete MNIST")
    models = [SHARED, OPTIMAL, *(model for model in the_grid(NUMBERS) if NUMBERS.seeds(model))]
    assert [line for line in table.splitlines() if line.startswith("|")][2:] == list(map(row, models))


def test_what_is_said_of_the_balance_is_what_the_table_has():
    effective = NUMBERS.mean("effective-beta", SHARED)
    ratios = [beta_of(NUMBERS.best(q, the_grid(NUMBERS))) / effective for q in ("distance.sample", "loss")]
    assert f"its effective β is {ratios[0]:.0f} times smaller than the best by distance" in " ".join(PAGE.split())
    assert 0.1 < ratios[1] < 10  # "within a step of the grid"


def test_what_is_said_of_the_run_is_what_was_run():
    assert {(arm["steps"], arm["batch_size"]) for arm in NUMBERS.results["arms"]} == {(4_690, 128)}
    assert NUMBERS.results["options"]["precision"] == "bf16-mixed"
    assert NUMBERS.facts["images"] == 10_000
