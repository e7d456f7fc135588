"""One value for one meaning: what the rules find on either side of their thresholds, and how findings are made."""

import inspect
import json
import subprocess
import sys

import pytest

from kelbo.experiments import diagnosis as d
from kelbo.experiments.findings import TEXTS, finding


def test_thresholds_need_no_pytorch():
    code = "import sys, kelbo.experiments.diagnosis; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_finding_takes_exactly_the_fields_of_its_code():
    with pytest.raises(TypeError):
        finding("converged", "fine")
    with pytest.raises(TypeError):
        finding("no-rate", "fine", rate=1.0)
    with pytest.raises(KeyError):
        finding("unheard of", "fine")


def test_every_code_has_a_text_that_is_made_of_its_fields():
    words = {
        "likelihood": "Bernoulli",
        "held": "rate",
        "unit": None,
        "source": "learned",
        "about": "latents",
        "split": "test",
    }
    for code, text in TEXTS.items():
        fields = {name: words.get(name, 2) for name in inspect.signature(text).parameters}
        made = finding(code, "fine", **fields)
        assert json.loads(json.dumps(made.fields)) == fields
        assert made.text.endswith(".")
        assert "--" not in made.text  # settings, never flags


@pytest.mark.parametrize(
    ("ratio", "fits"),
    [
        (0.99 / d.FITS, "narrow"),
        (1.01 / d.FITS, "fits"),
        (1.0, "fits"),
        (0.99 * d.FITS, "fits"),
        (1.01 * d.FITS, "wide"),
    ],
)
def test_a_sigma_fits_within_one_factor_either_way(ratio, fits):
    assert d.fit(ratio) == fits
    [found] = d.sigma(ratio, 1.0, 1.0, "solved", None, 0.0)
    assert found.code == f"sigma-{fits}"


@pytest.mark.parametrize(
    ("share", "code", "severity"),
    [
        (0.9 * d.FLOORED, "sigma-fits", "fine"),
        (1.1 * d.FLOORED, "sigma-floor", "warning"),
        (1 - 1.1 * d.FLOORED, "sigma-floor", "warning"),
        (1 - 0.9 * d.FLOORED, "sigma-floor", "problem"),
    ],
)
def test_a_share_of_the_pixels_at_the_floor_is_a_warning_and_all_of_them_a_problem(share, code, severity):
    [found] = d.sigma(1.0, 1.0, 1.0, "decoder", 0.01, share)
    assert (found.code, found.severity) == (code, severity)


@pytest.mark.parametrize(
    ("rate", "active", "code", "severity"),
    [
        (0.9 * d.COLLAPSED, 0, "collapsed", "problem"),
        (1.1 * d.COLLAPSED, 0, "latents-inactive", "problem"),
        (9.0, 4, "latents-inactive", "warning"),
        (9.0, 5, "latents-used", "fine"),
    ],
)
def test_a_collapse_is_a_rate_near_zero(rate, active, code, severity):
    found = d.latents(rate, active, 10, "solved")
    assert (found.code, found.severity) == (code, severity)


@pytest.mark.parametrize(("rates", "used"), [([1.0], 1), ([0.9 * d.COLLAPSED, 9.0], 2), ([0.02] * 9 + [0.001], 9)])
def test_a_group_is_used_from_its_share_of_the_least_rate(rates, used):
    found = d.groups(rates, None)
    assert (found.code, found.fields["used"]) == ("groups-used", used)


def test_a_stage_that_ignores_its_latents_is_found_beside_one_that_does_not():
    assert d.stages([40.0, d.COLLAPSED]) == []
    (found,) = d.stages([40.0, 0.5 * d.COLLAPSED])
    assert (found.code, found.severity, found.fields["stage"]) == ("stage-unused", "problem", 2)


def test_many_groups_collapse_as_one_does():
    assert d.groups([d.COLLAPSED / 11] * 10, None).code == "collapsed"


def test_a_model_without_a_rate_is_not_taken_for_one_of_the_librarys():
    assert "autoencoder" not in finding("no-rate", "fine").text


def test_a_saturated_estimate_judges_the_prior_latent_by_latent():
    told = {"marginal": 20.0, "by_latent": 0.5, "cap": 7.0, "rate": 30.0, "images": 1_096}
    assert d.prior(information=7.0 - 1.1 * d.SATURATED, **told).code == "prior-far"
    near = d.prior(information=7.0 - 0.9 * d.SATURATED, **told)
    assert (near.code, near.fields["gap"], near.fields["per_latent_images"]) == ("prior-near", 0.5, 1_096)


def test_a_gap_within_the_errors_is_no_overfitting():
    assert d.generalisation(-100.0, -110.0, 9.9 / d.ERRORS).code == "overfit"
    assert d.generalisation(-100.0, -110.0, 10.1 / d.ERRORS).code == "generalises"
    assert d.generalisation(-1000.0, -1010.0, 0.1).code == "generalises"  # 1 % of the ELBO
