"""Notes on the conditions of many lanes are those of comparing each mean with all others, without comparing each with all."""

import random

import pytest

from kelbo.sweeps import frame
from kelbo.sweeps.frame import IMAGES, UNKNOWN, LaneNumber, summary


def conditions(row):
    return {"unit": row.unit, "step": str(row.step), **row.conditions}


def plain(kept, elsewhere):
    """The differences by comparing rows with all rows elsewhere."""
    of_rows, of_others = ([conditions(row) for row in some] for some in (kept, elsewhere))
    notes = []
    for name in dict.fromkeys(name for of_row in (*of_rows, *of_others) for name in of_row):
        own, others = (dict.fromkeys(of_row.get(name, UNKNOWN) for of_row in some) for some in (of_rows, of_others))
        if len(own) > 1:
            notes.append(f"{name} differ" if name == IMAGES else f"{name} differs: {', '.join(own)}")
        elif own and others and own != others:
            (value,) = own
            other = ", ".join(other for other in others if other != value)
            notes.append(f"other {name} than elsewhere" if name == IMAGES else f"{name}: {value}, elsewhere {other}")
    return "; ".join(notes)


def number(lane, setting, chance, variety):
    told = {name: chance.choice("abc"[:variety]) for name in ("device", IMAGES, "own") if chance.random() < 0.9}
    return LaneNumber(
        f"{lane}", {"beta": setting}, lane, "elbo", 1.0, "nats", "here", chance.choice([1, 2][:variety]), "done", told
    )


@pytest.mark.parametrize("seed", range(40))
def test_notes_are_those_of_comparing_each_mean_with_all_others(seed):
    chance = random.Random(seed)
    variety, count = chance.choice([1, 2, 3]), chance.choice([1, 2, 4])
    groups = [[number(10 * s + k, s, chance, variety) for k in range(chance.choice([1, 2, 3]))] for s in range(count)]
    found = summary([row for group in groups for row in group])
    assert [one.note for one in found] == [
        plain(group, [row for other in groups if other is not group for row in other]) for group in groups
    ]


def test_the_conditions_of_a_lane_are_looked_at_a_few_times_however_many_lanes_there_are(monkeypatch):
    asked = []
    monkeypatch.setattr(frame, "_conditions", lambda row: asked.append(row) or conditions(row))
    chance = random.Random(0)
    summary([number(lane, lane // 2, chance, 1) for lane in range(600)])
    assert len(asked) <= 2 * 600
