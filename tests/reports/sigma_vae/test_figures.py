"""Which of the σ-VAE study's figures there are, and what is said where one is not."""

import base64
import copy
import io
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image
from tests.reports.sigma_vae.maker import study_results

from kelbo.reports.figure import DARK, LIGHT
from kelbo.reports.page_pictures import Picture
from kelbo.reports.sigma_vae import figures as charted
from kelbo.reports.sigma_vae.figures import figures

NUMBERS = {"balance", "fig4", "fig9", "pit", "coverage"}
OF_RUNS = {"fig3", "decoders", "errormap"}
SMALL = {"decoders": ("shared_gaussian", "optimal_gaussian", "per_pixel_gaussian"), "seeds": (0, 1)}


@pytest.fixture
def quick(monkeypatch):
    """Figures are drawn, but in one theme and not written: that takes most of the time."""

    def kept(name, alt, draw):
        draw(LIGHT)
        return Picture(name, alt, b"", "", "", 0)

    monkeypatch.setattr(charted, "of_figure", kept)


def without(results, **lacking):
    """The results with these fields of every lane replaced."""
    return results | {"lanes": [lane | lacking for lane in results["lanes"]]}


@pytest.mark.slow
def test_numbers_are_shown_where_the_runs_have_gone(tmp_path):
    told, missing = study_results(**SMALL), {}
    before = copy.deepcopy(told)
    shown = figures(told, tmp_path, missing=missing)
    assert told == before
    assert {key for key, each in shown.items() if each is not None} == NUMBERS
    assert set(missing) == OF_RUNS
    assert all("is no run" in missing[key] for key in OF_RUNS)
    for key in NUMBERS:
        assert shown[key].name == key
        assert Image.open(io.BytesIO(shown[key].file)).width > 1000
        for uri, theme in ((shown[key].light, LIGHT), (shown[key].dark, DARK)):
            svg = base64.b64decode(uri.partition(",")[2]).decode()
            ElementTree.fromstring(svg)
            assert theme.ink in svg


def test_a_study_of_nothing_has_no_figure_and_says_why(tmp_path):
    missing = {}
    shown = figures(study_results() | {"lanes": []}, tmp_path, missing=missing)
    assert set(shown) == NUMBERS | OF_RUNS
    assert set(shown.values()) == {None}
    assert missing == {
        "balance": "No lane of the β grid was finished and measured.",
        "fig3": "No lane of the β grid was finished.",
        "fig4": "No lane of the β grid was finished and its latents measured.",
        "fig9": "No lane of a σ in closed form was finished with its curve.",
        "decoders": "No lane was finished.",
        "pit": "No lane was finished and its calibration measured.",
        "coverage": "No lane was finished and its calibration measured.",
        "errormap": "No lane of per-pixel σ was finished.",
    }


@pytest.mark.parametrize("state", ["failed", "diverged"])
def test_lanes_that_did_not_finish_are_in_no_figure(state, tmp_path):
    assert set(figures(without(study_results(**SMALL), state=state), tmp_path).values()) == {None}


@pytest.mark.parametrize(
    ("lacking", "gone"),
    [
        ({"distances": None}, set()),
        ({"bound": None}, set()),
        ({"distances": None, "bound": None}, {"balance"}),
        ({"latents": None}, {"fig4"}),
        ({"calibration": None}, {"pit", "coverage"}),
        ({"curve": []}, {"fig9"}),
        ({"curve": [{"step": 5, "elbo": None, "sigma": None, "rmse": None}]}, {"fig9"}),
        ({"equivalent_beta": None, "sigma": None, "rmse": None, "bits": None}, set()),
        ({"equivalent_beta": float("nan")}, set()),
    ],
)
@pytest.mark.usefixtures("quick")
def test_lanes_that_lack_a_measure_lack_its_figures_alone(lacking, gone, tmp_path):
    shown = figures(without(study_results(**SMALL), **lacking), tmp_path)
    assert {key for key in NUMBERS if shown[key] is None} == gone


@pytest.mark.parametrize("decoders", [(), ("shared_gaussian",), ("optimal_gaussian",), ("categorical", "of_tomorrow")])
@pytest.mark.usefixtures("quick")
def test_a_study_of_some_decoders_has_the_figures_that_they_make(decoders, tmp_path):
    told = study_results(decoders=decoders, seeds=(0,))
    shown = figures(told, tmp_path)
    assert {key for key in NUMBERS if shown[key] is None} == (set() if "optimal_gaussian" in decoders else {"fig9"})


@pytest.mark.usefixtures("quick")
def test_a_figure_tells_its_numbers_to_who_does_not_see_it(tmp_path):
    shown = figures(study_results(**SMALL), tmp_path)
    assert "48.00 at β = 0.001" in shown["balance"].alt
    assert "of Shared σ at 0.0049" in shown["balance"].alt
    assert "Per-pixel σ" in shown["pit"].alt
    assert "% of 95 %" in shown["coverage"].alt
    assert "Optimal σ from" in shown["fig9"].alt
