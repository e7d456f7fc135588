"""Scores from the command line: of anybody's codes, of a run, of baselines; and what bad input is answered with."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.records import rewrite, scores

from kelbo.runs import Run


@pytest.fixture
def codes(tmp_path):
    """Writes an .npz of a nearly perfect code; arrays given by name replace or, where None, leave out its own."""

    def write(name="codes.npz", **changed):
        factors = np.tile(np.stack(np.meshgrid(range(3), range(4), indexing="ij"), -1).reshape(-1, 2), (30, 1))
        means = factors + np.random.default_rng(0).normal(0, 0.05, factors.shape)
        arrays = {"codes": means, "factors": factors, **changed}
        path = tmp_path / name
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        return path

    return write


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on 8×8 digits, by the library."""
    from kelbo.experiments import train
    from kelbo.recipes import change, find

    out = tmp_path_factory.mktemp("scored") / "run"
    train(change(find("digits"), ["training.steps=60", "training.log_every=2"]), out)
    return out


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KELBO_CACHE", "none")


def test_anybodys_codes_are_scored(kelbo, codes):
    code, out, _ = kelbo("score", codes(), "--metrics", "mig,factor_vae", "--json")
    scores = json.loads(out)
    assert code == 0
    assert set(scores) == {"mig", "factor_vae"}
    assert scores["mig"]["value"] > 0.9
    assert scores["mig"]["low"] <= scores["mig"]["value"] <= scores["mig"]["high"]


def test_an_interval_that_the_numbers_cannot_tell_is_null(kelbo, codes):
    few = codes(
        codes=np.random.default_rng(0).standard_normal((8, 3)),
        factors=np.stack([np.arange(8) % 2, np.arange(8) % 3], 1),
    )
    code, out, _ = kelbo("score", few, "--metrics", "infomec", "--json")
    found = [entry for entry in json.loads(out).values() if entry.get("value") is not None]
    assert code == 0
    assert found
    assert all(entry["low"] is None or entry["low"] < entry["high"] for entry in found)
    assert any(entry["low"] is None and entry["replicates"] > 1 for entry in found)


def test_all_scores_of_codes_are_a_table(kelbo, codes):
    code, out, _ = kelbo("score", codes())
    assert code == 0
    assert all(name in out for name in ("beta vae", "dci completeness", "sap", "irs", "infom"))
    assert "continuous mig" not in out  # these codes tell no standard deviations


@pytest.mark.parametrize(
    ("changed", "exit_code", "message"),
    [
        (
            {"codes": np.full((360, 2), np.nan)},
            1,
            "codes has 720",
        ),
        ({"factors": np.zeros((360, 2), int)}, 1, "Factor 0 is 0 in all 360 rows"),
        ({"factors": np.zeros((350, 2), int)}, 1, "360 and 350"),
        ({"factors": None}, 1, "must hold `codes` (N, K), or `means`, and `factors` (N, F)"),
        ({"factors": np.full((360, 2), "a")}, 1, "factors must be"),
        ({"codes": np.zeros((360, 0))}, 1, "codes must be"),
        ({"codes": np.array([{}] * 360)}, 1, ".npz"),
    ],
    ids=["nan", "one value", "lengths", "no factors", "words", "no columns", "pickled"],
)
def test_bad_codes_are_named(changed, exit_code, message, kelbo, codes):
    code, _, err = kelbo("score", codes(**changed), "--metrics", "mig")
    assert code == exit_code
    assert message in err
    assert "Traceback" not in err


