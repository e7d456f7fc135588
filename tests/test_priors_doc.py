"""What the page on priors claims was measured."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/priors.md").read_text()
MEASURED = json.loads((ROOT / "benchmarks/results/fitted_priors.json").read_text())
NAMES = {"standard": "N(0, I)", "mixture": "fitted mixture", "flow": "fitted flow", "vamp": "VampPrior, learned"}


def row(name: str) -> str:
    """A row of the table: bounds and rate with their standard errors, distance with its interval, processor seconds."""
    found, seconds = MEASURED["results"][name], MEASURED["seconds"]
    nats = [
        f"{found[key]['mean']:.2f} ± {found[key]['standard_error']:.2f}"
        for key in ("elbo", "rate", "importance_weighted")
    ]
    frechet = found["frechet"]
    took = seconds[name if name in seconds else "standard"]["processor_seconds"]
    what = "to train" if name in ("standard", "vamp") else "to fit"
    cells = [
        NAMES[name],
        *nats,
        f"{frechet['value']:.2f} ({frechet['low']:.2f} to {frechet['high']:.2f})",
        f"{took:.0f} {what}",
    ]
    return f"| {' | '.join(cells)} |"


def test_every_row_is_the_measured_one():
    assert [row(name) for name in NAMES if row(name) not in PAGE] == []


def test_gains_and_precision_are_the_measured_ones():
    results = MEASURED["results"]
    bounds = {name: results[name]["importance_weighted"]["mean"] for name in NAMES}
    said = [f"{bounds[name] - bounds['standard']:.1f}" for name in ("mixture", "flow")]
    said += [f"{results[name]['precision']:.2f} and {results[name]['recall']:.2f} with" for name in NAMES]
    assert [text for text in said if text not in PAGE] == []


def test_a_fitted_prior_improves_bound_and_samples():
    before = MEASURED["results"]["standard"]
    for name in ("mixture", "flow"):
        after = MEASURED["results"][name]
        assert after["distortion"] == before["distortion"]
        error = max(after["rate"]["standard_error"], before["rate"]["standard_error"])
        assert after["importance_weighted"]["mean"] > before["importance_weighted"]["mean"]
        assert before["rate"]["mean"] - after["rate"]["mean"] > 4 * error
        assert after["frechet"]["value"] < before["frechet"]["value"]
