import pytest
import torch

from kelbo.bound import Batch
from kelbo.likelihoods import Bernoulli, FixedGaussian, OptimalGaussian
from kelbo.models import VAE, Autoencoder
from kelbo.networks import HigginsDecoder, HigginsEncoder
from kelbo.seeds import seeded

SHAPE, LATENTS = (1, 8, 8), 3


def model(kind=VAE, likelihood=None):
    likelihood = likelihood or FixedGaussian()
    torch.manual_seed(0)
    channels = likelihood.output_channels(SHAPE[0])
    return kind(
        HigginsEncoder(SHAPE, LATENTS, 16), HigginsDecoder(SHAPE, LATENTS, channels, 16), likelihood, SHAPE, LATENTS
    )


def images(count=5):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_the_bound_is_reported_per_example_and_never_reduced():
    bound = model()(Batch(images()))
    assert bound.rate.shape == (5, 1)
    assert bound.distortion.shape == (5,)
    torch.testing.assert_close(bound.elbo, -(bound.distortion + bound.rate[:, 0]))


def test_one_examples_bound_does_not_depend_on_the_others():
    vae, x = model(), images()
    with seeded(3, "latents"):
        together = vae(Batch(x))
    with seeded(3, "latents"):
        alone = vae(Batch(x[:1]))
    torch.testing.assert_close(together.rate[:1], alone.rate)
    torch.testing.assert_close(together.distortion[:1], alone.distortion)


def test_per_latent_rates_sum_to_the_rate():
    vae, x = model(), images()
    torch.testing.assert_close(vae.read(Batch(x)).rates.sum(1), vae(Batch(x)).rate[:, 0])


def test_networks_may_run_in_bfloat16_but_the_bound_is_float32():
    vae, x = model(), images()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        bound = vae(Batch(x))
    assert bound.rate.dtype == bound.distortion.dtype == torch.float32


def test_likelihood_and_kl_lose_nothing_to_autocast():
    """Given the same networks' outputs, the bound under autocast is the bound without it, to float32 precision."""
    vae, x = model(), images()
    parameters = torch.randn(5, 2 * LATENTS)
    vae.encoder = torch.nn.Identity()
    vae.decode = lambda latents, _: latents[0].sum(1)[:, None, None, None].expand(5, *SHAPE)
    with seeded(3, "latents"):
        plain = vae(Batch(parameters), x)
    with seeded(3, "latents"), torch.autocast("cpu", dtype=torch.bfloat16):
        cast = vae(Batch(parameters), x)
    assert torch.equal(plain.rate, cast.rate)
    assert torch.equal(plain.distortion, cast.distortion)


def test_the_target_is_what_is_scored_and_x_what_is_encoded():
    vae, x = model(), images()
    other = torch.rand_like(x)
    with seeded(3, "latents"):
        plain = vae(Batch(x))
    with seeded(3, "latents"):
        targeted = vae(Batch(x), other)
    assert torch.equal(plain.rate, targeted.rate)
    assert not torch.equal(plain.distortion, targeted.distortion)


def test_log_weights_average_to_the_elbo():
    """E log w = E log p(x|z) - KL: the closed-form KL and the sampled one agree."""
    vae, x = model(), images(2)
    with vae.evaluating():
        weights = vae.log_weights(Batch(x), 1000).double()
        bounds = torch.stack([vae(Batch(x)).elbo for _ in range(500)], 1).double()
    error = (weights.var(1) / 1000 + bounds.var(1) / 500).sqrt()
    assert ((weights.mean(1) - bounds.mean(1)).abs() < 5 * error).all()


def test_prior_samples_decode_to_images():
    vae = model(likelihood=Bernoulli())
    output = vae.decode(vae.sample(4))
    assert vae.likelihood.mean(output).shape == (4, *SHAPE)


def test_an_autoencoder_draws_nothing_and_has_no_rate():
    ae, x = model(Autoencoder), images()
    assert not ae.has_rate
    first, second = ae(Batch(x)), ae(Batch(x))
    assert torch.equal(first.distortion, second.distortion)
    assert (first.rate == 0).all()


def test_an_autoencoder_of_unit_variance_minimises_the_squared_error():
    ae, x = model(Autoencoder), images()
    error = (x - ae.read(Batch(x)).output).square().sum((1, 2, 3))
    constant = 0.5 * 64 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(ae(Batch(x)).distortion, 0.5 * error + constant)


def test_evaluating_restores_the_mode_and_the_gradients():
    vae = model(likelihood=OptimalGaussian())
    with vae.evaluating():
        assert not vae.training
        assert not torch.is_grad_enabled()
    assert vae.training
    assert torch.is_grad_enabled()


def test_evaluating_restores_the_mode_after_an_error_too():
    vae = model()
    with pytest.raises(RuntimeError), vae.evaluating():
        raise RuntimeError
    assert vae.training
