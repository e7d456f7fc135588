"""What the page on targets claims was measured, and holds what was asked of the controllers."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/targets.md").read_text()
RECORD = json.loads((ROOT / "benchmarks/results/held_targets.json").read_text())
PICTURES = json.loads((ROOT / "benchmarks/results/held_pictures.json").read_text())["targets"]
FORMS = {"published": "published", "log_odds": "log-odds"}


def row(run: dict[str, Any]) -> str:
    settled = "never" if run["settled_at"] is None else f"{run['settled_at']:,}"
    cells = [
        f"{run['held']} {run['target']:g}",
        FORMS[run["form"]],
        f"{run['value']:.4g} ± {run['value_sd']:.2g}",
        f"{run['multiplier']:.5f}",
        f"{100 * run['clamped']:.0f} %",
        settled,
        f"{run['rate']:,.1f}",
        f"{run['least_rate']:,.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def found(held: str, target: float, form: str) -> dict[str, Any]:
    (run,) = (r for r in RECORD["runs"] if (r["held"], r["target"], r["form"]) == (held, target, form))
    return run


def test_every_row_is_the_measured_one():
    assert [row(run) for run in RECORD["runs"] if row(run) not in PAGE] == []


@pytest.mark.parametrize("target", [64.0, 8.0, 0.5])
def test_the_published_form_settles_within_two_percent(target):
    assert found("squared error", target, "published")["apart"] < 0.02


def test_the_published_form_is_pinned_above_a_small_target_and_told_to_be():
    run = found("squared error", 0.05, "published")
    assert run["clamped"] == 1
    assert run["squared_error"] > 2 * run["target"]


@pytest.mark.parametrize("target", [64.0, 8.0, 0.5, 0.05])
def test_the_log_odds_form_settles_within_one_percent(target):
    run = found("squared error", target, "log_odds")
    assert run["apart"] < 0.01
    assert run["value_sd"] < 0.01 * target


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", [37.5, 355.3])
def test_rates_settle_within_two_percent(target, form):
    assert found("rate", target, form)["apart"] < 0.02


def test_every_run_ends_on_the_curve():
    for run in RECORD["runs"]:
        assert run["rate"] == pytest.approx(run["least_rate"], rel=0.02)


def test_every_row_of_pictures_is_the_measured_one():
    for target, run in PICTURES.items():
        cells = [
            target,
            f"{run['last steps']['squared_error']:.3g}",
            f"{run['test']['squared_error']:.3g}",
            f"{run['test']['rate']['mean']:.1f}",
            str(run["groups in use"]),
            f"{run['last steps']['multiplier']:.5f}",
        ]
        assert f"| {' | '.join(cells)} |" in PAGE


def test_deep_models_hold_five_targets_that_span_sixteen_times_with_rates_in_their_order():
    targets = [float(target) for target in PICTURES]
    assert (len(targets), max(targets) / min(targets)) == (5, 16)
    rates = [run["test"]["rate"]["mean"] for run in PICTURES.values()]
    assert rates == sorted(rates)
    assert targets == sorted(targets, reverse=True)
    assert min(rates) > 1
    for target, run in zip(targets, PICTURES.values(), strict=True):
        assert run["last steps"]["squared_error"] == pytest.approx(target, rel=0.03)
        assert run["groups in use"] >= 3
