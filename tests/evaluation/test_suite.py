"""Numbers of the evaluation against the same numbers computed plainly."""

import json
import math

import numpy as np
import pytest
import torch

from kelbo.bound import Batch
from kelbo.data.images import ArrayImages
from kelbo.errors import UnitError
from kelbo.evaluation import encode, evaluate, interpolate, per_example, reconstruct, sample, traverse
from kelbo.likelihoods import Bernoulli, Categorical, FixedGaussian, OptimalGaussian
from kelbo.metrics import SSIM_DEFINITION, ssim
from kelbo.models import VAE
from kelbo.networks import HigginsDecoder, HigginsEncoder
from kelbo.units import intensities

SHAPE, LATENTS, COUNT = (1, 12, 12), 4, 23


def model(likelihood, shape=SHAPE):
    torch.manual_seed(0)
    channels = likelihood.output_channels(shape[0])
    return VAE(
        HigginsEncoder(shape, LATENTS, 16), HigginsDecoder(shape, LATENTS, channels, 16), likelihood, shape, LATENTS
    )


def images(levels=256, shape=SHAPE):
    pixels = np.random.default_rng(0).integers(0, levels, size=(COUNT, *shape), dtype=np.uint8)
    return ArrayImages(pixels, levels)


def test_the_last_short_batch_counts_like_every_other():
    vae, data = model(FixedGaussian()), images()
    x = intensities(data.spread(COUNT))
    record = evaluate(vae, data, batch_size=10)
    rates = vae.read(Batch(x)).rates.sum(1).detach()
    assert record["rate"]["mean"] == pytest.approx(float(rates.mean()), rel=1e-5)
    spread = float(rates.std() / COUNT**0.5)
    assert record["rate"]["standard_error"] == pytest.approx(spread, rel=1e-4)
    assert record["settings"]["images"] == COUNT


def test_per_latent_rates_sum_to_the_rate():
    record = evaluate(model(FixedGaussian()), images())
    assert sum(record["latents"]["rate_per_latent"]) == pytest.approx(record["rate"]["mean"], rel=1e-5)


def entries(record):
    """Every dictionary within a record."""
    yield record
    for value in record.values():
        if isinstance(value, dict):
            yield from entries(value)


def test_an_error_that_does_not_exist_is_null_and_not_zero():
    vae, one = model(Categorical(256)), ArrayImages(images().spread(1).numpy())
    record = json.loads(json.dumps(evaluate(vae, one, samples=2), allow_nan=False))
    errors = [entry["standard_error"] for entry in entries(record) if "standard_error" in entry]
    assert errors == [None] * 6  # ELBO, rate, distortion, importance-weighted bound, PSNR, SSIM
    assert record["bits_per_dim"] == pytest.approx(-record["elbo"]["mean"] / (144 * math.log(2)))
    assert (record["latents"]["active_units"], record["latents"]["active"]) == (None, None)
    two = evaluate(vae, ArrayImages(images().spread(2).numpy()))
    assert all(entry["standard_error"] > 0 for entry in entries(two) if "standard_error" in entry)


def test_the_psnr_of_an_exact_reconstruction_is_not_cut_to_a_number():
    vae = model(FixedGaussian())
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.zero_()
    black = ArrayImages(np.zeros((3, *SHAPE), np.uint8))
    made = evaluate(vae, black)["reconstruction"]
    assert made["psnr"] is None
    assert made["psnr_reason"].startswith("3 images are reconstructed exactly")
    assert made["ssim"]["mean"] == 1


def test_a_mass_over_the_datas_own_levels_has_bits_per_dim():
    record = evaluate(model(Categorical(17)), images(levels=17))
    assert record["bits_per_dim"] == pytest.approx(-record["elbo"]["mean"] / (144 * math.log(2)))
    # an untrained softmax over 17 levels costs about log2(17) bits
    assert record["bits_per_dim"] == pytest.approx(math.log2(17), rel=0.02)


@pytest.mark.parametrize(
    ("likelihood", "levels", "reason"),
    [
        (FixedGaussian(), 256, "FixedGaussian is a density"),
        (Bernoulli(), 256, "Bernoulli is a mass over 2 "),
        (Categorical(32), 256, "Categorical is a mass over 32 "),
    ],
)
def test_bits_per_dim_are_refused_with_the_reason(likelihood, levels, reason):
    record = evaluate(model(likelihood), images(levels))
    assert record["bits_per_dim"] is None
    assert record["bits_per_dim_reason"].startswith(reason)


def test_binary_images_have_bits_under_a_bernoulli():
    record = evaluate(model(Bernoulli()), images(levels=2))
    assert record["bits_per_dim"] == pytest.approx(1.0, abs=0.05)  # an untrained coin


def test_dequantising_scores_the_scale_of_the_levels():
    """A Gaussian so wide that it is flat costs ln(256·σ√(2π)) a dimension on the 0–256 scale, nearly whatever the noise."""
    sigma = 30.0
    record = evaluate(model(FixedGaussian(sigma)), images(), dequantized=True)
    per_dim = math.log(255 * sigma * math.sqrt(2 * math.pi))
    assert record["distortion"]["mean"] == pytest.approx(144 * per_dim, rel=1e-4)
    assert record["distortion"]["unit"] == "nats per image, density on the 0–256 scale"


