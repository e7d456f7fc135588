import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tests.records import as_older, evaluations, page_of, rewrite
from tests.reports.alone import undated, written_alone
from tests.reports.conftest import Page

from kelbo.errors import Damaged, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change
from kelbo.reports.gallery import progress, training_curves
from kelbo.reports.numbers import with_error
from kelbo.reports.run_page import write_page
from kelbo.reports.shown import shown
from kelbo.runs import save_grid

PARTS = [
    "Reconstructions",
    "Samples from the prior",
    "Latent traversals",
    "What each latent carries",
    "Training",
    "Rate and distortion",
    "Pictures over time",
    "Recipe",
    "Provenance",
    "What the numbers mean",
]
SHEETS = {"reconstructions", "samples", "progress-reconstructions", "progress-samples"}
CURVES = {
    f"training-{name}" for name in ("elbo", "rate", "distortion", "sigma", "gradient-norm", "learning-rate", "speed")
}


def written(experiment):
    return {path.stem for path in experiment.run.report_pictures.iterdir()}


def test_a_page_has_every_part_in_order(tiny_page):
    headings = re.findall(r"<h2>(.*?)</h2>", tiny_page.html)
    assert headings == PARTS


@pytest.mark.usefixtures("unrendered")
def test_a_page_says_on_how_many_images_a_small_sets_readings_are(trained, tiny_page):
    small = trained("data.held_out=0.02")
    count = len(small.data.test)
    assert count < 64
    assert f"read on {count} fixed test images" in Page(page_of(small).read_text()).text
    assert "read on 64 fixed test images" in tiny_page.text
    assert "on 256 fixed training images" in tiny_page.text


def test_a_page_loads_nothing_from_outside_itself(tiny_page):
    assert tiny_page.addresses
    assert all(address.startswith("data:image/") for address in tiny_page.addresses)
    without_pictures = re.sub(r"data:[\w/+]+;base64,[\w+/=]+", "", tiny_page.html)
    assert not re.search(r"https?:|//|url\(|@import|file:", without_pictures)


def test_a_page_needs_no_script(tiny_page):
    assert not {tag for tag, _ in tiny_page.tags} & {"script", "link", "iframe", "object"}
    assert not [name for _, attributes in tiny_page.tags for name in attributes if name.startswith("on")]


def test_no_number_on_a_page_or_in_its_figures_is_missing(tiny_page, autoencoder_page):
    for page in (tiny_page, autoencoder_page):
        svgs = [base64.b64decode(a.partition(",")[2]).decode() for a in page.addresses if "svg" in a]
        for text in (page.text, *svgs):
            assert not re.search(r"\b(nan|inf|infinity)\b", text, re.IGNORECASE)


def test_every_picture_says_what_it_is(tiny_page):
    assert all(tiny_page.alternatives)
    assert "8 test images above their reconstructions" in tiny_page.alternatives
    assert "60 samples from the prior, the decoder’s mean" in tiny_page.alternatives


def test_the_same_pictures_lie_beside_the_page_as_files(tiny, tiny_page):
    assert written(tiny) == SHEETS | CURVES | {"traversals", "rates"}
    files = {path.stem: path.read_bytes() for path in tiny.run.report_pictures.iterdir()}
    embedded = [base64.b64decode(a.partition(",")[2]) for a in tiny_page.addresses if "image/png" in a]
    assert all(files[name] in embedded for name in (*SHEETS, "traversals"))
    for content in files.values():
        Image.open(BytesIO(content)).verify()


def test_figures_come_in_both_themes(tiny_page):
    dark = [attributes for tag, attributes in tiny_page.tags if tag == "source"]
    assert len(dark) == len(CURVES) + 1
    assert all("prefers-color-scheme: dark" in attributes["media"] for attributes in dark)


def test_a_conditional_models_page_has_a_labelled_row_a_class_and_examples_under_each(trained):
    experiment = trained("model.given=labels")
    page = Page(page_of(experiment).read_text())
    assert written(experiment) >= {"samples", "transfers"}
    assert "100 samples from the prior under 10 conditions, the decoder’s mean" in page.alternatives
    assert "8 test images, each decoded under 10 conditions" in page.alternatives
    assert "The same code under other labels" in page.text
    assert "that is given labels, trained on" in page.text
    assert "of log p(x | labels)" in page.text
    assert "Bound by the sum over conditions nats per image, of log p(x)" in page.text


