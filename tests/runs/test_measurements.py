"""Measurements in a run's folder: the laws of their keys, and what is left by writers that die."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from tests.records import as_older, rewrite

from kelbo.errors import Damaged
from kelbo.runs import Measurement, Run, measurements as store
from kelbo.runs.measurement import key_of
from kelbo.runs.measurements import OTHER_SSIM, newest, records

SETTINGS = {
    "split": "test",
    "samples": 8,
    "seed": 0,
    "dequantized": False,
    "features": {"name": "random-0", "size": None},
}
MEASURED = Measurement(
    "evaluation", SETTINGS, "ab" * 32, {"elbo": {"mean": -1.5}}, "test-iw8", {"step": 40, "device": "cpu"}
)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_equal_settings_have_one_key_in_whatever_order_they_come():
    turned = dict(reversed(SETTINGS.items())) | {"features": dict(reversed(SETTINGS["features"].items()))}
    assert list(turned) != list(SETTINGS)
    assert key_of("evaluation", turned, "w") == key_of("evaluation", SETTINGS, "w")
    assert key_of("evaluation", json.loads(json.dumps(SETTINGS)), "w") == key_of("evaluation", SETTINGS, "w")
    assert key_of("evaluation", {"shape": (1, 8)}, "w") == key_of("evaluation", {"shape": [1, 8]}, "w")


def test_settings_that_look_alike_have_other_keys():
    values = [
        None,
        False,
        True,
        0,
        1,
        10,
        1.5,
        1e-300,
        "",
        "0",
        "None",
        "null",
        "é",
        [],
        [0],
        [[0]],
        [0, 1],
        [1, 0],
        {},
        {"a": 0},
    ]
    alike = [{"a": value} for value in values] + [
        {"b": 0},
        {"a": 0, "b": 0},
        {"a": {"a": 0, "b": 0}},
        {"a": {"a": 0}, "b": 0},
    ]
    assert len({key_of("evaluation", settings, "w") for settings in alike}) == len(alike)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "latents"},
        {"weights": "cd" * 32},
        *({"settings": SETTINGS | {name: "another"}} for name in SETTINGS),
        {"settings": SETTINGS | {"features": {"name": "random-0", "size": [8, 8]}}},
        {"settings": SETTINGS | {"novel": None}},
    ],
)
def test_name_weights_and_every_setting_are_in_the_key(change):
    assert replace(MEASURED, **change).key != MEASURED.key


@pytest.mark.parametrize("change", [{"label": "worded anew"}, {"circumstances": {"device": "cuda:0"}}, {"value": {}}])
def test_wording_circumstances_and_value_are_not(change):
    assert replace(MEASURED, **change).key == MEASURED.key


@pytest.mark.parametrize("value", [float("nan"), np.float32(1), {1: 2}, [{None: 2}], {1: 2, "a": 3}, {0}])
def test_a_setting_that_is_no_json_has_no_key(value):
    with pytest.raises(ValueError, match="JSON"):
        key_of("evaluation", {"beta": value}, "")


def test_what_is_kept_is_found_by_its_name_settings_and_weights_alone(run):
    kept = run.measurements.keep(MEASURED)
    assert run.measurements.find("evaluation", SETTINGS, MEASURED.weights) == kept
    assert (kept.value, kept.label, kept.step) == (MEASURED.value, "test-iw8", 40)
    assert kept.record == {**MEASURED.value, "settings": {**SETTINGS, "step": 40, "device": "cpu"}}
    assert run.measurements.find("evaluation", SETTINGS | {"seed": 1}, MEASURED.weights) is None
    assert run.measurements.find("evaluation", SETTINGS, "other weights") is None
    assert run.measurements.find("latents", SETTINGS, MEASURED.weights) is None


def test_one_under_the_same_key_is_replaced_and_others_stay(run):
    run.measurements.keep(MEASURED)
    run.measurements.keep(replace(MEASURED, weights="cd" * 32))
    run.measurements.keep(replace(MEASURED, value={"elbo": None}))
    assert sorted(one.value["elbo"] is None for one in run.measurements.all()) == [False, True]


def test_of_one_label_the_newest_step_is_shown_unless_weights_are_asked_for(run):
    old = run.measurements.keep(MEASURED)
    new = run.measurements.keep(replace(MEASURED, weights="cd" * 32, circumstances={"step": 60}))
    again = run.measurements.keep(replace(old, weights="ef" * 32, circumstances={"step": 60}))
    assert run.measurements.newest() == newest([again, old, new]) == [again]  # the later of two of one step
    assert run.measurements.newest("evaluation", weights=MEASURED.weights) == [old]
    assert run.measurements.newest("latents") == []


def score(run, name, weights, step, **settings):
    value = {"scores": {name: {"value": step}}}
    told = Measurement(f"codes.{name}", {"codes": 100, **settings}, weights, value, "codes", {"step": step})
    return run.measurements.keep(told)


@pytest.mark.parametrize(
    ("weights", "step", "settings"), [("old", 60, {}), ("new", 80, {"codes": 50}), ("newer", 80, {})]
)
def test_scores_of_other_weights_or_settings_are_no_part_of_a_record(run, weights, step, settings):
    score(run, "dci", weights, step - 20, **settings)
    score(run, "mig", "new", 60 if weights == "newer" else 80)
    score(run, "sap", "new", 60 if weights == "newer" else 80)
    asked = "new" if weights == "newer" else None
    assert set(records(run.measurements.newest(weights=asked), asked)["codes"]["scores"]) == {"mig", "sap"}


def test_arrays_come_back_as_they_were(run):
    arrays = {"images": np.arange(12, dtype=np.uint8).reshape(3, 4), "shares": np.array([0.5])}
    kept = run.measurements.keep(MEASURED, arrays)
    found = kept.arrays()
    assert found.keys() == arrays.keys()
    assert all((found[name] == value).all() and found[name].dtype == value.dtype for name, value in arrays.items())
    assert "arrays" not in kept.facts
    assert run.measurements.keep(MEASURED).arrays() == {}
    assert len(list(kept.place.parent.iterdir())) == 1  # those that were replaced are gone


def test_writers_and_readers_of_one_key_do_not_disturb_each_other(run):
    run.measurements.keep(MEASURED, {"images": np.zeros(3)})

    def write(value):
        return [run.measurements.keep(MEASURED, {"images": np.full(3, value % 2)}) for _ in range(15)]

    def read(_):
        return [run.measurements.find("evaluation", SETTINGS, MEASURED.weights).arrays()["images"] for _ in range(60)]

    with ThreadPoolExecutor(6) as pool:
        writers, readers = [pool.submit(write, n) for n in range(4)], [pool.submit(read, n) for n in range(2)]
        assert all(len(set(found)) == 1 for reader in readers for found in reader.result())
        assert all(writer.result() for writer in writers)


def test_arrays_of_a_killed_writer_are_removed_when_they_are_old(run):
    place = run.measurements.keep(MEASURED, {"images": np.zeros(3)}).place
    fresh, old = (place.with_suffix(f".{once}.npz") for once in ("0", "1"))
    for left in (fresh, old):
        left.write_bytes(b"")
    os.utime(old, (0, 0))
    run.measurements.keep(MEASURED, {"images": np.ones(3)})
    assert fresh.exists()
    assert not old.exists()
    assert len(list(place.parent.glob("*.npz"))) == 2


@pytest.mark.parametrize("survived", ["write_json", "write_atomic"])
def test_a_writer_that_dies_leaves_the_old_value_with_its_own_arrays(run, monkeypatch, survived):
    before = run.measurements.keep(MEASURED, {"images": np.zeros(3)})

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, survived, die)
    with pytest.raises(KeyboardInterrupt):
        run.measurements.keep(replace(MEASURED, value={}), {"images": np.ones(3)})
    monkeypatch.undo()
    assert run.measurements.all() == [before]
    assert (before.arrays()["images"] == 0).all()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 0}'])
def test_a_damaged_file_is_named_with_what_to_do(run, text):
    path = run.measurements.keep(MEASURED).place
    path.write_text(text)
    for read in (run.measurements.all, lambda: run.measurements.find("evaluation", SETTINGS, MEASURED.weights)):
        with pytest.raises(Damaged, match=path.name):
            read()
    assert run.measurements.all("latents") == []


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK"), lambda path: path.write_bytes(b"PK\3\4")],
)
def test_damaged_arrays_are_named_too(run, damage):
    kept = run.measurements.keep(MEASURED, {"images": np.zeros(3)})
    (place,) = kept.place.parent.glob("*.npz")
    damage(place)
    with pytest.raises(Damaged, match=r"\.npz"):
        kept.arrays()


# ── folders of older versions ─────────────────────────────────────────────────────────────────────────────────────────

OLD = {
    "elbo": {"mean": -1.0},
    "reconstruction": {"psnr": None, "ssim": {"mean": 0.9, "definition": "whole windows"}, "ssim_reason": None},
    "settings": {"step": 12, "weights": "last step", "split": "test"},
}


def test_an_older_record_is_a_measurement(run):
    as_older(run, "evaluations", "test-iw8", OLD)
    (found,) = run.measurements.all("evaluation")
    assert (found.label, found.step, found.record) == ("test-iw8", 12, OLD)


def test_a_newer_measurement_stands_in_front_of_an_older_record(run):
    as_older(run, "evaluations", "test-iw8", OLD)
    kept = run.measurements.keep(replace(MEASURED, circumstances={"step": 12}))
    assert run.measurements.newest() == [kept]


def test_an_older_ssim_of_another_definition_is_left_out_with_the_reason(run):
    ssim = {"mean": 0.9, "standard_error": 0.1}
    as_older(run, "evaluations", "test", {**OLD, "reconstruction": {**OLD["reconstruction"], "ssim": ssim}})
    (found,) = run.measurements.all()
    assert found.value["reconstruction"] == {"psnr": None, "ssim": None, "ssim_reason": OTHER_SSIM}


def test_older_scores_are_measurements_those_of_codes_one_by_one(run):
    settings = {"step": 12, "weights": "hash of tensors", "averaged": True}
    scores = {"mig": {"value": 0.5}, "dci_a": {"value": 0.1, "family": "dci"}, "dci_b": {"value": 0.2, "family": "dci"}}
    as_older(run, "scores", "disentanglement-seed1", {"settings": settings, "scores": scores})
    as_older(run, "scores", "latents-test", {"settings": settings, "scores": {"rate": {"value": 2.0}}})
    found = run.measurements.newest()
    assert [one.name for one in found] == ["disentanglement.dci", "disentanglement.mig", "latents"]
    assert {one.facts["weights"] for one in found} == {"moving average"}
    assert records(found)["disentanglement-seed1"]["scores"] == scores


def test_an_older_record_without_settings_is_named(run):
    as_older(run, "evaluations", "test", {"elbo": None})
    with pytest.raises(Damaged, match=r"evaluations/test\.json"):
        run.measurements.all()


def test_a_record_may_be_changed_where_it_lies(run):
    run.measurements.keep(MEASURED)
    rewrite(run, "test-iw8", lambda told: told["settings"].update(seed=5))
    (found,) = run.measurements.all()
    assert found.settings["seed"] == 5
