"""What the β-VAE study's code did unsaid is measured with nothing else changed."""

import json

import numpy as np
import pytest
import torch

from kelbo.bound import Batch
from kelbo.data.images import SubsetImages
from kelbo.metrics import continuous_mig
from kelbo.recipes import build
from kelbo.studies.beta_vae.as_published_mig import continuous_mig_as_published
from kelbo.studies.beta_vae.quirks import quirks
from kelbo.studies.beta_vae.quirks_images import codes_by_way, grey_bernoulli, layouts, sizes, training_data
from kelbo.studies.beta_vae.quirks_rows import compared
from kelbo.studies.beta_vae.quirks_scores import mixed_up_gap
from kelbo.studies.beta_vae.quirks_texts import NOTES, TEXTS


def by_name(entries):
    return {entry["name"]: entry for entry in entries}


def altered(record, **changes):
    return type(record)(**(record.__dict__ | changes))


def test_a_difference_is_surer_than_its_two_sides_if_draws_are_shared():
    row = compared("PCA", [0.5, 0.7, 0.9], [0.6, 0.81, 0.99])
    assert row["published"]["value"] == pytest.approx(0.7)
    assert row["published"]["high"] == 1.0  # a share
    assert row["difference"]["value"] == pytest.approx(-0.1)
    assert row["difference"]["high"] - row["difference"]["low"] < 0.06


def test_one_replicate_tells_no_interval():
    assert compared("PCA", [0.5], [0.25])["published"] == {"value": 0.5, "low": None, "high": None}


def test_of_colour_images_the_layouts_cost_most_and_their_order_alone_some(colour_subject, quick, few_fitted):
    found = by_name(layouts(colour_subject, altered(quick, points=(600, 301))))
    assert set(found) == {"baseline-layouts", "baseline-order"}
    both = {row["label"]: row for row in found["baseline-layouts"]["rows"]}
    assert set(both) == {"PCA, linear", "ICA, linear", "PCA, logistic", "ICA, logistic"}
    chance, logistic = 1 / 5, both["PCA, logistic"]
    assert logistic["published"]["value"] < chance + 0.1
    assert logistic["corrected"]["value"] > chance + 0.2
    assert logistic["difference"]["high"] < 0
    order = {row["label"]: row for row in found["baseline-order"]["rows"]}["PCA, logistic"]
    assert order["corrected"] == logistic["corrected"]
    assert logistic["published"]["value"] < order["published"]["value"] < order["corrected"]["value"]


def test_only_the_layout_differs_between_the_two_fits(grey_subject, colour_subject, quick, few_fitted):
    """Of black-and-white images both layouts are the same, so then both fits are."""
    for kind in ("pca", "ica"):
        codes = codes_by_way(kind, grey_subject, grey_subject.images, quick, 5, {"published"})
        np.testing.assert_allclose(codes["published"], codes["one layout"], atol=1e-4)
        codes = codes_by_way(kind, colour_subject, colour_subject.images, quick, 5, {"published"})
        assert np.abs(codes["published"] - codes["one layout"]).max() > 0.5


def test_of_grey_images_only_the_sizes_are_compared(grey_subject, quick, few_fitted):
    (entry,) = sizes(grey_subject, quick)
    assert entry["name"] == "baseline-sizes"
    assert "against 384 different ones" in entry["note"]
    assert layouts(grey_subject, quick) == []


def test_as_many_images_are_fitted_as_told(grey_subject, monkeypatch, quick, few_fitted):
    asked, baseline = [], build.baseline

    def fitted(kind, images, *rest, **how):
        asked.append(len(images))
        return baseline(kind, images, *rest, **how)

    monkeypatch.setattr(build, "baseline", fitted)
    sizes(grey_subject, altered(quick, fitted=100))
    assert sorted(set(asked)) == [100, 230, 240]


def test_mixed_up_draws_are_compared_on_the_same_images(grey_subject, quick):
    (entry,) = mixed_up_gap(grey_subject, quick)
    (row,) = entry["rows"]
    for way, gap in (("published", continuous_mig_as_published), ("corrected", continuous_mig)):
        values = []
        for seed in (0, 1, 2):
            rows = np.random.default_rng(seed).permutation(384)[:300]
            tables = (table[rows] for table in (grey_subject.codes["vae"], grey_subject.scales, grey_subject.factors))
            values.append(gap(*tables, seed=seed).value)
        assert row[way]["value"] == pytest.approx(np.mean(values))
    assert row["unit"] == "gap"