def test_constant_latents_break_no_score(kelbo, codes):
    factors = np.tile(np.stack(np.meshgrid(range(3), range(4), indexing="ij"), -1).reshape(-1, 2), (30, 1))
    code, out, err = kelbo("score", codes(codes=np.zeros(factors.shape)), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["mig"]["value"] == 0


def test_what_is_no_npz_is_named(kelbo, tmp_path):
    path = tmp_path / "codes.npz"
    path.write_bytes(b"PK nonsense")
    code, _, err = kelbo("score", path)
    assert code == 1
    assert str(path) in err


@pytest.mark.parametrize("name", ["migg", ""])
def test_an_unknown_score_is_answered_with_all_there_are(name, kelbo, codes):
    code, _, err = kelbo("score", codes(), "--metrics", name)
    assert code == 1
    assert "beta_vae, factor_vae, mig" in err


def test_an_unknown_classifier_is_answered_with_those_there_are(kelbo, codes):
    code, _, err = kelbo("score", codes(), "--classifier", "oracle")
    assert code == 1
    assert "logistic, linear, mlp, forest" in err


def test_every_score_that_a_run_has_is_written_and_the_others_say_why(kelbo, run):
    code, out, _ = kelbo("evaluate", run, "--metrics", "all", "--features", "random-0", "--json")
    record = json.loads(out)
    assert code == 0
    assert "known factors" in record["scores"]["disentanglement"]["none"]
    assert record["scores"]["images"]["scores"]["sample"]["frechet"]["called"] == "Fréchet distance (random-0)"
    weights = record["scores"]["images"]["scores"]["sample"]["features"]["weights"][:8]
    assert {*scores(Run(run))} == {"latents-test", f"images-test-random-0-{weights}", "calibration-test"}
    again = kelbo("evaluate", run, "--metrics", "all", "--features", "random-0", "--again", "--json")[1]
    assert json.loads(again)["scores"] == record["scores"]


def test_a_number_that_is_kept_is_read_and_measured_again_on_request(kelbo, run):
    wish = ["evaluate", run, "--metrics", "latents", "--json"]
    kelbo(*wish)
    rewrite(Run(run), "test", lambda told: told["value"]["rate"].update(mean=77.0))
    rewrite(Run(run), "latents-test", lambda told: told["value"]["scores"]["rate"].update(value=78.0))
    kept, again = (json.loads(kelbo(*wish, *more)[1]) for more in ([], ["--again"]))
    assert (kept["rate"]["mean"], kept["scores"]["latents"]["scores"]["rate"]["value"]) == (77.0, 78.0)
    assert again["rate"]["mean"] < 77
    assert again["scores"]["latents"]["scores"]["rate"]["value"] < 78


def test_a_score_asked_for_by_name_must_exist(kelbo, run):
    code, _, err = kelbo("evaluate", run, "--metrics", "mig")
    assert code == 1
    assert "no disentanglement scores" in err


@pytest.mark.parametrize(
    "wish", [("--metrics", "typo"), ("--metrics", "images"), ("--metrics", ""), ("--classifier", "x")]
)
def test_a_wish_that_cannot_be_had_is_refused_before_anything_is_measured(wish, kelbo, run, monkeypatch):
    monkeypatch.setattr("kelbo.experiments.open_run", lambda *_, **__: pytest.fail("the run was opened"))
    code, out, err = kelbo("evaluate", run, *wish)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


def test_what_of_all_does_not_exist_costs_the_others_nothing(kelbo, codes):
    alone = np.tile(np.arange(4), 90)[:, None]
    code, out, _ = kelbo("score", codes(codes=alone + 0.0, factors=alone), "--json")
    scores = json.loads(out)
    assert code == 0
    assert scores["mig"]["value"] > 0.9
    assert "at least two" in scores["missing"]["dci"]


def test_a_name_of_features_stays_in_its_folder(kelbo, tmp_path):
    code, _, err = kelbo("features", "train", "digits", "--name", "../../evil", "--epochs", "1")
    assert code == 2
    assert "may have letters, digits" in err


def test_image_distances_ask_for_features(kelbo, run):
    code, _, err = kelbo("evaluate", run, "--metrics", "images")
    assert code == 1
    assert "inception-2015 (FID)" in err
    assert "(options: --features NAME)" in err


def test_a_classifier_of_the_sets_labels_measures_distances(kelbo, run):
    code, out, _ = kelbo("features", "train", "digits", "--set", "size=8", "--epochs", "1")
    assert code == 0
    assert "of the test split right" in out
    code, out, _ = kelbo("evaluate", run, "--metrics", "images", "--features", "digits", "--json")
    assert code == 0
    assert json.loads(out)["scores"]["images"]["scores"]["reconstruction"]["features"]["about"]


def test_a_set_without_labels_trains_no_classifier(kelbo, tmp_path):
    for number in range(12):
        Image.new("L", (8, 8), 20 * number).save(tmp_path / f"{number}.png")
    code, _, err = kelbo("features", "train", "folder", "--data-root", tmp_path)
    assert code == 1
    assert "has no labels" in err


def test_the_doctor_prints_what_it_finds(kelbo, run):
    code, out, _ = kelbo("doctor", run, "--json")
    findings = json.loads(out)
    assert code == 0
    assert all(finding.keys() == {"code", "severity", "fields", "text"} for finding in findings)
    assert {finding["code"].partition("-")[0] for finding in findings} >= {"sigma", "pixels", "prior"}
    printed = " ".join(kelbo("doctor", run)[1].split())
    assert all(f"{finding['severity']} {finding['code']}: {finding['text']}" in printed for finding in findings)


def test_codes_of_baselines_are_written_for_sets_with_and_without_factors(kelbo, tmp_path):
    out = tmp_path / "pca.npz"
    assert kelbo("baseline", "pca", "digits", "--out", out, "--latents", "3")[0] == 0
    with np.load(out) as arrays:
        assert arrays["means"].shape == (180, 3)
        assert "labels" in arrays
    code, _, err = kelbo("baseline", "svd", "digits", "--out", out)
    assert code == 2
    assert "pca, ica, random, pixels" in err
