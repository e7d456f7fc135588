"""A large picture in tiles is the picture at once."""

from contextlib import nullcontext

import pytest
import torch

from kelbo.bound import Batch
from kelbo.errors import ScoreError
from kelbo.evaluation import tiles as tiling
from kelbo.evaluation.tiles import decode_tiled, encode_tiled, reconstruct_tiled, tiles
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

SMALL = ("model.kind=spatial", "model.widths=[4,8]", "model.blocks=1", "model.groups=2", "model.latents=2")
LOCAL = ("model.norm=position", "model.attention=false")


def spatial(*more):
    recipe = change(find("digits"), [*SMALL, "likelihood.kind=laplace", *more])
    with seeded(0, "init"):
        model = build.model(recipe, Outline("noise", (1, 16, 16), 256)).eval()
    with torch.no_grad():
        for norm in model.modules():
            if hasattr(norm, "weight") and norm.weight.ndim == 1:  # at first all norms are alike
                norm.weight.mul_(torch.rand(norm.weight.shape, generator=torch.Generator().manual_seed(1)) + 0.5)
    return model


def smooth(height=96, width=80, count=1):
    """Waves of any phase, on a ground that brightens towards a side."""
    draw = torch.Generator().manual_seed(0)
    phases, slopes = (torch.rand(2, count, 1, 1, 1, generator=draw) for _ in range(2))
    rows, columns = torch.arange(height)[:, None] / 7.0, torch.arange(width) / 11.0
    ground = 0.4 + 0.05 * (slopes[0] - 0.5) * rows + 0.1 * (slopes[1] - 0.5) * columns
    return ground + 0.1 * torch.sin(rows + 6.3 * phases[0]) * torch.cos(columns + 6.3 * phases[1])


def picture(height=96, width=80):
    """And noise."""
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(0))
    return smooth(height, width) + 0.1 * (noise - 0.5)


@torch.no_grad()
def at_once(model, x):
    posterior = model.posterior(Batch(x))
    return posterior, model.mean(model.decode((posterior.mean,)))


def test_normalised_by_position_tiles_are_the_picture_at_once():
    model, x = spatial(*LOCAL), picture()
    posterior, made = at_once(model, x)
    found = encode_tiled(model, x, 12)
    torch.testing.assert_close(found.mean, posterior.mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(found.log_scale, posterior.log_scale, rtol=0, atol=1e-3)
    torch.testing.assert_close(decode_tiled(model, posterior.mean, 12), made, rtol=0, atol=1e-3)


def test_what_a_tile_sees_around_it_is_needed_and_no_more():
    model, x = spatial(*LOCAL), picture()
    posterior, made = at_once(model, x)
    reach = model.reach[1]
    exact, short = (decode_tiled(model, posterior.mean, 12, around) for around in (reach, 1))
    assert float((exact - made).abs().max()) < 1e-5 < float((short - made).abs().max())


def seams(made, places):
    """The 99th percentile of differences between neighbouring columns, at these places and at all others where latents meet."""
    change = (made[..., 1:] - made[..., :-1]).abs()
    others = sorted({*range(2, made.shape[-1], 2)} - {*places})
    return (float(change[..., [place - 1 for place in some]].flatten().quantile(0.99)) for some in (places, others))


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["true", "false"])
def test_with_group_normalisation_a_seam_is_no_steeper_than_the_inside_of_a_tile(attention):
    model, x = spatial(f"model.attention={attention}"), smooth(count=16)
    made = reconstruct_tiled(model, x, 12)
    at, elsewhere = seams(made, [24, 48, 72])
    assert at <= elsewhere
    assert all(norm.given is None for norm in model.modules() if hasattr(norm, "given"))


def test_given_the_same_statistics_tiles_are_one_pass():
    model, z = spatial("model.attention=false"), torch.randn(2, 2, 30, 20, generator=torch.Generator().manual_seed(0))

    def decoded(part):
        return model.mean(model.decode((part,)))

    found = decode_tiled(model, z, 8)
    with torch.no_grad(), tiling._given_statistics(model, decoded, z, 8 + 2 * model.reach[1], 1):
        torch.testing.assert_close(found, decoded(z), rtol=0, atol=1e-4)


def test_tiles_that_each_had_statistics_of_their_own_and_saw_little_around_would_show_seams(monkeypatch):
    model = spatial("model.attention=false")
    monkeypatch.setattr("kelbo.evaluation.tiles._given_statistics", lambda *_: nullcontext())
    at, elsewhere = seams(reconstruct_tiled(model, smooth(count=8), 12, 2), [24, 48, 72])
    assert at > 1.2 * elsewhere


def test_tiles_cover_a_side_once_unless_they_are_blended():
    assert [tile.own for tile in tiles(10, 4, 3)] == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert [tile.seen for tile in tiles(10, 4, 3)] == [slice(0, 7), slice(1, 10), slice(5, 10)]
    assert [tile.own for tile in tiles(8, 4, 2, 1)] == [slice(0, 5), slice(3, 8)]


def test_a_picture_of_one_tile_and_a_side_that_does_not_divide():
    model = spatial(*LOCAL)
    x = picture(16, 12)
    torch.testing.assert_close(reconstruct_tiled(model, x, 100), at_once(model, x)[1])
    with pytest.raises(ScoreError, match="multiples of 2"):
        encode_tiled(model, picture(15, 12), 8)
    with pytest.raises(ScoreError, match="at least one"):
        encode_tiled(model, x, 0)


def test_a_model_with_a_flat_vector_of_latents_has_no_tiles():
    model = build.model(find("digits"), Outline("noise", (1, 8, 8), 17))
    with pytest.raises(ScoreError, match="layout"):
        encode_tiled(model, picture(), 8)
