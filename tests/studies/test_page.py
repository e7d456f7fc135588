"""A study's page: made of results.json alone, and plain about what is not there."""

from dataclasses import replace

import pytest
from tests.studies.invented import arm, lane, results
from tests.studies.toy import STUDY

from kelbo.errors import Damaged, RunError
from kelbo.runs.writing import write_json
from kelbo.studies.arms import StudyOptions
from kelbo.studies.page import command, duration, read_numbers, write_page
from kelbo.studies.sigma_vae.study import STUDY as SIGMA
from kelbo.studies.study import Section

pytestmark = pytest.mark.usefixtures("unrendered")


def of(seeds, *others, **more):
    """Results of the toy study, of so many seeds."""
    values = {"scratch": -30.0, "begun": -20.0}
    lanes = {name: [lane(seed, {"bound.elbo": x - seed}) for seed in range(seeds)] for name, x in values.items()}
    return results(*(arm(name, *lanes[name], *others) for name in values), study="toy", **more)


def page(folder, found, study=STUDY):
    write_json(folder / "results.json", found)
    return write_page(study, folder).read_text()


def test_a_claim_has_its_outcome_and_of_one_seed_no_interval_is_spoken_of(tmp_path):
    one, two = (page(tmp_path, of(seeds)).partition('<section id="claims">')[2] for seeds in (1, 2))
    assert 'id="claim-further" class="not-tested"' in one
    assert 'id="claim-further" class="reproduced"' in two
    keys = [text.partition('<p class="key">')[2].partition("</p>")[0] for text in (one, two)]
    assert ["95 %" in key for key in keys] == [False, True]


def test_what_was_lost_or_left_out_or_not_measured_is_told(tmp_path):
    lost = lane(7, state="diverged", error="the loss was nan", run="a/7"), lane(8, error="a full head", run="a/8")
    told = page(tmp_path, of(2, *lost, left_out=[{"what": "mnist", "why": "its files were not found"}]))
    left = told.partition('<section id="left-out">')[2].partition("</section>")[0]
    words = ("a/7", "diverged: the loss was nan", "a/8", "a full head", "mnist", "its files were not found")
    assert [word for word in words if word not in left] == []
    assert "<b>6</b> of 8 runs finished, 2 diverged" in told


def test_a_figure_without_numbers_says_why_and_an_empty_section_is_not_there(tmp_path):
    study = replace(STUDY, sections=[*STUDY.sections, Section("Nothing", ())], main=())
    told = page(tmp_path, of(2), study)
    assert "Not shown. No run was finished with its curve." in told
    assert "Nothing</h2>" not in told


class Options(StudyOptions):
    SELECTING = ("betas",)

    data: str = "mnist"
    betas: tuple[str, ...] | None = None


def test_the_commands_have_what_is_not_so_by_default(tmp_path):
    study = replace(STUDY, options=Options)
    asked = [{"only": ["table1", "fig1"], "betas": ["1", "4"]}, {"only": None, "betas": None}]
    more = {"asked": asked, "options": {"data": "a b", "betas": None}, "changes": ["crop=74"], "mode": "as-published"}
    write_json(tmp_path / "results.json", of(1, features="/home/a/b.safetensors", **more))
    first, second = command(study, read_numbers(study, tmp_path)).splitlines()
    rest = "--budget minutes --mode as-published --set 'data=a b'"
    assert first.startswith(f"kelbo reproduce toy.py {rest} --set betas=1,4 --set crop=74 --only table1,fig1")
    assert second == f"kelbo reproduce toy.py {rest} --set crop=74 --features FILE"
    write_json(tmp_path / "results.json", results(study=SIGMA.name))
    assert command(SIGMA, read_numbers(SIGMA, tmp_path)).startswith("kelbo reproduce sigma-vae --budget")


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ({"study": "other"}, RunError),
        ({"format": 2}, RunError),
        ({"arms": [{"name": "scratch"}]}, Damaged),
        ({"seconds": None}, Damaged),
    ],
)
def test_results_of_something_else_are_refused_and_no_page_is_written(tmp_path, found, error):
    with pytest.raises(error, match=r"results\.json"):
        page(tmp_path, of(1) | found)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("seconds", "words"), [(42.0, "42 s"), (119, "119 s"), (600, "10 min"), (7300, "2.0 h"), (3 * 86_400, "3.0 days")]
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds, words):
    assert duration(seconds) == words