@pytest.mark.usefixtures("unrendered")
def test_a_record_of_an_older_definition_is_measured_anew_for_the_page(trained):
    experiment = trained()
    record = evaluate_run(experiment)
    old = {"mean": 0.9, "standard_error": 0.1, "unit": "mean over images"}
    record["reconstruction"]["ssim"] = old
    as_older(experiment.run, "evaluations", "test", record)
    page_of(experiment)
    (kept,) = experiment.run.measurements.newest("evaluation")
    assert kept.value["reconstruction"]["ssim"] is None
    assert "11×11" in kept.value["reconstruction"]["ssim_reason"]


def test_the_headline_is_the_test_record(tiny, tiny_page):
    record = evaluations(tiny.run)["test"]
    assert record["settings"]["images"] == 180
    for name in ("elbo", "rate", "distortion"):
        mean, error = with_error(record[name]["mean"], record[name]["standard_error"])
        assert f"{mean} ± {error} nats per image" in tiny_page.text
    assert f"{record['latents']['active_units']} of 4" in tiny_page.text
    for reason in (record["reconstruction"]["ssim_reason"], record["bits_per_dim_reason"]):
        assert reason.lower() in tiny_page.text.lower()


def test_the_sentence_says_what_was_trained(tiny_page):
    assert (
        "A variational autoencoder with 4 latents (Higgins networks, optimal Gaussian decoder), trained on digits "
        "(1,617 grey images of 8×8 pixels at 17 levels) for 6 steps of 32 images to maximise the ELBO (β = 1)."
    ) in tiny_page.text


def test_every_latent_is_labelled_with_its_rate_the_most_used_first(tiny, tiny_page):
    rates = evaluations(tiny.run)["test"]["latents"]["rate_per_latent"]
    labels = re.findall(r"<b>z (\d+)</b> <span>([\d.e−]+) nats</span>", tiny_page.html)
    assert [int(index) for index, _ in labels] == sorted(range(4), key=lambda k: -rates[k])
    shown = [float(value.replace("−", "-")) for _, value in labels]
    assert shown == pytest.approx(sorted(rates, reverse=True), rel=0.06)


def test_a_page_carries_recipe_and_provenance(tiny, tiny_page):
    known = tiny.run.provenance()
    assert "log_every = 2" in tiny_page.text
    assert known["data"]["splits"]["train"]["fingerprint"] in tiny_page.text
    assert known["machine"]["torch"] in tiny_page.text
    assert known["recipe"] in tiny_page.text


@pytest.mark.usefixtures("unrendered")
def test_samples_with_noise_are_other_samples_and_say_so(trained):
    experiment = trained("training.steps=3")
    plain = page_of(experiment).read_text()
    mean = (experiment.run.report_pictures / "samples.png").read_bytes()
    noisy = page_of(experiment, noise=True).read_text()
    assert (experiment.run.report_pictures / "samples.png").read_bytes() != mean
    assert "the noise that the full model adds to each pixel is left out" in plain
    assert "Draws of the full model" in noisy
    assert "is left out" not in noisy


def test_the_same_run_has_the_same_page_but_for_the_date(tiny, tiny_page):
    without_date = [re.sub(r"Written by kelbo on .*", "", html) for html in (tiny_page.html, page_of(tiny).read_text())]
    assert without_date[0] == without_date[1]


def test_names_are_escaped(autoencoder_page):
    assert "<script" not in autoencoder_page.html
    assert "<img src=x" not in autoencoder_page.html
    assert not [attributes for _, attributes in autoencoder_page.tags if "onerror" in attributes]
    assert autoencoder_page.text.count("<script>alert(1)</script>") >= 3  # title, heading and recipe, as words
    assert '<img src=x onerror="alert(2)">' in autoencoder_page.text


def test_an_autoencoder_has_reasons_where_it_has_no_numbers(autoencoder_page):
    assert re.findall(r"<h2>(.*?)</h2>", autoencoder_page.html) == PARTS
    text = autoencoder_page.text
    assert "A plain autoencoder" in text
    assert (
        text.count("A plain autoencoder's code is a point: it has no KL to a prior.") == 3
    )  # ELBO, rate, active units
    assert "A plain autoencoder has no rate, so no bound." in text
    assert "There is no rate to weigh." in text
    assert "None: without a rate nothing says which latents are used" in text
    assert "None: a plain autoencoder’s code is a point, which has no KL to a prior." in text
    assert "shows only that it is no generative model" in text
    assert not any("latents" in alternative for alternative in autoencoder_page.alternatives)


def test_a_run_stopped_before_readings_and_pictures_says_so(autoencoder_page):
    assert "None: the run's journal has no reading yet." in autoencoder_page.text
    assert "shorter than the steps between two pictures (training.pictures_every)" in autoencoder_page.text


