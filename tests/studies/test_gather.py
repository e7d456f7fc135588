"""What a study's numbers take of measurements: of each run, of several runs together, and of what is made beforehand."""

import math
import shutil
from dataclasses import replace

import pytest
from tests.studies.toy import SCRATCH, STUDY

from kelbo.errors import RunError
from kelbo.runs.writing import read_json
from kelbo.studies.arms import Ask, Extra, Prerequisite, StudyModel
from kelbo.studies.course import reproduce
from kelbo.studies.gather import _Flat
from kelbo.studies.page import read_numbers

ASK = Ask(STUDY.options(), STUDY.budgets["minutes"])
TOGETHER = StudyModel("together", (("kind", "pair"),))


def test_numbers_words_intervals_and_courses_are_found_wherever_they_are_in_a_value():
    flat = _Flat({})
    value = {
        "plain": 2,
        "flag": True,
        "nothing": math.nan,
        "far": math.inf,
        "unknown": None,
        "called": "FID",
        "list": [1, 2],
        "bits": {"value": 3.0, "low": 2.0, "high": 4.0, "unit": "bits/dim", "train": {"value": 5.0}},
        "elbo": {"mean": -1.0, "standard_error": 0.5},
        "one": {"mean": 7.0, "standard_error": None},
        "absent": {"value": None},
        "rows": [{"step": 1, "x": 4.0}, {"step": 3, "x": math.nan, "y": 6}],
    }
    flat.add(value, "key")
    half = pytest.approx([-1.0, -1.98, -0.02])
    assert flat.numbers == {
        **{"key.plain": 2.0, "key.flag": 1.0, "key.bits": [3.0, 2.0, 4.0], "key.bits.train": 5.0},
        **{"key.elbo": half, "key.one": 7.0},
    }
    assert (flat.words, flat.units) == ({"key.called": "FID"}, {"key.bits": "bits/dim"})
    assert flat.courses == {"key.rows.x": [[1, 4.0]], "key.rows.y": [[3, 6.0]]}


taken = []


def together(runs, *, scale):
    taken.append(len(runs))
    return {"lanes": [{"settings": {"kind": "pair"}, "x": scale * len(runs)}, {"settings": {"kind": "none"}, "x": 0}]}


def fail(*, tell):
    raise ValueError("no labels")


def write(path, *, tell):
    path.write_text("weights")


def study(before=(), scale=10):
    def plan(ask):
        def extras(lanes):
            runs = tuple(lane.run.path for lane in lanes if lane.arm.name == "scratch")
            unwanted = Extra("others", {}, fail)
            return [Extra("together", {"scale": scale}, together, runs, arm="together", seed=4), unwanted]

        return replace(STUDY.plan(ask), extras=extras, before=before)

    sections = [replace_extras(section) for section in STUDY.sections]
    return replace(STUDY, plan=plan, sections=sections)


def replace_extras(section):
    return section._replace(things=tuple(replace(thing, extras=("together",)) for thing in section.things))


def test_a_measurement_of_several_runs_is_taken_once_for_their_weights_and_counts_with_its_arm(toy, tmp_path, in_turn):
    out = shutil.copytree(toy, tmp_path / "study")
    taken.clear()
    for _ in range(2):
        reproduce(study(), ASK, out)
    assert taken == [2]
    n = read_numbers(STUDY, out)
    assert n.by_seed("x", TOGETHER) == {4: 20.0}
    assert read_json(out / "results.json")["extras"].keys() == {"together"}  # nothing needs the others
    reproduce(study(scale=1), ASK, out)
    assert read_numbers(STUDY, out).by_seed("x", TOGETHER) == {4: 2.0}
    shutil.rmtree(out / "scratch/lanes/seed=1/checkpoints")
    reproduce(study(), ASK, out, training=False)
    assert read_numbers(STUDY, out).by_seed("x", TOGETHER) == {}  # one of its runs has no weights any more
    assert taken == [2, 2]


def test_what_is_made_beforehand_is_made_once_and_nothing_goes_on_without_it(toy, tmp_path, in_turn):
    out, file = shutil.copytree(toy, tmp_path / "study"), tmp_path / "weights"
    made = Prerequisite("features", file, write, (file,))
    with pytest.raises(RunError, match=r"features failed: .*no labels"):
        reproduce(study([replace(made, call=fail, arguments=())]), ASK, out)
    reproduce(study([made]), ASK, out)
    stamp = file.stat().st_mtime_ns
    reproduce(study([made]), ASK, out)
    assert file.stat().st_mtime_ns == stamp
    assert read_numbers(STUDY, out).seeds(SCRATCH) == [0, 1]
