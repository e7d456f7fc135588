"""Priors fitted to a run's codes: kept with the run for its weights, and in every number that they change."""

import pickle
import shutil

import pytest
import torch
from tests.records import evaluations, page_of
from tests.test_untrusted_files import Payload

from kelbo import evaluation
from kelbo.errors import Damaged, Divergence, RunError, ScoreError
from kelbo.evaluation.encode import encode
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.doctor import examine
from kelbo.experiments.fitted_priors import fit_prior, posteriors_of
from kelbo.experiments.prior_files import read_prior
from kelbo.latents import fitting
from kelbo.metrics import importance_weighted_bound
from kelbo.recipes import change, find
from kelbo.runs import Run
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.seeds import seeded

SMALL = [
    *("model.network.width=24", "model.latents=4", "likelihood.kind=fixed_gaussian", "likelihood.sigma=0.05"),
    *(
        "training.steps=30",
        "training.batch_size=64",
        "optimizer.learning_rate=3e-3",
        "objective.beta=0.02",
        "objective.warmup=0",
    ),
    "optimizer.weight_decay=0",
    *("training.log_every=30", "training.pictures_every=1000", "training.checkpoint_every=1000"),
]
FEW = {"components": 3, "draws": 4}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return train(change(find("digits"), SMALL), tmp_path_factory.mktemp("runs") / "plain")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A model that is given each digit's class."""
    return train(change(find("digits"), [*SMALL, "model.given=labels"]), tmp_path_factory.mktemp("runs") / "told")


@pytest.fixture(scope="module")
def fitted(plain):
    fit_prior(open_run(plain.path), "mixture", **FEW)
    return plain


@pytest.fixture(scope="module")
def flowing(fitted):
    fit_prior(open_run(fitted.path), "flow", steps=20)
    return fitted


BOTH = pytest.mark.parametrize("name", ["mixture", pytest.param("flow", marks=pytest.mark.slow)])


@pytest.fixture
def copy(fitted, tmp_path):
    """A run with a mixture that a test may damage."""
    return Run(shutil.copytree(fitted.path, tmp_path / "run"))


def with_flow(run, name, request):
    """The name; a flow is fitted first if that is asked for."""
    if name == "flow":
        request.getfixturevalue("flowing")
    return name


def test_a_prior_is_one_file_that_says_what_it_is_of(fitted):
    assert "mixture" in fitted.prior_names()
    found = read_prior(fitted, "mixture")
    assert found.about["weights"] == open_run(fitted.path).checkpoint.opened
    assert found.about["codes"] == {"split": "train", "images": 1455, "held_out": 162}
    assert found.about["settings"] == {**FEW, "covariance": "full", "converged": True, "seed": 0}
    assert found.about["held_out"]["mean"] > found.about["held_out"]["standard_normal"]
    assert b"pickle" not in fitted.prior("mixture").read_bytes()


@BOTH
def test_the_same_fit_gives_the_same_file(fitted, name, request):
    kind = with_flow(fitted, name, request)
    before, how = read_prior(fitted, kind), FEW if kind == "mixture" else {"steps": 20}
    torch.manual_seed(5)  # of which nothing depends
    assert fit_prior(open_run(fitted.path), kind, **how, again=True).digest == before.digest
    assert fit_prior(open_run(fitted.path), kind, **how, name="other", seed=1).digest != before.digest
    fitted.prior("other").unlink()


@BOTH
def test_the_bound_is_with_the_fitted_prior(fitted, name, request):
    with_flow(fitted, name, request)
    without, opened = open_run(fitted.path), open_run(fitted.path, prior=name)
    before, after = evaluate_run(without), evaluate_run(opened)
    assert before["rate"]["estimate"] == "closed form"
    assert after["rate"]["estimate"] == "Monte Carlo, one draw"
    assert after["distortion"] == before["distortion"]
    means, scales = encode(without.model, without.data.test)
    with seeded(0, "evaluation"):
        q = torch.distributions.Normal(torch.from_numpy(means), torch.from_numpy(scales))
        z = q.sample((20,))
    log_prior = opened.prior.prior.log_prob(z.flatten(0, 1)).view(20, -1)
    expected = (q.log_prob(z).sum(2) - log_prior).mean()
    assert after["rate"]["mean"] == pytest.approx(float(expected), abs=5 * after["rate"]["standard_error"])
    assert after["elbo"]["mean"] == pytest.approx(-after["rate"]["mean"] - after["distortion"]["mean"])


