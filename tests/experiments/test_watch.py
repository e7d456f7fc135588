"""When a run warns of σ and of its rate, and when it does not."""

import math
from typing import Any

import pytest

from kelbo.experiments.diagnosis import COLLAPSED, FITS, FLOORED
from kelbo.experiments.findings import finding
from kelbo.experiments.watch import RunWatch
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
    """What is said of these rows, by code: the step after which, and the fields."""
    said = []
    watch = RunWatch(run, likelihood, steps, said.append, **how)
    watch.begin()
    for row in rows:
        run.journal.append(row)
        watch(row)
    kept = run.warnings()
    assert said == [one["text"] for one in kept]
    return {one["kind"]: (one["step"], one["fields"]) for one in kept}


WATCHED = [OptimalGaussian(), PerImageGaussian(), SharedGaussian(), PerPixelGaussian()]
GIVEN = [FixedGaussian(), AveragedSquaredError(8)]
OTHERS = [Bernoulli(), Categorical(8), DiscretizedLogisticMixture(3), ContinuousBernoulli(), Laplace(0.1)]
HEAVY = [Laplace(), StudentT()]


def ids(likelihood):
    return type(likelihood).__name__


# ── σ apart from the error ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("likelihood", WATCHED, ids=ids)
@pytest.mark.parametrize("ratio", [1.01 / FITS, 1.0, 0.99 * FITS])
def test_a_sigma_that_fits_the_error_gives_no_warning(run, likelihood, ratio):
    assert warned(run, likelihood, rows(1000, 0.1 * ratio, 0.1)) == {}


@pytest.mark.parametrize("likelihood", WATCHED, ids=ids)
def test_a_model_that_memorises_is_warned_of_before_its_end_and_once(run, likelihood):
    """From step 500 on the error on new images no longer falls with σ."""
    told = warned(
        run,
        likelihood,
        rows(1000, lambda step: 0.1 * 2 ** (-step / 250), lambda step: max(0.02, 0.1 * 2 ** (-min(step, 500) / 250))),
    )
    assert list(told) == ["sigma-narrow"]
    step, fields = told["sigma-narrow"]
    assert 550 < step < 800
    assert fields == {
        "sigma": 0.1 * 2 ** (-step / 250),
        "rmse": 0.025,
        "source": likelihood.sigma_from,
        "memorised": True,
        "step": step,
    }


def test_a_learned_sigma_on_its_way_is_not_blamed(run):
    """Adam moves ln σ by 0.005 a step: 460 of the 1,000 steps to an error of 0.1."""
    assert warned(run, SharedGaussian(), rows(1000, lambda step: max(0.1, math.exp(-0.005 * step)), 0.1)) == {}


def test_a_learned_sigma_that_will_not_fit_by_the_end_is_warned_of_with_the_steps_it_needs(run):
    told = warned(run, SharedGaussian(), rows(1000, lambda step: math.exp(-1e-4 * step), 0.1))
    step, fields = told["sigma-wide"]
    assert step == 260  # once a quarter of the run is over
    assert fields["sigma"] == pytest.approx(math.exp(-0.026))
    assert fields["needed"] == pytest.approx((math.log(10) - 0.026) / 1e-4)
    assert fields["left"] == 740


def test_a_learned_sigma_that_does_not_fall_needs_no_finite_number_of_steps(run):
    assert warned(run, SharedGaussian(), rows(1000, 1.0, 0.1))["sigma-wide"][1]["needed"] is None


def test_a_learned_sigma_that_stops_on_its_way_is_warned_of(run):
    told = warned(run, SharedGaussian(), rows(1000, lambda step: math.exp(-0.0025 * min(step, 600)), 0.1))
    assert 600 < told["sigma-wide"][0] <= 1000


@pytest.mark.parametrize("likelihood", [OptimalGaussian(), PerImageGaussian()], ids=ids)
def test_a_solved_sigma_that_is_too_wide_is_warned_of_at_the_end_alone(run, likelihood):
    """The batches' own σ trains the model: until the end nothing is amiss."""
    told = warned(run, likelihood, rows(1000, 0.2, 0.1))
    assert told == {"sigma-wide": (1000, {"sigma": 0.2, "rmse": 0.1, "source": "solved", "step": 1000})}


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
def test_a_sigma_at_its_floor_is_warned_of_as_soon_as_it_lies_there(run, likelihood):
    told = warned(run, likelihood, rows(1000, FLOOR, 1.1 * FLOOR, lambda step: float(step > 120)))
    fields = {"rmse": 1.1 * FLOOR, "floor": likelihood.sigma_floor, "share": 1.0, "step": 180}
    assert told == {"sigma-floor": (180, fields)}  # three rows


