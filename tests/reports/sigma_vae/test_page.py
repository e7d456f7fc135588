"""The page of the σ-VAE study, of invented results: what it shows, and what it makes of broken ones."""

import json
import re

import pytest
from tests.reports.conftest import HOSTILE, Page
from tests.reports.sigma_vae.maker import asked, study_results

from kelbo.errors import Damaged, RunError
from kelbo.reports.sigma_vae.captions import CAPTIONS, PARTS
from kelbo.reports.sigma_vae.claims import claims
from kelbo.reports.sigma_vae.page import command, write_study_page
from kelbo.reports.sigma_vae.results import Study
from kelbo.reports.sigma_vae.tables import tables

HEADINGS = [
    "What the paper says, and what came of it",
    "What was trained",
    "The balance that β strikes, and the one that σ finds",
    "Decoders side by side",
    "Learning σ",
    "What the latents carry",
    "Calibration",
    "How the bound is measured",
    "What was left out",
    "Run it again",
    "Provenance",
    "What the numbers mean",
]


def written(folder, results):
    (folder / "results.json").write_text(json.dumps(results))
    return Page(write_study_page(folder).read_text())


@pytest.fixture(scope="module")
def results():
    return study_results(few=(0,), share=0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def page(results, folder):
    return written(folder, results)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """As published, of one lane that failed and one that was not measured whole; its words are hostile."""
    results = study_results(decoders=("shared_gaussian",), betas=(1.0,), seeds=(0,), mode="as-published")
    failed, half = results["lanes"]
    measures = (
        "bound unit_bound fitted bits rmse sigma equivalent_sigma equivalent_beta distances latents calibration kind"
    )
    nothing = dict.fromkeys(measures.split())
    failed |= nothing | {"state": "failed", "error": HOSTILE, "run": HOSTILE, "curve": []}
    half |= nothing | {"error": HOSTILE, "curve": []}
    results |= {"budget": HOSTILE, "asked": [asked(only=["table1", HOSTILE])]}
    results["plan"] |= {"set": HOSTILE, "note": HOSTILE, "left_out": [{"what": HOSTILE, "why": HOSTILE}]}
    return written(tmp_path_factory.mktemp("hostile"), results)


def test_a_page_has_every_part_in_order(page, hostile):
    for some in (page, hostile):
        assert re.findall(r"<h2>(.*?)</h2>", some.html) == HEADINGS


def test_every_table_and_every_captioned_figure_has_its_place(results, page):
    things = [name for part in PARTS for name in part.things]
    assert sorted(things) == sorted([*(table.name for table in tables(results)), *CAPTIONS])
    places = [page.html.index(f'id="{name}"') for name in things if name != "plan"]
    assert places == sorted(places)
    ids = re.findall(r' id="([^"]+)"', page.html)
    assert len(ids) == len(set(ids))


def test_a_page_needs_nothing_from_outside_itself(page):
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    without_pictures = re.sub(r"data:[\w/+]+;base64,[\w+/=]+", "", page.html)
    assert not re.search(r"https?:|url\(|@import|file:", without_pictures)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}


def test_no_number_on_a_page_is_missing(page, hostile):
    for some in (page, hostile):
        assert not re.search(r"\b(nan|inf|infinity|None)\b", some.text.replace("None: nothing", ""))


def test_the_top_says_what_was_run_and_what_came_of_it(page):
    top = page.text[: page.text.index(HEADINGS[0])]
    assert "Study report · hours budget · corrected" in top
    assert "All 29 models were trained for 938 steps, 20 % of the paper’s steps." in top
    assert "the σ-VAE is ahead of the best β" in top
    assert "29 of 29 finished 1 collapsed: a rate below 0.1 nats" in top
    assert "Trained 20 % of the paper’s steps" in top


def test_as_published_is_said_at_the_top(page, hostile):
    assert "As published: where σ is in closed form" in hostile.text[: hostile.text.index(HEADINGS[0])]
    assert "As published: where" not in page.text


def test_every_claim_stands_with_its_verdict_and_reason(results, page):
    verdicts = claims(results)
    assert {verdict.outcome for verdict in verdicts} == {"reproduced", "not tested"}
    for outcome, title in (("reproduced", "Reproduced"), ("not tested", "Not tested")):
        assert f"{title} {sum(verdict.outcome == outcome for verdict in verdicts)} " in page.text
    for verdict in verdicts:
        start = page.html.index(f'id="claim-{verdict.claim.id}"')
        row = Page(page.html[start - 4 : page.html.index("</tr>", start)]).text
        said = [verdict.claim.words, verdict.claim.printed, verdict.claim.test, verdict.why, verdict.outcome]
        said += [f"{part.label} {part.value} {part.interval}" for part in verdict.evidence]
        for words in said:
            assert " ".join(words.split()) in row