@pytest.mark.slow
def test_each_prior_has_measurements_of_its_own(flowing):
    fitted = flowing
    for name in (None, "mixture", "flow"):
        evaluate_run(open_run(fitted.path, prior=name))
    found = evaluations(fitted)
    assert {"test", "test-prior-mixture", "test-prior-flow"} <= found.keys()
    assert "prior" not in found["test"]["settings"]
    assert found["test-prior-flow"]["settings"]["prior"] == read_prior(fitted, "flow").key
    assert len({record["rate"]["mean"] for record in found.values()}) == len(found)


@pytest.mark.slow
def test_a_prior_that_was_fitted_again_is_measured_again(copy):
    first = evaluate_run(open_run(copy.path, prior="mixture"))
    fit_prior(open_run(copy.path), "mixture", components=2, draws=2, again=True)
    assert evaluate_run(open_run(copy.path, prior="mixture"))["rate"] != first["rate"]


def test_samples_and_importance_weights_are_with_the_prior(fitted):
    without, opened = open_run(fitted.path), open_run(fitted.path, prior="mixture")
    assert (evaluation.sample(opened.model, 4) != evaluation.sample(without.model, 4)).any()
    (z,) = opened.model.sample(3, temperature=0.0)
    assert all((one == opened.prior.prior.means).all(1).any() for one in z)
    with opened.model.evaluating(), seeded(0, "evaluation"):
        weights = opened.model.log_weights(opened.pictured(50), 30).numpy()
    assert importance_weighted_bound(weights).mean() > weights.mean()


def test_the_rate_has_no_parts_by_latent_under_a_mixture(fitted):
    latents = evaluate_run(open_run(fitted.path, prior="mixture"))["latents"]
    assert latents["rate_per_latent"] is None
    assert latents["rate_per_latent_reason"]
    assert latents["dims"] == len(latents["active"]) == 4
    assert sorted(open_run(fitted.path, prior="mixture").latents_by_rate()) == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_page_tells_its_prior_and_why_there_are_no_bars(flowing, unrendered):
    fitted = flowing
    opened = open_run(fitted.path, prior="flow")
    html = page_of(opened).read_text()
    assert "“flow: flow of 20 steps”" in html
    assert "does not factorise" in html
    assert "at one draw each" in html
    assert "fitted to the training" not in page_of(open_run(fitted.path)).read_text()


@pytest.mark.slow
def test_the_doctor_judges_a_run_with_a_fitted_prior(fitted):
    opened = open_run(fitted.path, prior="mixture")
    found = examine(opened.model, opened.data.train, opened.data.test, opened.rows(), opened.weigh)
    codes = {finding.code for finding in found}
    assert codes & {"latents-used", "latents-inactive"}
    assert not any(code.startswith("prior") for code in codes)


@pytest.mark.slow
def test_a_conditional_model_has_a_mixture_for_each_class_and_a_flow_that_is_told(told):
    opened = open_run(told.path)
    fit_prior(opened, "mixture", **FEW)
    fit_prior(opened, "flow", steps=20)
    rows = opened.data.condition.encode(torch.arange(10)[:, None])
    with_classes = open_run(told.path, prior="mixture")
    parts = with_classes.prior.prior.parts
    assert len(parts) == 10
    (z,) = with_classes.model.sample(10, {"labels": rows}, temperature=0.0)
    assert all((one == part.means).all(1).any() for one, part in zip(z, parts, strict=True))
    for name in ("mixture", "flow"):
        record = evaluate_run(open_run(told.path, prior=name))
        assert record["elbo"]["mean"] == pytest.approx(-record["rate"]["mean"] - record["distortion"]["mean"])
        images = evaluation.sample(open_run(told.path, prior=name).model, 10, given={"labels": rows})
        assert images.shape[0] == 10


@pytest.mark.slow
def test_a_class_with_fewer_images_than_components_is_named(told):
    with pytest.raises(ScoreError, match=r"500 images .* 1\d\d with label 0 "):
        fit_prior(open_run(told.path), "mixture", name="large", components=500)
    assert "large" not in told.prior_names()


