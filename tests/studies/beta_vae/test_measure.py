import json
import shutil

import pytest

from kelbo.errors import NotSaved
from kelbo.experiments import open_run, train
from kelbo.recipes.beta_study import PARTS, part_recipe
from kelbo.recipes.data_specs import ArmSpec, Shapes2dSpec
from kelbo.studies import kept
from kelbo.studies.beta_vae import measure, subjects
from kelbo.studies.beta_vae.baselines import KINDS, BaselineWants, measure_baselines
from kelbo.studies.beta_vae.measure import Wants, measure_lane
from kelbo.studies.beta_vae.quirks import SMALL
from kelbo.studies.beta_vae.scoring import Wanted
from kelbo.studies.beta_vae.subjects import Looked, QuirkWants
from kelbo.studies.kept import fingerprint, parts_in

MAIN = Wanted("all", "logistic", 8, 200, 100, 2, as_published=False)
WANTS = Wants("test", 96, 2_000, (MAIN, MAIN._replace(factors="without shape")), None, 0, sampled=False)


@pytest.fixture(scope="module")
def lane(tmp_path_factory):
    """The convolutional network on 2Dshapes, of two steps."""
    recipe = part_recipe("dsprites-conv", Shapes2dSpec(), 2)
    return train(recipe, tmp_path_factory.mktemp("lanes") / "lane")


@pytest.fixture
def told():
    heard = []
    return heard, heard.append


def test_a_lane_is_measured_once_and_what_is_new_is_added(lane, tmp_path, monkeypatch, told):
    place = tmp_path / "measures" / "lane.json"
    measure_lane(lane.path, place, WANTS, tell=told[1])
    parts = parts_in(place, fingerprint(lane))
    assert list(parts) == WANTS.keys()
    bound = parts[WANTS.bound]["bound"]
    assert (bound["split"], bound["images"]) == ("test", 96)
    assert bound["elbo"]["mean"] == pytest.approx(-bound["distortion"]["mean"] - bound["rate"]["mean"])
    assert bound["distortion"]["standard_error"] > 0
    assert 0 < parts[WANTS.bound]["rmse"] < 1
    assert 0 < parts[WANTS.score(MAIN)]["value"] < 1
    assert 0 <= parts[WANTS.gap]["value"] < 0.2
    assert told[0][-1] == {"step": 3, "steps": 4}

    asked = []
    monkeypatch.setattr(measure, "scores", lambda *a: asked.append(a[2]) or {"vae": {"value": 0.5}})
    more = WANTS._replace(scores=(*WANTS.scores, MAIN._replace(pairs=16)))
    measure_lane(lane.path, place, more, tell=told[1])
    measure_lane(lane.path, place, more, tell=told[1])
    assert asked == [MAIN._replace(pairs=16)]
    assert parts_in(place, fingerprint(lane)) == parts | {more.score(more.scores[-1]): {"value": 0.5}}


def test_other_weights_and_damaged_files_are_measured_anew(lane, tmp_path):
    place = tmp_path / "lane.json"
    place.write_text(json.dumps({"format": kept.FORMAT, "of": fingerprint(lane), "parts": {"a": 1}}))
    assert parts_in(place, fingerprint(lane)) == {"a": 1}
    assert parts_in(place, "other weights") == {}
    place.write_text('{"format": 1, "of": "cut o')
    assert parts_in(place, fingerprint(lane)) == {}


def test_a_disk_that_refuses_leaves_what_was_kept(lane, tmp_path, monkeypatch, told):
    place = tmp_path / "lane.json"
    wants = WANTS._replace(scores=())
    measure_lane(lane.path, place, wants, tell=told[1])
    before = place.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "write_json", refuse)
    with pytest.raises(NotSaved, match="No space"):
        measure_lane(lane.path, place, wants._replace(images=32), tell=told[1])
    assert place.read_bytes() == before


def test_the_bound_as_published_is_of_training_images(lane):
    found = {split: measure.bound(open_run(lane.path), split, 64)["bound"] for split in ("train", "test")}
    assert found["train"]["split"] == "train"
    assert found["train"]["distortion"] != found["test"]["distortion"]


@pytest.mark.slow
def test_as_published_the_baselines_learn_after_the_lane_of_their_seed(lane, tmp_path, told):
    score = Wanted("all", "forest", 8, 60, 40, 1, as_published=True)
    part = PARTS["dsprites-conv"]
    wants = BaselineWants(Shapes2dSpec(), part.seeds[0], 10, (0, 0), 1_000, (score,), as_published=True, vae=lane.path)
    copied = tmp_path / "copy"
    shutil.copytree(lane.path, copied)
    assert wants.of == wants._replace(vae=copied).of  # the weights count, not where they lie
    assert wants.of != wants._replace(vae=None).of
    measure_baselines(tmp_path / "b.json", wants._replace(latents=2), tell=told[1])
    parts = parts_in(tmp_path / "b.json", wants._replace(latents=2).of)
    assert [parts[f"{kind} fitted"] for kind in KINDS] == [25_000, 2_500]  # the study's, on grey images


def test_a_lane_whose_codes_hold_nothing_is_called_collapsed(lane, monkeypatch):
    wants = QuirkWants((), 300, 16, (120, 120), SMALL)
    looked = Looked(lane.path, "dsprites", "VAE, β = 4")
    for rate, called in ((0.02, "VAE, β = 4 (collapsed)"), (7.0, "VAE, β = 4")):
        told = {"bound": {"rate": {"mean": rate}, "distortion": {"mean": 9.0, "standard_error": 1.0}}}
        monkeypatch.setattr(subjects, "bound", lambda *_, told=told: told)
        assert subjects.subject(looked, wants).called("vae") == called


def test_pca_and_ica_are_fitted_once_and_scored_on_the_same_images(tmp_path, told):
    # the last test, since a rendered set takes the place of the one before
    score = Wanted("all", "logistic", 8, 200, 100, 2, as_published=False)
    wants = BaselineWants(ArmSpec(), 123, 10, (200, 150), 1_500, (score,), as_published=False, vae=None)
    measure_baselines(tmp_path / "b.json", wants, tell=told[1])
    parts = parts_in(tmp_path / "b.json", wants.of)
    assert set(parts) == set(wants.keys())
    assert [parts[f"{kind} fitted"] for kind in KINDS] == [150, 150]  # of colour images the second number
    assert all(1 / 7 < parts[f"{kind} {score.key}"]["value"] < 1 for kind in KINDS)
    stamp = (tmp_path / "b.json").stat().st_mtime_ns
    measure_baselines(tmp_path / "b.json", wants, tell=told[1])
    assert (tmp_path / "b.json").stat().st_mtime_ns == stamp
    assert wants.of != wants._replace(seed=427).of
