"""The study's own measures and derived quantities, against closed forms."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from tests.studies.invented import arm, lane, numbers

from kelbo.bound import Bound, Reading
from kelbo.data.images import ArrayImages
from kelbo.studies.mind_your_bits.derived import DERIVED
from kelbo.studies.mind_your_bits.measures import at_draws, final_error
from kelbo.studies.mind_your_bits.study import STUDY

STEPS = list(range(10, 101, 10))


class Wrong:
    """A model whose reconstructions are off by a given picture (H, W)."""

    device = torch.device("cpu")

    def __init__(self, error):
        self.error = error

    def evaluating(self):
        return nullcontext()

    def read(self, batch):
        rate = torch.full((len(batch.x), 2), 1.5)
        return Reading(Bound(rate, torch.zeros(len(batch.x))), (), batch.x - self.error)

    def mean(self, output):
        return output


@pytest.mark.parametrize(("frequency", "share"), [(0, 1.0), (1, 1.0), (2, 0.0), (7, 0.0)])
def test_low_frequencies_share_of_an_error_is_that_of_its_cosines(frequency, share):
    cosine = torch.cos(math.pi * (torch.arange(8) + 0.5) * frequency / 8).expand(8, 8)
    found = at_draws(Wrong(0.8 * cosine / cosine.norm()), ArrayImages(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), 256))
    assert found["low_share"] == pytest.approx(share, abs=1e-6)
    assert found["squared_error"]["mean"] == pytest.approx(0.64, rel=1e-5)
    assert found["rate"]["mean"] == 3.0


def test_the_error_of_a_learned_sigma_is_that_of_its_nats():
    dims, sigma, error = 64, 0.2, 3.5
    nats = dims / 2 * math.log(2 * math.pi * sigma**2) + error / (2 * sigma**2)
    rows = [{"distortion": nats, "sigma": sigma}] * 3
    run = SimpleNamespace(provenance=lambda: {"data": {"shape": [1, 8, 8]}}, journal=SimpleNamespace(rows=lambda: rows))
    assert final_error(run) == "3.5"


def derived(**courses):
    """What a lane of 100 steps at the target 2 has."""
    kept = {f"journal.{name}": list(map(list, zip(STEPS, values, strict=True))) for name, values in courses.items()}
    model = lane(0, {"bound.elbo": -5.0}, {"objective.target": 2.0}, courses=kept)
    frame = numbers(arm("single", model), derived=DERIVED).frame
    return dict(zip(frame.quantity, frame.value, strict=True))


def test_an_error_has_settled_once_it_stays_at_the_target():
    assert derived(squared_error=[9, 2, 1, 1, 1.9, 2, 2.1, 2, 2, 2])["settled"] == 0.5
    assert derived(squared_error=[9, 2, 1, 1, 1.9, 2, 2.1, 2, 2, 3])["settled"] == 1.0


def test_gradients_are_as_rough_as_their_largest_is_over_their_median_in_the_second_half():
    assert derived(gradient_norm=[100, 1, 1, 1, 1, 2, 2, 12, 2, 2])["roughness"] == 6.0


def test_a_bound_is_a_loss_in_nats():
    assert derived()["loss"] == 5.0


def test_every_derived_quantity_is_absent_without_measurements():
    assert not any(math.isnan(value) for value in derived().values())
    assert STUDY.derived == DERIVED