def test_what_a_lane_learned_by_heart_is_seen(grey_subject, quick):
    """A code that knows the factors of its training images and nothing of others."""
    rng = np.random.default_rng(1)
    held = np.arange(len(grey_subject.factors)) % 2 == 0
    knows = np.where(held[:, None], rng.normal(size=grey_subject.factors.shape), grey_subject.factors)
    told = {"train": {"mean": 80.0, "standard_error": 1.0}, "test": {"mean": 90.0, "standard_error": 2.0}}
    (entry,) = training_data(altered(grey_subject, codes={"vae": knows}, held_out=held, distortion=told), quick)
    score, nats = entry["rows"]
    assert score["published"]["value"] > score["corrected"]["value"] + 0.3
    assert "Scores of 192 images of each kind" in entry["note"]
    assert nats["difference"]["value"] == -10.0
    assert nats["difference"]["low"] == pytest.approx(-10 - 1.96 * 5**0.5)


def test_what_the_cross_entropy_lacks_is_the_continuous_bernoullis_constant(grey_subject, grey_lane, quick):
    (entry,) = grey_bernoulli(grey_subject, quick, images=50)
    (row,) = entry["rows"]
    x = grey_lane.data.test.spread(50).float() / 16
    with grey_lane.model.evaluating():
        output = grey_lane.model.read(Batch(x), draw=False).output.double()
    shares = torch.sigmoid(output)
    constant = torch.log(2 * torch.atanh(1 - 2 * shares) / (1 - 2 * shares))  # Loaiza-Ganem and Cunningham (2019)
    entropy = -(x * shares.log() + (1 - x) * (1 - shares).log())
    assert row["published"]["value"] == pytest.approx(entropy.flatten(1).sum(1).mean().item(), rel=1e-5)
    assert row["difference"]["value"] == pytest.approx(constant.flatten(1).sum(1).mean().item(), rel=1e-4)
    assert row["difference"]["value"] > 64 * np.log(2)
    assert "Of 50 held-out images of 64 dimensions" in entry["note"]


def test_every_quirk_is_told_once_a_set_in_order_as_json(grey_subject, colour_subject, quick, few_fitted):
    effort = altered(quick, everywhere=False, seeds=(0, 1), linear_steps=50)
    found = quirks([grey_subject, colour_subject], effort)
    names = [entry["name"] for entry in found]
    assert set(names) == set(TEXTS) - {"reconstruction-distance"}  # which is made of what lanes measured
    assert names == sorted(names, key=list(TEXTS).index)
    assert len({(entry["name"], entry["set"]) for entry in found}) == len(found)
    assert all(entry["rows"] or entry["name"] in NOTES for entry in found)
    assert all(entry["title"] and entry["what"] for entry in found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [entry["set"] for entry in found if entry["name"] == "few-points"] == ["shapes2d"]  # the first is enough
    assert all(entry["seconds"] > 0 for entry in found if entry["rows"])


def test_what_cannot_be_measured_says_why(grey_subject, quick, few_fitted):
    codes = {name: codes[:1] for name, codes in grey_subject.codes.items()}
    first = {name: getattr(grey_subject, name)[:1] for name in ("factors", "scales", "held_out")}
    images = SubsetImages(grey_subject.images, torch.tensor([0]))
    found = by_name(quirks([altered(grey_subject, codes=codes, images=images, **first)], quick))
    assert found["few-points"]["rows"] == []
    assert found["few-points"]["note"].startswith("Not measured here: codes must have at least 2 rows; got 1")


def test_a_subset_of_a_set_is_a_subject_like_any_other(colour_subject, quick, few_fitted):
    some = SubsetImages(colour_subject.images, torch.arange(0, 256, 3))
    half = altered(colour_subject, images=some, factors=colour_subject.factors[::3])
    (entry, _) = layouts(half, altered(quick, seeds=(0,), encoded=100))
    assert entry["rows"][0]["published"]["low"] is None
