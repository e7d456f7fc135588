"""When σ is worth a word, and when it is not."""

import math
from typing import Any

import pytest

from kelbo.experiments.watch import BalanceWatch
from kelbo.likelihoods import (
    AveragedSquaredError,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogisticMixture,
    FixedGaussian,
    Laplace,
    OptimalGaussian,
    PerImageGaussian,
    PerPixelGaussian,
    SharedGaussian,
    StudentT,
)
from kelbo.runs import Run

FLOOR = math.exp(-6)


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", "name = 'made'\n", {})


def rows(steps, sigma, rmse, floored: Any = 0.0, every=20):
    """A row each `every` steps; values are numbers, or functions of the step."""
    values = {"sigma": sigma, "rmse": rmse, "floored": floored}
    return [
        {"step": step, **{name: value(step) if callable(value) else value for name, value in values.items()}}
        for step in range(every, steps + 1, every)
    ]


def warned(run, likelihood, rows, steps=1000, **how):
    """What is said of these rows, by kind: the step after which, and the text."""
    said = []
    watch = BalanceWatch(run, likelihood, steps, said.append, **how)
    watch.begin()
    for row in rows:
        run.journal.append(row)
        watch(row)
    kept = run.warnings()
    assert said == [one["text"] for one in kept]
    return {one["kind"]: (one["step"], one["text"]) for one in kept}


WATCHED = [OptimalGaussian(), PerImageGaussian(), SharedGaussian(), PerPixelGaussian()]
GIVEN = [FixedGaussian(), AveragedSquaredError(8)]
OTHERS = [Bernoulli(), Categorical(8), DiscretizedLogisticMixture(3), ContinuousBernoulli(), Laplace(0.1)]
HEAVY = [Laplace(), StudentT()]


def ids(likelihood):
    return type(likelihood).__name__


# ── σ apart from the error ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("likelihood", WATCHED, ids=ids)
@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.4])
def test_a_sigma_that_is_about_the_error_is_not_spoken_of(run, likelihood, ratio):
    assert warned(run, likelihood, rows(1000, 0.1 * ratio, 0.1)) == {}


@pytest.mark.parametrize("likelihood", WATCHED, ids=ids)
def test_a_model_that_learns_by_heart_is_told_of_before_its_end_and_once(run, likelihood):
    """From step 500 on the error on new images no longer falls with σ."""
    told = warned(
        run,
        likelihood,
        rows(1000, lambda step: 0.1 * 2 ** (-step / 250), lambda step: max(0.02, 0.1 * 2 ** (-min(step, 500) / 250))),
    )
    assert list(told) == ["sigma-narrow"]
    step, text = told["sigma-narrow"]
    assert 600 < step < 900
    assert text.startswith(f"At step {step} the decoder expects errors of σ = 0.0")
    assert "makes errors of 0.0250 on test images, 1." in text
    assert "optimizer.weight_decay or fewer steps" in text


def test_a_learned_sigma_on_its_way_is_not_blamed(run):
    """Adam moves ln σ by 0.005 a step: 460 of the 1,000 steps to an error of 0.1."""
    assert warned(run, SharedGaussian(), rows(1000, lambda step: max(0.1, math.exp(-0.005 * step)), 0.1)) == {}


def test_a_learned_sigma_that_will_not_be_there_by_the_end_is_told_with_the_steps_it_needs(run):
    told = warned(run, SharedGaussian(), rows(1000, lambda step: math.exp(-1e-4 * step), 0.1))
    step, text = told["sigma-wide"]
    assert step == 260  # once a quarter of the run is over
    assert "expects errors of σ = 0.9743 and makes errors of 0.1000" in text
    assert f"the rate weighs {(math.exp(-0.026) / 0.1) ** 2:.3g} times as much" in text
    assert f"needs {(math.log(10) - 0.026) / 1e-4:,.0f} more steps as it goes now; 740 are left" in text
    assert "likelihood.kind=optimal_gaussian" in text


def test_a_learned_sigma_that_stands_still_is_told_so(run):
    assert "was not seen to fall" in warned(run, SharedGaussian(), rows(1000, 1.0, 0.1))["sigma-wide"][1]


