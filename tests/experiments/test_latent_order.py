"""Latents are shown by the factor that moves them; without factors by their rate."""

from types import SimpleNamespace

from kelbo.experiments.latent_order import factor_of, ordered
from kelbo.experiments.moved_latents import measure_shares

SHARES = {
    "factors": ["hue", "shape"],
    "shares": [[0.1, 0.6], [0.001, 0.002], [0.7, 0.1], [0.2, 0.9]],
    "active": [True, False, True, True],
}


def test_active_latents_come_by_factor_and_share_and_idle_ones_last():
    assert ordered([0, 1, 2, 3], SHARES) == [2, 3, 0, 1]
    assert ordered([1, 3], SHARES) == [3, 1]


def test_only_active_latents_have_a_factor():
    assert {k: (one.factor, one.share) for k, one in factor_of(SHARES).items()} == {
        0: ("shape", 0.6),
        2: ("hue", 0.7),
        3: ("shape", 0.9),
    }


def test_a_latent_that_factors_move_only_together_comes_last():
    shares = SHARES | {"shares": [[0.1, 0.09], [0, 0], [0.7, 0.1], [0.05, 0.09]]}
    assert ordered([3, 0, 2], shares) == [2, 0, 3]
    assert 3 not in factor_of(shares)


def test_without_factors_the_order_stays():
    assert ordered([2, 0, 1], None) == [2, 0, 1]
    assert factor_of(None) == {}


def test_without_an_active_latent_the_order_stays():
    assert ordered([3, 1], SHARES | {"active": [False] * 4}) == [3, 1]


def test_images_without_factors_have_no_shares():
    assert measure_shares(SimpleNamespace(data=SimpleNamespace(whole=None))) is None
