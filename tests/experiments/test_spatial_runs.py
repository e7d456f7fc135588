"""A run with spatial latents and a discriminator of patches, from training to its page, by the commands that people use."""

import pytest
from typer.testing import CliRunner

from kelbo.cli.main import app
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, find
from kelbo.runs import Run

SMALL = [
    *("data.size=8", "model.kind=spatial", "model.widths=[4,8]", "model.blocks=1", "model.groups=2", "model.latents=2"),
    *("likelihood.kind=laplace", "likelihood.scale=0.5", "objective.beta=1e-6", "objective.warmup=0"),
    *("adversary.kind=patch", "adversary.layers=1", "adversary.width=4", "adversary.start=2"),
    *("training.steps=4", "training.batch_size=8", "training.log_every=1", "training.ema=0.9"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return train(change(find("digits"), SMALL), tmp_path_factory.mktemp("runs") / "run")


def told(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_its_rows_have_the_discriminator_from_its_first_step_on_and_nats_of_pixels_in_all(run):
    rows = run.journal.rows()
    assert [row.get("discriminator/accuracy") is not None for row in rows] == [False, False, True, True]
    assert all(row["adversarial_weight"] > 0 for row in rows[2:])
    assert all(row["distortion"] > 0 and row["rate"] > 0 for row in rows)


@pytest.mark.slow
def test_its_bound_is_of_pixels_and_nothing_of_the_size_of_its_latents_is_kept(run):
    record = evaluate_run(open_run(run.path, device="cpu"))
    assert record["rate_per_group"] == [pytest.approx(record["rate"]["mean"])]
    assert record["latents"] is None
    assert record["elbo"]["mean"] == pytest.approx(-(record["rate"]["mean"] + record["distortion"]["mean"]))


@pytest.mark.slow
@pytest.mark.parametrize("verb", [["reconstruct"], ["sample"], ["interpolate", "--groups", "1"]])
def test_what_needs_no_flat_vector_is_shown(run, verb, tmp_path):
    told(verb[0], run.path, *verb[1:], "--out", tmp_path / "shown.png")
    assert (tmp_path / "shown.png").stat().st_size > 0


@pytest.mark.slow
def test_it_has_a_page_and_a_doctor(run, tmp_path):
    told("report", run.path, "--out", tmp_path / "page.html")
    assert "2 channels of latents" in (tmp_path / "page.html").read_text()
    CliRunner().invoke(app, ["doctor", str(run.path)], catch_exceptions=False)
