"""The watch of a long run says what a plain one says that looks at all rows again after each, and looks at each row once."""

import math
import random

import pytest

from kelbo.experiments.diagnosis import BEGUN, COLLAPSED, FIRST, FITS, FLOORED, ROWS, SETTLED, TREND, fit, over_error
from kelbo.experiments.stretch import Stretch
from kelbo.experiments.watch import RunWatch
from kelbo.likelihoods import Bernoulli, FixedGaussian, OptimalGaussian, PerPixelGaussian, SharedGaussian, StudentT
from kelbo.runs import Run

# ── the plain version ─────────────────────────────────────────────────────────────────────────────────────────────────


def recent(rows, after, least):
    """The rows after a step, at least `least` of them."""
    count = 0
    while count < len(rows) and (count < least or rows[-1 - count]["step"] > after):
        count += 1
    return rows[len(rows) - count :]


def collapsed(rows, steps):
    now = rows[-1]["step"]
    some = recent(rows, now - TREND * steps, ROWS)
    early = now < (FIRST if now >= steps else max(SETTLED, BEGUN * steps))
    return None if early or len(some) < ROWS or any(row["rate"] >= COLLAPSED for row in some) else "collapsed"


def steps_until(ratio, course):
    first, now = course[0], course[-1]
    fallen = math.log(first["sigma"] / now["sigma"])
    return (
        math.log(over_error(now["sigma"], now["rmse"]) / ratio) * (now["step"] - first["step"]) / fallen
        if fallen > 0
        else math.inf
    )


def apart(rows, steps, source, floor):
    """The code of what σ says, and the steps that a σ which is learned needs."""
    now, last = rows[-1], rows[-1]["step"] >= steps
    some = recent(rows, now["step"] - TREND * steps, 1 if last else ROWS)
    if now["step"] < FIRST or (not last and len(some) < ROWS):
        return None, None
    if floor is not None and all((row.get("floored") or 0) >= FLOORED for row in some[-ROWS:]):
        return "sigma-floor", None
    if source is None or (not last and now["step"] < BEGUN * steps):
        return None, None
    fits, left = {fit(over_error(row["sigma"], row["rmse"])) for row in some}, steps - now["step"]
    if fits == {"narrow"}:
        return "sigma-narrow", None
    if fits != {"wide"} or (source != "learned" and left):
        return None, None
    course = some if len(some) >= ROWS else rows[-ROWS:]
    if source == "learned" and left and steps_until(FITS, course) <= left:
        return None, None
    needed = steps_until(1.0, course)
    return "sigma-wide", needed if source == "learned" and needed < math.inf else None


def finite(value):
    return value is not None and math.isfinite(value)


def plain(rows, likelihood, steps):
    """Each code with the step after which it is found first, and the steps needed."""
    source, floor = likelihood.sigma_from, likelihood.sigma_floor
    followed = floor is not None or source not in (None, "given")
    found = {}
    for end in range(1, len(rows) + 1):
        so_far, said = rows[:end], []
        rated = [row for row in so_far if finite(row.get("rate"))]
        if rated and rated[-1] is rows[end - 1]:
            said.append((collapsed(rated, steps), None))
        read = [row for row in so_far if finite(row.get("sigma")) and row["sigma"] > 0 and finite(row.get("rmse"))]
        if followed and read and read[-1] is rows[end - 1]:
            said.append(apart(read, steps, source, floor))
        for code, needed in said:
            if code:
                found.setdefault(code, (rows[end - 1]["step"], needed))
    return found


# ── random journals ───────────────────────────────────────────────────────────────────────────────────────────────────


def phases(chance, count, choices, absent=(None, math.nan, math.inf)):
    """Values that stay for a while at one of several levels, with some that are no numbers among them."""
    values = []
    while len(values) < count:
        level, slope, noise = chance.choice(choices), chance.choice([0, 0, -0.02, -0.2]), chance.choice([0, 0.05, 0.6])
        values += [
            level * math.exp(slope * k + noise * chance.gauss(0, 1)) for k in range(chance.choice([1, 2, 5, 20, 60]))
        ]
    return [chance.choice(absent) if chance.random() < 0.03 else value for value in values[:count]]


def journal(chance):
    """A run's steps and rows; some runs end before their last step, some have few rows or rows of a second kind."""
    steps = chance.choice([50, 120, 400, 1000, 5000])
    every = max(1, steps // chance.choice([1, 2, 4, 10, 50, 120]))
    at = [*range(every, steps, every), *([steps] if chance.random() < 0.8 else [])]
    at = sorted({*at, *chance.sample(range(1, steps), min(3, steps - 1))}) if chance.random() < 0.3 else at
    columns = {
        "rate": phases(chance, len(at), [0.01, 0.05, COLLAPSED, 0.2, 5.0]),
        "sigma": phases(chance, len(at), [0.0, 0.01, 0.07, 0.1, 0.13, 1.0]),
        "rmse": phases(chance, len(at), [0.1]),
        "floored": phases(chance, len(at), [0.0, 0.0, FLOORED, 0.5, 1.0], (None, math.nan)),
    }
    kept = [name for name in columns if chance.random() < 0.95]
    return steps, [{"step": step, **{name: columns[name][k] for name in kept}} for k, step in enumerate(at)]


def said(watch):
    return {found.code: (step, found.fields.get("needed")) for found, step in watch.found}


LIKELIHOODS = [OptimalGaussian, SharedGaussian, PerPixelGaussian, FixedGaussian, StudentT, Bernoulli]


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_of_random_journals_the_watch_says_what_a_plain_one_says(kind, tmp_path):
    run, likelihood, codes = Run.create(tmp_path / "run", "name = 'made'\n", {}), kind(), set()
    for seed in range(50):
        chance = random.Random(f"{kind.__name__} {seed}")
        steps, rows = journal(chance)
        stop = chance.randrange(len(rows) + 1)  # where a run is resumed
        run.journal.path.write_text("")
        for row in rows[:stop]:
            run.journal.append(row)
        watch = RunWatch(run, likelihood, steps, lambda _: None)
        watch.begin()
        for row in rows[stop:]:
            watch(row)
        assert said(watch) == plain(rows, likelihood, steps), (seed, steps)
        codes |= said(watch).keys()
    floor, source = likelihood.sigma_floor is not None, likelihood.sigma_from
    expected = {"collapsed"} | ({"sigma-floor"} if floor else set())
    assert codes == expected | ({"sigma-narrow", "sigma-wide"} if source and (floor or source != "given") else set())


class Counted:
    """A reading that counts how often it is looked at."""

    looked = 0

    def __init__(self, step):
        self._step = step

    @property
    def step(self):
        Counted.looked += 1
        return self._step

    @property
    def kind(self):
        Counted.looked += 1
        return "fits"


@pytest.mark.parametrize("rows", [100, 10_000])
def test_a_row_is_looked_at_a_few_times_however_long_the_run(rows):
    stretch, Counted.looked = Stretch(rows, 0.1, 3), 0
    for step in range(rows):
        stretch.add(Counted(step))
        assert stretch.all("fits")
    assert Counted.looked < 5 * rows
    assert len(stretch) == rows // 10