def test_ours_and_the_printed_numbers_stand_together(page):
    start = page.html.index('id="table3"')
    shared = next(row for row in page.html[start:].split("<tr>") if ">Shared σ<" in row)
    assert Page(shared).text == "Shared σ 3 seeds −906.4 ± 1.7 32.100 ± 0.064 −896.1 32.18"
    assert "The printed σ-VAE row of table 1 has −ln p of optimal σ and the FID of shared σ." in page.text


def test_a_figure_that_cannot_be_shown_says_why(page):
    for name in ("fig3", "decoders", "errormap"):  # the runs are not there
        start = page.html.index(f'id="{name}"')
        assert "Not shown. " in page.html[start : start + 500]


def test_the_same_pictures_lie_beside_the_page_as_files(folder, page):
    files = {path.stem for path in (folder / "report").iterdir()}
    assert {"balance", "fig4", "fig9", "pit", "coverage"} <= files
    assert len(page.alternatives) == len(files)
    assert all(page.alternatives)


def test_what_is_not_there_stands_with_its_reason(hostile):
    part = hostile.text[hostile.text.rindex("What was left out") : hostile.text.rindex("Run it again")]
    assert part.count(HOSTILE) == 5  # left out and why; the failed run and why; why the other was not measured
    assert f"failed: {HOSTILE}" in part
    assert f"not measured whole: {HOSTILE}" in part


def test_words_of_the_results_are_escaped(hostile):
    assert "<script" not in hostile.html
    assert hostile.text.count(HOSTILE) >= 8


@pytest.mark.slow
def test_the_same_results_have_the_same_page_but_for_the_date(results, page, folder):
    without_date = [re.sub(r"Written by kelbo on .*", "", some.html) for some in (page, written(folder, results))]
    assert without_date[0] == without_date[1]


def test_the_command_runs_it_again_and_names_no_folder(results):
    assert command(results) == "kelbo reproduce sigma-vae --data mnist --budget hours"
    again = results | {
        "data": "folder:/home/someone/pictures",
        "mode": "as-published",
        "asked": [asked(only=["table1", "fig4"])],
    }
    assert command(again) == (
        "kelbo reproduce sigma-vae --data folder:PATH --budget hours --mode as-published --only table1,fig4"
    )


def test_the_command_names_all_that_was_chosen_but_no_file(results):
    chosen = results | {
        "asked": [asked(decoders=["optimal_gaussian"], betas=["0.01", "1"])],
        "seeds": [1, 2],
        "settings": ["crop=74"],
        "features": "/home/someone/network.safetensors",
        "plan": results["plan"] | {"precision": "bf16-mixed"},
    }
    assert command(chosen) == (
        "kelbo reproduce sigma-vae --data mnist --set crop=74 --budget hours --decoders optimal_gaussian --betas 0.01,1 "
        "--seeds 1,2 --precision bf16-mixed --features FILE"
    )


def test_what_several_commands_asked_for_is_run_again_by_as_many(results):
    several = results | {"asked": [asked(only=["table1"]), asked(decoders=["student_t"])]}
    assert command(several).splitlines() == [
        "kelbo reproduce sigma-vae --data mnist --budget hours --only table1",
        "kelbo reproduce sigma-vae --data mnist --budget hours --decoders student_t",
    ]
    assert Study(several).asked == "table1; Student-t"
    assert Study(several | {"asked": [*several["asked"], asked()]}).asked == ""


# Results that are none


def test_a_folder_without_results_is_told(tmp_path):
    with pytest.raises(RunError, match=r"has no results\.json"):
        write_study_page(tmp_path)


def test_a_damaged_file_is_told_and_no_page_is_left(tmp_path):
    (tmp_path / "results.json").write_text('{"study": "sigma-vae", "for')
    with pytest.raises(Damaged, match=r"results\.json cannot be read"):
        write_study_page(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("change", [{"study": "beta-vae"}, {"format": 1}, {"study": None}])
def test_results_of_another_study_or_version_are_refused(results, tmp_path, change):
    with pytest.raises(RunError, match="this version writes pages of 'sigma-vae' in format 2"):
        written(tmp_path, results | change)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("lost", ["plan", "lanes", "flattery", "machine", "seconds", "mode", "data", "asked"])
def test_results_that_lack_a_part_are_told_and_leave_the_old_page(results, tmp_path, lost):
    (tmp_path / "report.html").write_text("the old page")
    with pytest.raises(Damaged, match=rf"results\.json is not as .*'{lost}'.*kelbo reproduce"):
        written(tmp_path, {key: value for key, value in results.items() if key != lost})
    assert (tmp_path / "report.html").read_text() == "the old page"
    assert not (tmp_path / "report").exists()
