import pytest

from kelbo.experiments.diagnosis import FITS
from kelbo.recipes import schema as s
from kelbo.reports.wording import aim, calibration, spoken


@pytest.mark.parametrize(
    ("sigma", "rmse", "word", "said"),
    [
        (0.10, 0.10, "calibrated", "the error that it makes"),
        (0.12, 0.10, "calibrated", f"within a factor of {FITS:g}"),
        (0.07, 0.10, "overconfident", "30 % below the one it makes"),
        (0.15, 0.10, "underconfident", "50 % above the one it makes"),
        (1.00, 0.20, "underconfident", "5.0 times the one it makes"),
        (0.10, 0.00, "underconfident", "while there is none"),
    ],
)
def test_the_verdict_compares_what_is_expected_with_what_is_made(sigma, rmse, word, said):
    verdict = calibration(sigma, rmse)
    assert verdict.word == word
    assert said in verdict.sentence


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (s.ElboSpec(), "maximise the ELBO (β = 1)"),
        (s.BetaSpec(), "maximise the ELBO (β = 1)"),
        (s.BetaSpec(beta=4), "minimise distortion + β·rate with β = 4"),
        (s.CapacitySpec(), "minimise distortion + 1000·|rate − C| with C rising to 25 nats"),
    ],
)
def test_an_objective_is_said_in_words(objective, words):
    assert aim(objective, has_rate=True) == words
    assert aim(objective, has_rate=False) == "minimise the distortion alone"


def test_kinds_are_spoken_with_their_authors_names():
    assert spoken("optimal_gaussian") == "optimal Gaussian"
    assert spoken("student_t") == "Student t"
    assert spoken("mse_vae") == "MSE VAE"
