"""The study's own measures and derived quantities, against closed forms."""

import math

import numpy as np
import pytest
from tests.studies.invented import arm, lane, numbers

from kelbo.studies.vae_gan.derived import DERIVED
from kelbo.studies.vae_gan.measures import high_energy, steps_watched


@pytest.mark.parametrize(("frequency", "share"), [(0, 0.0), (1, 0.0), (2, 1.0), (7, 1.0)])
def test_high_frequencies_are_those_above_a_quarter_of_the_highest(frequency, share):
    cosine = np.cos(math.pi * (np.arange(8) + 0.5) * frequency / 8) * np.ones((3, 8, 1))
    energy = np.square(cosine).sum()
    np.testing.assert_allclose(
        high_energy([np.stack([cosine, 2 * cosine])]), [share * energy, 4 * share * energy], atol=1e-9
    )


def test_steps_that_are_looked_at_double_up_to_the_last():
    assert steps_watched(2_000) == [15, 31, 62, 125, 250, 500, 1_000, 2_000]
    assert steps_watched(3) == [1, 3]


def derived(measured=None, **courses):
    """What a lane of 100 steps has."""
    kept = {name.replace("__", "/"): rows for name, rows in courses.items()}
    frame = numbers(arm("vaegan", lane(0, measured or {}, courses=kept)), derived=DERIVED).frame
    return dict(zip(frame.quantity, frame.value, strict=True))


def test_a_discriminators_late_cost_is_the_smaller_one_of_the_last_quarter():
    rows = {"journal.discriminator__real": [[50, 9.0], [80, 0.4], [100, 0.6]]}
    rows["journal.discriminator__fake"] = [[50, 9.0], [80, 0.1], [100, 0.3]]
    assert derived(**rows)["cost-late"] == pytest.approx(0.2)


def test_rows_count_the_steps_that_were_skipped():
    assert derived(journal__skipped__decoder=[]) == {}
    assert derived(**{"journal.skipped__decoder": [[50, 10], [100, 15]]})["share.skipped/decoder"] == 0.25


def test_half_and_twice_the_energy_are_as_far_off():
    half, twice = derived({"sharp.sample": 0.5})["off.sample"], derived({"sharp.sample": 2.0})["off.sample"]
    assert half == pytest.approx(twice) == pytest.approx(math.log(2))


def test_every_derived_quantity_is_absent_without_measurements():
    assert derived() == {}