def test_a_mass_is_not_dequantised():
    with pytest.raises(UnitError, match="Categorical"):
        evaluate(model(Categorical(256)), images(), dequantized=True)


def test_a_sigma_fitted_to_the_evaluated_images_is_called_no_bound():
    likelihood = OptimalGaussian(as_published=True)
    vae, data = model(likelihood), images()
    vae(Batch(data.spread(COUNT)).as_intensities(256))  # one training batch
    record = evaluate(vae, data)
    assert record["decoder"]["normalized"] is False
    assert "no bound" in record["elbo"]["unit"]
    assert "fits its σ to the very images" in record["bits_per_dim_reason"]


def test_ssim_is_left_out_with_its_reason_where_images_are_too_small():
    shape = (1, 8, 8)
    record = evaluate(model(FixedGaussian(), shape), images(shape=shape))["reconstruction"]
    assert record["ssim"] is None
    assert "11×11" in record["ssim_reason"]


def test_a_record_names_the_definition_of_its_ssim_and_has_that_of_the_reconstruction():
    vae, data = model(FixedGaussian()), images()
    x = intensities(data.spread(COUNT))
    entry = evaluate(vae, data)["reconstruction"]["ssim"]
    assert entry["definition"] == SSIM_DEFINITION
    assert entry["mean"] == pytest.approx(ssim(x.numpy(), reconstruct(vae, Batch(x))).mean(), rel=1e-6)


def test_psnr_is_that_of_the_reconstruction_from_the_posteriors_mean():
    vae, data = model(FixedGaussian()), images()
    x = intensities(data.spread(COUNT))
    error = np.square(x.numpy() - reconstruct(vae, Batch(x))).mean((1, 2, 3))
    assert evaluate(vae, data)["reconstruction"]["psnr"]["mean"] == pytest.approx(
        (-10 * np.log10(error)).mean(), rel=1e-5
    )


def test_evaluating_leaves_the_generators_and_the_model_as_they_were():
    vae = model(OptimalGaussian())
    vae(Batch(images().spread(COUNT)).as_intensities(256))
    before, generator = {k: v.clone() for k, v in vae.state_dict().items()}, torch.get_rng_state()
    evaluate(vae, images(), samples=2)
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    assert vae.training


def test_samples_with_noise_differ_from_the_decoders_mean_by_its_sigma():
    vae = model(FixedGaussian(0.1))
    mean, noisy = sample(vae, 50), sample(vae, 50, noise=True)
    assert (noisy - mean).std() == pytest.approx(0.1, rel=0.05)


def test_a_traversal_moves_one_latent_and_passes_through_the_reconstruction():
    vae, data = model(FixedGaussian()), images()
    x = intensities(data.spread(1))
    centre = float(vae.posterior(Batch(x)).mean[0, 2].detach())
    rows = traverse(vae, Batch(x), latents=[2, 0], values=[-2.0, centre, 2.0])
    assert rows.shape == (2, 3, *SHAPE)
    np.testing.assert_allclose(rows[0, 1], reconstruct(vae, Batch(x))[0], atol=1e-5)
    assert np.abs(rows[0, 0] - rows[0, 2]).max() > 1e-3


def test_an_interpolation_begins_and_ends_with_the_two_reconstructions():
    vae = model(FixedGaussian())
    x = intensities(images().spread(2))
    line = interpolate(vae, Batch(x[:1]), Batch(x[1:]), steps=5)
    assert line.shape == (5, *SHAPE)
    np.testing.assert_allclose(line[[0, -1]], reconstruct(vae, Batch(x)), atol=1e-5)


def test_codes_are_those_of_the_images_in_their_order():
    vae, data = model(FixedGaussian()), images()
    means, scales = encode(vae, data, batch_size=7)
    posterior = vae.posterior(Batch(data.spread(COUNT)).as_intensities(256))
    np.testing.assert_allclose(means, posterior.mean.detach(), atol=1e-6)
    np.testing.assert_allclose(scales, posterior.scale.detach(), atol=1e-6)


def test_each_batch_is_told_with_its_number_of_images():
    told = []
    evaluate(model(FixedGaussian()), images(), batch_size=10, advance=told.append)
    assert told == [10, 10, 3]


def test_the_noise_of_an_image_depends_on_its_batch_and_not_on_those_before():
    vae, data = model(FixedGaussian()), images()
    how = {"batch_size": 10, "samples": 2, "dequantized": True, "seed": 3}
    whole = per_example(vae, data, **how)
    first = per_example(vae, ArrayImages(data.pixels[:10]), **how)
    np.testing.assert_array_equal(whole.distortion[:10], first.distortion)
    np.testing.assert_array_equal(whole.log_weights[:10], first.log_weights)
    assert np.abs(whole.log_weights[0] - whole.log_weights[10]).max() > 0