def test_a_rate_that_drops_on_the_way_leaves_a_word_at_the_end(run):
    told = warned(run, SharedGaussian(), rows(1000, lambda step: math.exp(-0.0025 * min(step, 600)), 0.1))
    assert 600 < told["sigma-wide"][0] <= 1000


@pytest.mark.parametrize("likelihood", [OptimalGaussian(), PerImageGaussian()], ids=ids)
def test_a_solved_sigma_that_is_too_wide_is_told_of_at_the_end_alone(run, likelihood):
    """The batches' own σ trains the model: until the end nothing is amiss."""
    told = warned(run, likelihood, rows(1000, 0.2, 0.1))
    assert told["sigma-wide"][0] == 1000
    assert "training and test images differ in kind" in told["sigma-wide"][1]


def test_one_reading_that_is_off_is_chance(run):
    assert warned(run, OptimalGaussian(), rows(1000, lambda step: 0.01 if step % 60 == 0 else 0.1, 0.1)) == {}


@pytest.mark.parametrize("ratio", [0.1, 10.0])
def test_the_first_steps_are_not_judged(run, ratio):
    assert warned(run, SharedGaussian(), rows(80, 0.1 * ratio, 0.1, every=10), steps=80) == {}
    assert warned(run, PerPixelGaussian(), rows(200, 0.1 * ratio, 0.1), steps=1000) == {}


def test_a_run_with_one_row_is_judged_at_its_end(run):
    assert list(warned(run, OptimalGaussian(), rows(1000, 0.05, 0.1, every=1000))) == ["sigma-narrow"]


# ── σ on its floor ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("likelihood", [*WATCHED, *HEAVY], ids=ids)
def test_a_sigma_on_its_floor_is_a_word_as_soon_as_it_lies_there(run, likelihood):
    told = warned(run, likelihood, rows(1000, FLOOR, 1.1 * FLOOR, lambda step: float(step > 120)))
    assert list(told) == ["sigma-floor"]
    step, text = told["sigma-floor"]
    assert step == 180  # three rows
    assert f"lies on its floor, {likelihood.sigma_floor:.4f} (about half a grey level of 256)" in text
    assert "categorical" in text


@pytest.mark.parametrize("likelihood", [PerPixelGaussian(), StudentT()], ids=ids)
def test_a_share_of_the_pixels_on_the_floor_is_told_as_a_share(run, likelihood):
    told = warned(run, likelihood, rows(1000, 0.1, 0.1, 0.34))
    assert "the σ of 34 % of the pixels lies on its floor, 0.0025" in told["sigma-floor"][1]
    assert "likelihood.kind=optimal_gaussian" in told["sigma-floor"][1]


def test_a_few_pixels_on_the_floor_are_not_spoken_of(run):
    assert warned(run, PerPixelGaussian(), rows(1000, 0.1, 0.1, 0.03)) == {}


# ── silence ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("likelihood", [*GIVEN, *OTHERS], ids=ids)
@pytest.mark.parametrize("sigma", [FLOOR, 0.01, 1.0])
def test_of_a_sigma_that_is_given_or_that_nothing_can_move_there_is_no_word(run, likelihood, sigma):
    made = [{key: value for key, value in row.items() if key != "floored"} for row in rows(1000, sigma, 0.1)]
    assert warned(run, likelihood, made) == {}


@pytest.mark.parametrize("likelihood", HEAVY, ids=ids)
@pytest.mark.parametrize("ratio", [0.5, 3.0])
def test_tails_that_are_not_a_gaussians_part_sigma_from_error_by_nature(run, likelihood, ratio):
    assert warned(run, likelihood, rows(1000, 0.1 * ratio, 0.1)) == {}


@pytest.mark.parametrize("likelihood", WATCHED, ids=ids)
def test_a_plain_autoencoder_is_not_watched(run, likelihood):
    assert warned(run, likelihood, rows(1000, 1.0, 0.1, 1.0), has_rate=False) == {}


def test_a_reading_that_is_no_number_is_passed_over(run):
    made = rows(1000, 0.1, 0.1)
    for row, value in zip(made[5:8], (None, math.nan, math.inf), strict=True):
        row["sigma"] = row["rmse"] = value
    assert warned(run, OptimalGaussian(), made) == {}


