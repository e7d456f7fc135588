"""All scores of one table at once: their values, intervals and reasons."""

import json

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.evaluation.disentanglement import SCORES, Options, scores_of_codes

SIZES = (3, 4, 5)


def grid(repeats: int) -> np.ndarray:
    return np.tile(np.stack(np.meshgrid(*map(np.arange, SIZES), indexing="ij"), -1).reshape(-1, 3), (repeats, 1))


def perfect(repeats: int = 20) -> Codes:
    factors = grid(repeats)
    noise = np.random.default_rng(0).normal(0, 0.01, factors.shape)
    means = (factors / np.array(SIZES) * 4 - 2 + noise).astype(np.float32)
    return Codes(means, np.full_like(means, 0.05), factors, ("a", "b", "c"))


@pytest.fixture(scope="module")
def scores():
    return scores_of_codes(perfect(), tuple(SCORES))


def test_a_perfect_code_scores_near_one_by_all(scores):
    low = {name: entry["value"] for name, entry in scores.items() if name != "sap" and entry["value"] < 0.9}
    assert low == {}


def test_every_score_has_an_interval_around_it_and_is_json(scores):
    for entry in json.loads(json.dumps(scores, allow_nan=False)).values():
        ends = entry["low"], entry["high"]
        assert ends == (None, None) if entry["value"] == 1 else ends[0] <= entry["value"] <= ends[1]
        assert entry["replicates"] > 1
        assert entry["seconds"] > 0


def test_the_same_command_gives_the_same_numbers(scores):
    again = scores_of_codes(perfect(), ("beta_vae", "mig", "sap"))
    assert {name: entry["value"] for name, entry in again.items()} == {name: scores[name]["value"] for name in again}


def test_what_a_score_was_made_from_is_kept_for_pictures(scores):
    assert np.shape(scores["dci_disentanglement"]["details"]["importances"]) == (3, 3)
    assert np.shape(scores["mig"]["details"]["information"]) == (3, 3)


def test_large_tables_are_scored_on_fresh_rows_and_small_ones_on_all():
    assert scores_of_codes(perfect(), ["mig"])["mig"]["settings"] == {
        "rows": 1200,
        "table": 1200,
        "replicates": "half samples",
        "seed": 0,
    }
    sample = scores_of_codes(perfect(400), ["mig"])["mig"]
    assert sample["settings"] == {"rows": 10_000, "table": 24_000, "replicates": "half samples", "seed": 0}


def test_tables_of_every_combination_are_scored_on_fresh_rows():
    factors = np.stack(np.meshgrid(*[range(30)] * 3, indexing="ij"), -1).reshape(-1, 3)
    everything = Codes(factors.astype(np.float32), None, factors)
    assert everything.complete
    assert not Codes(factors[1:].astype(np.float32), None, factors[1:]).complete
    assert not Codes(factors.astype(np.float32), None, np.roll(factors, 1, 0) * 0 + factors[5]).complete
    scores = scores_of_codes(everything, ["mig", "factor_vae"])
    assert scores["mig"]["settings"] == {"rows": 10_000, "table": 27_000, "replicates": "fresh rows", "seed": 0}
    assert scores["factor_vae"]["settings"]["replicates"] == "fresh pairs"


def mixed(size, seed):
    """A sample of codes that mix three factors."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, SIZES, (size, 3))
    mixture = np.array([[1, 0.5, 0.2], [0.2, 1, 0.5], [0.5, 0.2, 1]])
    return Codes((factors @ mixture + rng.normal(0, 0.3, factors.shape)).astype(np.float32), None, factors)


@pytest.mark.parametrize("name", ["mig", pytest.param("factor_vae", marks=pytest.mark.slow), "modularity"])
def test_intervals_of_samples_cover_the_score_over_new_samples(name):
    values = [scores_of_codes(mixed(1500, seed), [name])[name] for seed in range(24)]
    truth = np.mean([entry["value"] for entry in values])
    covered = sum(entry["low"] <= truth <= entry["high"] for entry in values)
    assert covered >= 19  # 22.8 expected; fewer than 19 in one of a hundred


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"factors": grid(30)}, "got 1,200 and 1,800 rows"),
        ({"scales": np.ones((100, 3))}, "^scales .*1200, 3\\); got"),
        ({"names": ("a", "b")}, "There are 3 factors and 2 names"),
    ],
)
def test_tables_that_do_not_fit_are_refused_before_rows_are_drawn(changed, message):
    codes = perfect()
    parts = {"means": codes.means, "scales": codes.scales, "factors": codes.factors, "names": codes.names} | changed
    with pytest.raises(ScoreError, match=message):
        scores_of_codes(Codes(**parts), ["mig"])


def test_a_score_that_does_not_exist_leaves_its_reason_and_the_others_their_numbers():
    codes, missing = perfect(), {}
    found = scores_of_codes(Codes(codes.means, None, codes.factors), ["continuous_mig", "mig"], missing=missing)
    assert set(found) == {"mig"}
    assert "standard deviations" in missing["continuous_mig"]


def test_intervals_of_a_large_table_cover_the_score_of_all_its_rows():
    rng = np.random.default_rng(3)
    factors = grid(800)
    means = (factors + rng.normal(0, 1.0, factors.shape)).astype(np.float32)
    from kelbo.metrics.mig import mig

    whole = mig(means, factors).value
    covered = [
        entry["low"] - 0.005 < whole < entry["high"] + 0.005  # 10,000 rows count informations a little too large
        for seed in (0, 10, 20, 30)
        if (entry := scores_of_codes(Codes(means, None, factors), ["mig"], seed=seed)["mig"])
    ]
    assert sum(covered) >= 3


def test_more_pairs_make_the_beta_score_surer():
    rng = np.random.default_rng(0)
    codes = perfect()
    turned = Codes((codes.means @ np.linalg.qr(rng.normal(size=(3, 3)))[0]).astype(np.float32), None, codes.factors)
    few, many = (scores_of_codes(turned, ["beta_vae"], Options(pairs=n))["beta_vae"]["value"] for n in (2, 64))
    assert few < many


def test_codes_without_factors_say_where_there_are_some():
    with pytest.raises(ScoreError, match="shapes2d, shapes3d, arm"):
        scores_of_codes(Codes(np.zeros((10, 2))), ["mig"])


def test_a_point_code_has_no_continuous_mig():
    codes = perfect()
    with pytest.raises(ScoreError, match="standard deviations"):
        scores_of_codes(Codes(codes.means, None, codes.factors), ["continuous_mig"])


def test_an_unknown_score_is_answered_with_those_there_are():
    with pytest.raises(ScoreError, match="beta_vae"):
        scores_of_codes(perfect(), ["migg"])


def test_where_half_the_rows_are_too_few_the_interval_is_missing_and_says_why():
    factors = np.tile(grid(1), (2, 1))  # every combination twice: in a half, some value of 60 has one row
    factors = np.concatenate([factors, np.arange(120)[:, None] % 60], 1)
    entry = scores_of_codes(Codes(factors.astype(np.float32), None, factors), ["irs"])["irs"]
    assert (entry["low"], entry["high"], entry["replicates"]) == (None, None, 1)
    assert "no interval" in entry["settings"]["replicates"]
    assert "only one row" in entry["settings"]["replicates"]
