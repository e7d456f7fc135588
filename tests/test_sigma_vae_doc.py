"""The numbers in docs/sigma-vae.md are those of the committed results."""

import json
import statistics
from pathlib import Path

from kelbo.reports.sigma_vae.printed import TABLE_3
from kelbo.reports.sigma_vae.results import Kind, Study, effective_beta, loss, of_samples

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/sigma-vae.md").read_text()
RESULTS = json.loads((ROOT / "benchmarks/results/sigma_vae_mnist_paper.json").read_text())
PRINTED = {Kind("shared_gaussian"): TABLE_3["shared_gaussian"], Kind("fixed_gaussian"): TABLE_3["fixed_gaussian"]}


def row(kind, lanes):
    """A line of the table: seeds, −ELBO, that of unit variance, distance of samples, σ²·β and error."""
    printed = PRINTED.get(kind)
    values = [
        str(kind).replace("\u00a0", " "),
        ", ".join(str(lane["seed"]) for lane in lanes),
        spread([-lane["bound"]["elbo"]["mean"] for lane in lanes], 1),
        spread([-lane["unit_bound"]["elbo"]["mean"] for lane in lanes], 1) if lanes[0]["unit_bound"] else "–",
        f"{printed.nats:g}".replace("-", "−") if printed else "–",
        spread([lane["distances"]["sample"]["value"] for lane in lanes], 0),
        f"{statistics.mean(lane['equivalent_beta'] for lane in lanes):.2g}",
        spread([lane["rmse"] for lane in lanes], 4),
    ]
    return f"| {' | '.join(values)} |"


def spread(values, digits):
    mean = f"{statistics.mean(values):.{digits}f}".replace("-", "−")
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def rows():
    done = [lane for lane in RESULTS["lanes"] if lane["state"] == "done"]
    kinds = dict.fromkeys(Kind(lane["decoder"], lane["beta"]) for lane in done)
    return [row(kind, [a for a in done if Kind(a["decoder"], a["beta"]) == kind]) for kind in kinds]


def test_the_table_of_complete_mnist_is_the_measured_one():
    _, _, table = PAGE.partition("## On complete MNIST")
    assert [line for line in table.splitlines() if line.startswith("|")][2:] == rows()
    assert len(rows()) > 1


def test_what_is_said_of_the_balance_is_what_the_table_has():
    study = Study(RESULTS)
    ratios = [
        study.best_beta(read) / study.mean(Kind("shared_gaussian"), effective_beta) for read in (of_samples, loss)
    ]
    words = " ".join(PAGE.split())
    assert f"its effective β is {ratios[0]:.0f} times smaller than the best by distance" in words
    assert 0.1 < ratios[1] < 10  # "within a step of the grid"


def test_what_is_said_of_the_run_is_what_was_run():
    plan = RESULTS["plan"]
    assert (plan["set"], plan["steps"], plan["batch_size"], plan["precision"]) == ("mnist", 4_690, 128, "bf16-mixed")
    assert plan["measures"]["images"] == 10_000