def test_of_no_warnings_there_is_no_file(run):
    warned(run, OptimalGaussian(), rows(200, 0.1, 0.1))
    assert not (run.path / "warnings.json").exists()


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_goes_on_with_a_run_keeps_what_an_uninterrupted_one_does_and_says_nothing_twice(tmp_path):
    made = rows(1000, lambda step: math.exp(-1e-4 * step), 0.1)
    cautions = {"made": "for the test"}
    whole, stopped = (Run.create(tmp_path / name, "name = 'made'\n", {}) for name in ("whole", "stopped"))
    warned(whole, SharedGaussian(), made, cautions=cautions)
    warned(stopped, SharedGaussian(), made[:20], cautions=cautions)
    stopped.journal.cut_after(200)  # where its checkpoint was: before the warning
    said = []
    watch = BalanceWatch(stopped, SharedGaussian(), 1000, said.append, cautions=cautions)
    watch.begin()
    assert [one["kind"] for one in stopped.warnings()] == ["made"]
    for row in made[10:]:
        stopped.journal.append(row)
        watch(row)
    assert stopped.warnings() == whole.warnings()
    assert said == []


def test_a_damaged_file_is_made_anew_from_the_rows(run):
    before = warned(run, SharedGaussian(), rows(1000, 1.0, 0.1))
    (run.path / "warnings.json").write_text('{"warnings": [')
    said = []
    BalanceWatch(run, SharedGaussian(), 1000, said.append).begin()
    assert {one["kind"]: (one["step"], one["text"]) for one in run.warnings()} == before
    assert said == [text for _, text in before.values()]


# ── a posterior that is the prior ─────────────────────────────────────────────────────────────────────────────────────


def with_rate(rate, steps=1000, every=20):
    return [row | {"rate": rate(row["step"]) if callable(rate) else rate} for row in rows(steps, 0.1, 0.1, every=every)]


@pytest.mark.parametrize("likelihood", [*WATCHED, *GIVEN, *OTHERS], ids=ids)
def test_a_rate_of_nothing_is_told_of_after_a_quarter_of_the_run_with_every_decoder(run, likelihood):
    told = warned(run, likelihood, with_rate(0.003, steps=600), steps=2000)
    assert list(told) == ["collapsed"]
    step, text = told["collapsed"]
    assert step == 500
    assert "the rate is 0.003 nats an image, below the 0.1 that count as collapsed here: " in text
    assert "take another seed" in text


@pytest.mark.parametrize("likelihood", [SharedGaussian(), *GIVEN], ids=ids)
def test_where_sigma_is_fixed_or_learned_a_rate_of_nothing_asks_for_one_that_fits(run, likelihood):
    text = warned(run, likelihood, with_rate(0.003))["collapsed"][1]
    assert "or a σ that fits from the first step (likelihood.kind=optimal_gaussian); where β is large" in text


@pytest.mark.parametrize("likelihood", [OptimalGaussian(), PerImageGaussian(), PerPixelGaussian(), *OTHERS], ids=ids)
def test_with_every_other_decoder_a_rate_of_nothing_asks_for_no_other_one(run, likelihood):
    text = warned(run, likelihood, with_rate(0.003))["collapsed"][1]
    assert "likelihood.kind" not in text
    assert "take another seed or a lower optimizer.learning_rate; where β is large" in text


def test_a_rate_that_comes_later_or_is_small_is_not_spoken_of(run):
    assert warned(run, SharedGaussian(), with_rate(lambda step: 0.0 if step < 240 else 0.5)) == {}


def test_one_reading_without_rate_among_others_says_nothing(run):
    assert warned(run, SharedGaussian(), with_rate(lambda step: 0.0 if step % 60 == 0 else 1.0)) == {}


def test_a_plain_autoencoder_has_no_rate_to_lose(run):
    assert warned(run, SharedGaussian(), with_rate(0.0), has_rate=False) == {}


def test_a_run_too_short_to_tell_is_not_judged(run):
    assert warned(run, SharedGaussian(), with_rate(0.0, steps=80), steps=80) == {}
