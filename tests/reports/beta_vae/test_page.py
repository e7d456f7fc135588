"""The page of the β-VAE study run again, of invented results: what it shows, and what it makes of broken ones."""

import base64
import json
import re
from io import BytesIO

import pytest
from PIL import Image
from tests.reports.conftest import HOSTILE, Page

from kelbo.errors import Damaged, RunError
from kelbo.reports.beta_vae.claims import claims
from kelbo.reports.beta_vae.page import command, write_study_page

PARTS = [
    "What the paper says, and what came of it",
    "What was trained",
    "Data",
    "Disentanglement",
    "What the score depends on",
    "Reconstructions",
    "β as a variance",
    "Architectures",
    "What the study’s code did and its text does not say",
    "What was left out",
    "Run it again",
    "Provenance",
    "What the numbers mean",
]
SOME = (("dsprites", "mlp"), ("3dshapes", "conv"))


def written(folder, results):
    (folder / "results.json").write_text(json.dumps(results))
    return Page(write_study_page(folder).read_text())


@pytest.fixture(scope="module")
def results(study_results):
    return study_results(groups=SOME, share=0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def page(results, folder):
    return written(folder, results)


@pytest.fixture(scope="module")
def hostile(study_results, tmp_path_factory):
    """Of no model at all, but for lanes that failed; its words are hostile."""
    results = study_results(groups=(), mode="as-published") | {
        "budget": HOSTILE,
        "only": ["table1", HOSTILE],
        "identity": None,
    }
    lane = study_results(groups=SOME[:1])["lanes"][0] | {
        "state": "failed",
        "error": HOSTILE,
        "run": HOSTILE,
        "scores": [],
    }
    quirk = {"name": HOSTILE, "title": HOSTILE, "what": HOSTILE, "set": "x", "role": None, "rows": [], "note": HOSTILE}
    left_out = [{"what": HOSTILE, "why": HOSTILE}]
    results |= {"lanes": [lane], "quirks": [quirk], "plan": results["plan"] | {"left_out": left_out}}
    return written(tmp_path_factory.mktemp("hostile"), results)


def test_a_page_has_every_part_in_order(page, hostile):
    for some in (page, hostile):
        assert re.findall(r"<h2>(.*?)</h2>", some.html) == PARTS


def test_tables_and_figures_come_in_the_papers_order(page):
    order = [
        *("fig1", "fig2", "table1", "fig3", "fig4", "fig5", "fig6", "table2", "table3", "fig7", "fig10"),
        "identity",
        "table4",
    ]
    places = [page.html.index(f'id="{name}"') for name in order]
    assert places == sorted(places)


def test_a_page_loads_nothing_from_outside_itself(page):
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    without_pictures = re.sub(r"data:[\w/+]+;base64,[\w+/=]+", "", page.html)
    assert not re.search(r"https?:|//|url\(|@import|file:", without_pictures)


def test_a_page_needs_no_script(page):
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_no_number_on_a_page_is_missing(page, hostile):
    for some in (page, hostile):
        assert not re.search(r"\b(nan|inf|infinity|None)\b", some.text.replace("None:", "").replace("None was", ""))


def test_the_top_says_what_was_run_and_how_much_shorter_than_the_paper(page):
    top = page.text[: page.text.index(PARTS[0])]
    assert "hours budget" in top
    assert "with its code’s mistakes put right" in top
    assert "2 threads of Some Processor" in top
    assert "It trains for 20 % of the paper’s steps" in top
    assert "Drawn here instead of read from files: 2Dshapes (shapes2d), 3Dshapes (shapes3d)" in top
    assert "32 of 32 finished" in top
    assert "3.8 h 3.3 h training, 25 min measuring; estimated 3.9 h" in top


def test_a_set_whose_files_hold_a_part_says_how_much(study_results, tmp_path):
    results = study_results(groups=(("cifar10", "conv"), ("cifar100", "conv")), seeds=(123,))
    for sweep, images in zip(results["plan"]["sweeps"], (5_000, 50_000), strict=True):
        sweep |= {"source": "files", "images": images}
    assert "own sets: CIFAR-10 (5,000 of 50,000 images), CIFAR-100." in written(tmp_path, results).text


def test_every_claim_stands_with_its_verdict_and_reason(results, page):
    verdicts = claims(results)
    counted = [
        sum(v.outcome == outcome for v in verdicts) for outcome in ("reproduced", "not reproduced", "not tested")
    ]
    assert min(counted) > 0
    assert f"Reproduced {counted[0]} of 32 claims" in page.text
    assert f"Not reproduced {counted[1]} of 32 claims" in page.text
    assert f"Not tested {counted[2]} at this budget" in page.text
    waiting = [v.leaning for v in verdicts if v.outcome == "not tested"]
    assert f"So far {waiting.count('for')} lean to the claim" in page.text
    assert f"{waiting.count('none')} have no numbers." in page.text
    for verdict in verdicts:
        start = page.html.index(f'id="claim-{verdict.claim.id}"')
        row = Page(page.html[start - 4 : page.html.index("</tr>", start)]).text
        for words in (verdict.claim.words, verdict.claim.test, verdict.why, verdict.outcome):
            assert " ".join(words.split()) in row
        for evidence in verdict.evidence:
            assert f"{evidence.label} {evidence.value} {evidence.interval}".strip() in row


def test_ours_and_the_printed_number_stand_together(page):
    assert "89.1 ± 2.1 printed 89.09 ± 15.82" in page.text
    assert "printed 171.1" in page.text


def test_a_figure_that_cannot_be_shown_says_why(page):
    start = page.html.index('id="fig9"')
    assert "Not shown. " in page.html[start : start + 400]
    assert "No lane on CIFAR" in page.html[start : start + 400]


def test_the_same_pictures_lie_beside_the_page_as_files(folder, page):
    files = {path.stem: path.read_bytes() for path in (folder / "report").iterdir()}
    assert {"fig3", "fig6", "rd", "identity"} <= files.keys()
    for content in files.values():
        Image.open(BytesIO(content)).verify()
    svgs = [base64.b64decode(a.partition(",")[2]).decode() for a in page.addresses if "svg" in a]
    assert len(svgs) == 2 * len(files)  # light and dark
    assert not [path for path in folder.rglob("*") if path.name.endswith(".partial")]


def test_every_picture_says_what_it_is(page):
    assert page.alternatives
    assert all(page.alternatives)


def test_quirks_have_both_numbers(page):
    part = page.text[page.text.rindex("What the study’s code did") : page.text.rindex("What was left out")]
    assert "PCA and ICA of colour images · 3Dshapes" in part
    assert "PCA accuracy 35.0 % 34.0 to 36.0 62.0 % 61.0 to 63.0 −27.0 points −28.0 to −26.0" in part


def test_what_was_left_out_stands_with_its_reason(page):
    part = page.text[page.text.rindex("What was left out") : page.text.rindex("Run it again")]
    assert "cifar10-conv its files are not in data; give --data-root for cifar10" in part


def test_words_of_the_results_are_escaped(hostile):
    assert "<script" not in hostile.html
    assert hostile.text.count(HOSTILE) >= 8


def test_a_page_of_no_model_says_so(hostile):
    assert "No model was trained: what stands here needs none." in hostile.text
    assert "with its code’s mistakes as published" in hostile.text
    assert "None: nothing of it was run." in hostile.text
    assert "0 of 1 finished 1 failed" in hostile.text


@pytest.mark.slow
def test_the_same_results_have_the_same_page_but_for_the_date(results, page, folder):
    without_date = [re.sub(r"Written by kelbo on .*", "", some.html) for some in (page, written(folder, results))]
    assert without_date[0] == without_date[1]


def test_the_command_runs_it_again(results):
    assert command(results) == "kelbo reproduce beta-vae --budget hours"
    again = results | {"mode": "as-published", "only": ["table1", "table2"], "budget": "minutes"}
    assert command(again) == "kelbo reproduce beta-vae --budget minutes --mode as-published --only table1,table2"


# Results that are none


def test_a_folder_without_results_is_told(tmp_path):
    with pytest.raises(RunError, match=r"has no results\.json"):
        write_study_page(tmp_path)
    with pytest.raises(RunError, match="has no results"):
        write_study_page(tmp_path / "absent")


def test_a_damaged_file_is_told_and_no_page_is_left(tmp_path):
    (tmp_path / "results.json").write_text('{"study": "beta-vae", "for')
    with pytest.raises(Damaged, match=r"results\.json cannot be read"):
        write_study_page(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("change", [{"study": "sigma-vae"}, {"format": 2}, {"study": None}])
def test_results_of_another_study_or_version_are_refused(results, tmp_path, change):
    with pytest.raises(RunError, match="this version writes pages of 'beta-vae' in format 1"):
        written(tmp_path, results | change)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "lost", ["plan", "lanes", "baselines", "quirks", "machine", "seconds", "architectures", "mode"]
)
def test_results_that_lack_a_part_are_told_and_leave_the_old_page(results, tmp_path, lost):
    (tmp_path / "report.html").write_text("the old page")
    with pytest.raises(Damaged, match=rf"results\.json is not as .*'{lost}'.*kelbo reproduce"):
        written(tmp_path, {key: value for key, value in results.items() if key != lost})
    assert (tmp_path / "report.html").read_text() == "the old page"
    assert not (tmp_path / "report").exists()


def test_a_part_of_the_wrong_kind_is_told(results, tmp_path):
    with pytest.raises(Damaged, match="results.json is not as this version writes it"):
        written(tmp_path, results | {"lanes": [1, 2]})