@pytest.mark.usefixtures("unrendered")
def test_a_resumed_run_is_evaluated_anew(trained):
    experiment = trained("training.steps=3")
    page_of(experiment)
    evaluate_run(experiment, "train")
    longer = change(experiment.recipe, ["training.steps=5"])
    resumed = open_run(train(longer, experiment.run.path, resume=True).path, device="cpu")
    html = page_of(resumed).read_text()
    records = evaluations(resumed.run)
    assert (records["test"]["settings"]["step"], records["train"]["settings"]["step"]) == (5, 3)
    assert html.count("another than this page’s") == 1


@pytest.mark.usefixtures("unrendered")
def test_bits_per_dim_come_from_a_dequantised_record_where_there_is_one(trained):
    experiment = trained("training.steps=3")
    record = evaluate_run(experiment, dequantized=True)
    html = page_of(experiment).read_text()
    assert f"{record['bits_per_dim']:.2f}"[:-1] in html
    assert "an upper bound, of dequantised intensities" in html


@pytest.mark.usefixtures("unrendered")
def test_what_a_run_warned_of_is_on_its_page(trained, tiny_page):
    experiment = trained("training.steps=3", "likelihood.kind=mse_vae")
    [warned] = experiment.run.warnings()
    text = Page(page_of(experiment).read_text()).text
    assert f"Warning. {warned['text']}" in text
    assert "Warning." not in tiny_page.text


def test_no_half_written_page_is_left(tiny, tiny_page):
    assert not [path for path in tiny.run.path.rglob("*.partial")]
    assert tiny_page.html.rstrip().endswith("</html>")


def test_a_page_is_written_from_its_folder_alone_without_pytorch_the_weights_or_the_data(tiny, tmp_path):
    html = page_of(tiny).read_text()
    assert undated(written_alone(tiny.run, tmp_path / "run")) == undated(html)


@pytest.mark.usefixtures("unrendered")
def test_a_folder_without_a_pages_measurements_says_so(trained):
    experiment = trained("training.steps=2")
    with pytest.raises(RunError, match="no page"):
        write_page(experiment.run)
    page_of(experiment)
    (place,) = (experiment.run.path / "measurements" / "samples").glob("*.json")
    place.unlink()
    with pytest.raises(Damaged, match="samples"):
        write_page(experiment.run)


@pytest.mark.usefixtures("unrendered")
def test_pictures_are_made_once_for_the_same_weights(trained, monkeypatch):
    experiment = trained("training.steps=2")
    first = page_of(experiment).read_text()
    for verb in ("sample", "reconstruct", "traverse"):
        monkeypatch.setattr(f"kelbo.evaluation.{verb}", lambda *_, **__: pytest.fail("it is kept"))
    assert undated(page_of(experiment).read_text()) == undated(first)


@pytest.mark.usefixtures("unrendered")
def test_rates_of_several_groups_have_a_figure(trained):
    experiment = trained("training.steps=2")
    evaluate_run(experiment)
    rewrite(experiment.run, "test", lambda told: told["value"].update(rate_per_group=[3.0, 0.5]))
    assert "Bars of the mean rate of 2 groups" in page_of(experiment).read_text()
    rewrite(experiment.run, "test", lambda told: told["value"].update(rate_per_group=[3.5]))
    assert "groups of latents" not in page_of(experiment).read_text()


def test_every_scalar_that_an_update_journals_has_a_curve():
    values = {"step": 2.0, "loss": 1.0, "gradient_norm": 2.0, "critic": 0.5, "rate/0": 1.0, "rate/1": 2.0}
    columns = {name: np.array([value, value]) for name, value in values.items()}
    names = [picture.name for picture in training_curves(columns, has_rate=True)]
    assert names == ["training-gradient-norm", "training-of-critic", "training-of-rate"]


@pytest.mark.usefixtures("unrendered")
def test_pictures_of_another_number_of_images_are_left_out_of_the_strip(trained):
    experiment = trained()
    older, _ = experiment.run.pictures("reconstructions")
    page_of(experiment)
    (both,) = [strip for strip in progress(shown(experiment.run)) if strip.picture.name == "progress-reconstructions"]
    save_grid(older, np.zeros((10, 1, 8, 8), np.float32), 5)
    (one,) = [strip for strip in progress(shown(experiment.run)) if strip.picture.name == "progress-reconstructions"]
    assert [label for label, _ in both.rows] == ["original", "3", "6"]
    assert [label for label, _ in one.rows] == ["original", "6"]
