import pytest
import torch
from torch import nn

from kelbo.bound import Batch
from kelbo.data.images import ArrayImages
from kelbo.errors import RecipeError, ScoreError
from kelbo.evaluation import encode_groups, interpolate_groups, reconstruct, sample
from kelbo.evaluation.samples import LatentPoint
from kelbo.models import VAE
from kelbo.models.spatial import LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE
from kelbo.protocols import flat
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

SMALL = ("model.kind=spatial", "model.widths=[4,8]", "model.blocks=1", "model.groups=4", "model.latents=2")


def spatial(*more, shape=(1, 8, 12)):
    recipe = change(find("digits"), [*SMALL, "likelihood.kind=laplace", *more])
    with seeded(0, "init"):
        return build.model(recipe, Outline("noise", shape, 256))


def pictures(count=3, height=8, width=12):
    return Batch(torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(0)))


def test_the_bound_is_that_of_a_vae_with_the_same_networks_and_one_flat_vector():
    model = spatial()

    class Decoder(nn.Module):
        def forward(self, z):
            return model.decoder(z.unflatten(1, (2, 4, 6)))

    twin = VAE(nn.Sequential(model.encoder, nn.Flatten()), Decoder(), model.likelihood, (1, 8, 12), 48)
    with torch.no_grad():
        ours, theirs = (m.read(pictures(), draw=False).bound for m in (model, twin))
    torch.testing.assert_close(ours.rate, theirs.rate)
    torch.testing.assert_close(ours.distortion, theirs.distortion)


def test_log_variances_are_clamped_as_released_so_that_the_rate_stays_finite():
    model = spatial()
    for bias, bound in ((-1e4, LEAST_LOG_VARIANCE), (1e4, MOST_LOG_VARIANCE)):
        nn.init.constant_(model.encoder.quant_conv.bias, bias)
        with torch.no_grad():
            posterior = model.posterior(pictures())
        assert posterior.log_scale.unique().tolist() == [0.5 * bound]
        assert posterior.kl(model.prior_after((), 3)).isfinite().all()


def test_pictures_of_another_size_are_read_and_reconstructed():
    made = reconstruct(spatial(), pictures(2, 16, 4))
    assert made.shape == (2, 1, 16, 4)


def test_what_needs_no_flat_vector_works_on_spatial_latents():
    model = spatial()
    first, last = (Batch(pictures().x[i : i + 1]) for i in (0, 1))
    between = interpolate_groups(model, first, last, 3, 1)
    assert between.shape == (3, 1, 8, 12)
    assert (abs(between[0] - reconstruct(model, first)[0]) < 1e-5).all()
    assert sample(model, 2).shape == (2, 1, 8, 12)
    point = LatentPoint(model.sample(1))
    assert interpolate_groups(model, point, last, 2, 1).shape == (2, 1, 8, 12)


def test_what_needs_a_flat_vector_is_refused_in_words():
    with pytest.raises(ScoreError, match=r"one vector of latents; SpatialVAE has latents of 2×4×6"):
        flat(spatial())


@pytest.mark.parametrize(
    ("settings", "shape", "field"),
    [
        (["model.widths=[4,8,8]"], (1, 8, 10), "model.widths"),
        (["model.groups=3"], (1, 8, 8), "model.groups"),
        ([], (4,), "model.kind"),
    ],
)
def test_a_recipe_that_the_pictures_do_not_allow_is_refused_with_the_setting_named(settings, shape, field):
    with pytest.raises(RecipeError, match=rf"{field}\b"):
        spatial(*settings, shape=shape)


def test_codes_of_a_split_keep_their_layout():
    pixels = torch.randint(256, (5, 1, 8, 12), dtype=torch.uint8)
    ((means, scales),) = encode_groups(spatial(), ArrayImages(pixels), 1, batch_size=2)
    assert means.shape == scales.shape == (5, 2, 4, 6)