def test_fewer_images_than_components_are_refused(plain):
    with pytest.raises(ScoreError, match=r"1,456 images .* 1,455 in"):
        fit_prior(open_run(plain.path), "mixture", name="large", components=1456)


def test_an_existing_prior_is_replaced_only_when_asked_for(copy):
    before = copy.prior("mixture").read_bytes()
    with pytest.raises(RunError, match="exists already") as caught:
        fit_prior(open_run(copy.path), "mixture", **FEW)
    assert caught.value.remedy == ("again",)
    with pytest.raises(ScoreError):  # nor is it lost if the new one fails
        fit_prior(open_run(copy.path), "mixture", components=5000, again=True)
    assert copy.prior("mixture").read_bytes() == before


def test_a_name_that_is_no_file_name_is_refused(plain):
    for name in ("../../escaped", "a/b", ".hidden", ""):
        with pytest.raises(RunError, match="name"):
            open_run(plain.path, prior=name)


def test_a_prior_that_is_not_there_is_answered_with_the_nearest_and_all_that_are(copy):
    shutil.copy(copy.prior("mixture"), copy.prior("another"))
    with pytest.raises(RunError, match=r"nearest is mixture.* another, mixture"):
        open_run(copy.path, prior="mixtur")
    with pytest.raises(RunError, match="another, mixture") as caught:
        open_run(copy.path, prior="zzz")
    assert "nearest" not in str(caught.value)


@pytest.mark.slow
def test_a_prior_of_other_weights_is_refused_by_hash(copy, tmp_path):
    other = train(change(find("digits"), [*SMALL, "seed=1"]), tmp_path / "other")
    shutil.copytree(copy.path / "priors", other.path / "priors")
    theirs, own = open_run(copy.path).checkpoint.opened, open_run(other.path).checkpoint.opened
    with pytest.raises(RunError, match=f"{theirs[:16]}.*{own[:16]}"):
        open_run(other.path, prior="mixture")


def test_codes_that_are_not_finite_are_refused(plain):
    opened = open_run(plain.path)
    with torch.no_grad():
        next(opened.model.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(ScoreError, match="not finite"):
        fit_prior(opened, "flow", name="broken")
    assert not plain.prior("broken").exists()


@pytest.mark.slow
def test_a_flow_that_diverges_writes_nothing(plain, monkeypatch):
    monkeypatch.setattr(fitting, "LEARNING_RATE", 1e30)
    with pytest.raises(Divergence, match="flow diverged"):
        fit_prior(open_run(plain.path), "flow", name="broken", steps=20)
    assert not plain.prior("broken").exists()


def test_a_damaged_prior_is_named(copy, tmp_path):
    path = copy.prior("mixture")
    tensors, header = read_tensors(path, "prior")
    header.pop("kind")

    def refused():
        with pytest.raises(Damaged, match=r"mixture\.safetensors"):
            open_run(copy.path, prior="mixture")

    for change_of in (
        {"means": tensors["means"][:, :2]},
        {"means": tensors["means"] * float("nan")},
        {"factors": -tensors["factors"]},
    ):
        write_tensors(path, "prior", tensors | change_of, header)
        refused()
    for change_of in (
        {"prior": "flow"},
        {"prior": "gan"},
        {"format": 99},
        {"held_out": {}},
        {"settings": {}},
        {"conditions": 3},
    ):
        write_tensors(path, "prior", tensors, header | change_of)
        refused()
    write_tensors(path, "classifier", tensors, header)
    refused()
    path.write_bytes(path.read_bytes()[:100])
    refused()
    proof = tmp_path / "proof"
    path.write_bytes(pickle.dumps(Payload(proof)))
    refused()
    assert not proof.exists()


@pytest.mark.slow
def test_codes_of_a_point_are_taken_as_they_are(tmp_path):
    run = train(change(find("digits"), [*SMALL, "model.kind=autoencoder", "training.steps=5"]), tmp_path / "ae")
    posteriors = posteriors_of(open_run(run.path))
    assert (posteriors.scales == 0).all()
    fit_prior(open_run(run.path), "mixture", components=2, covariance="diag")
    opened = open_run(run.path, prior="mixture")
    assert evaluation.sample(opened.model, 3).shape == (3, 1, 8, 8)
    assert evaluate_run(opened)["rate"] is None