@pytest.mark.parametrize("likelihood", [PerPixelGaussian(), StudentT()], ids=ids)
def test_a_share_of_the_pixels_on_the_floor_is_told_as_a_share(run, likelihood):
    assert warned(run, likelihood, rows(1000, 0.1, 0.1, 0.34))["sigma-floor"][1]["share"] == 0.34
    [kept] = run.warnings()
    assert kept["severity"] == "warning"
    assert "34 % of the pixels" in kept["text"]


def test_a_few_pixels_at_the_floor_give_no_warning(run):
    assert warned(run, PerPixelGaussian(), rows(1000, 0.1, 0.1, 0.9 * FLOORED)) == {}


# ── silence ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("likelihood", [*GIVEN, *OTHERS], ids=ids)
@pytest.mark.parametrize("sigma", [FLOOR, 0.01, 1.0])
def test_a_sigma_that_is_given_or_is_not_the_error_gives_no_warning(run, likelihood, sigma):
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
    cautions = [finding("no-rate", "fine")]
    whole, stopped = (Run.create(tmp_path / name, "name = 'made'\n", {}) for name in ("whole", "stopped"))
    warned(whole, SharedGaussian(), made, cautions=cautions)
    warned(stopped, SharedGaussian(), made[:20], cautions=cautions)
    stopped.journal.cut_after(200)  # where its checkpoint was: before the warning
    said = []
    watch = RunWatch(stopped, SharedGaussian(), 1000, said.append, cautions=cautions)
    watch.begin()
    assert [one["kind"] for one in stopped.warnings()] == ["no-rate"]
    for row in made[10:]:
        stopped.journal.append(row)
        watch(row)
    assert stopped.warnings() == whole.warnings()
    assert said == []


def test_a_damaged_file_is_made_anew_from_the_rows(run):
    before = warned(run, SharedGaussian(), rows(1000, 1.0, 0.1))
    (run.path / "warnings.json").write_text('{"warnings": [')
    said = []
    RunWatch(run, SharedGaussian(), 1000, said.append).begin()
    assert {one["kind"]: (one["step"], one["fields"]) for one in run.warnings()} == before
    assert said == [one["text"] for one in run.warnings()]


def test_warnings_kept_by_earlier_versions_are_not_said_again(run):
    made = rows(1000, 1.0, 0.1)
    warned(run, SharedGaussian(), made)
    run.save_warnings([{"kind": one["kind"], "step": one["step"], "text": "In other words."} for one in run.warnings()])
    said = []
    RunWatch(run, SharedGaussian(), 1000, said.append).begin()
    assert said == []


# ── a posterior that is the prior ─────────────────────────────────────────────────────────────────────────────────────


def with_rate(rate, steps=1000, every=20):
    return [row | {"rate": rate(row["step"]) if callable(rate) else rate} for row in rows(steps, 0.1, 0.1, every=every)]


@pytest.mark.parametrize("likelihood", [*WATCHED, *GIVEN, *OTHERS], ids=ids)
def test_a_rate_near_zero_is_warned_of_after_a_quarter_of_the_run_with_every_decoder(run, likelihood):
    told = warned(run, likelihood, with_rate(0.003, steps=600), steps=2000)
    fields = {"rate": 0.003, "below": COLLAPSED, "source": likelihood.sigma_from, "step": 500}
    assert told == {"collapsed": (500, fields)}


@pytest.mark.parametrize("likelihood", [*WATCHED, *GIVEN, *OTHERS], ids=ids)
def test_a_collapse_asks_for_a_sigma_that_fits_if_sigma_is_given_or_learned(run, likelihood):
    warned(run, likelihood, with_rate(0.003))
    [kept] = run.warnings()
    assert ("optimal_gaussian" in kept["text"]) == (likelihood.sigma_from in ("given", "learned"))


def test_a_rate_that_comes_later_or_is_small_gives_no_warning(run):
    assert warned(run, SharedGaussian(), with_rate(lambda step: 0.0 if step < 240 else 1.1 * COLLAPSED)) == {}


def test_one_reading_without_rate_among_others_says_nothing(run):
    assert warned(run, SharedGaussian(), with_rate(lambda step: 0.0 if step % 60 == 0 else 1.0)) == {}


def test_a_plain_autoencoder_has_no_rate_to_lose(run):
    assert warned(run, SharedGaussian(), with_rate(0.0), has_rate=False) == {}


def test_a_run_too_short_to_tell_is_not_judged(run):
    assert warned(run, SharedGaussian(), with_rate(0.0, steps=80), steps=80) == {}
