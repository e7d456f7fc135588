"""diffusers' AutoencoderKL with a calibrated decoder, on images in [-1, 1].

Trains a small one with the pixel loss of diffusers' training script, summed squared error + 1e-6 · KL, and with the ELBO of a
decoder that finds its own σ, on digits (pip install diffusers), and measures both on the tenth that neither has seen.
"""

import argparse
import math

import torch
from diffusers import AutoencoderKL
from sklearn.datasets import load_digits
from torch.nn import functional as F

from kelbo.likelihoods import OptimalGaussian

KL_SCALE = 1e-6


def autoencoder():
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=2,
        mid_block_add_attention=False,
    )


def train(vae, likelihood, images, epochs):
    """With diffusers' loss where there is no likelihood."""
    learned = [] if likelihood is None else likelihood.parameters()  # σ, where it is learned and not solved for
    optimizer = torch.optim.AdamW([{"params": vae.parameters()}, {"params": learned, "weight_decay": 0.0}], lr=2e-3)
    for _ in range(epochs):
        for x in images[torch.randperm(len(images))].split(64):
            posterior = vae.encode(x).latent_dist
            decoded = vae.decode(posterior.sample()).sample
            if likelihood is None:
                loss = (F.mse_loss(decoded, x, reduction="sum") + KL_SCALE * posterior.kl().sum()) / len(x)
            else:
                loss = (posterior.kl() - likelihood.log_prob(x, decoded)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def measure(vae, likelihood, seen, unseen):
    """Per unseen image, told in intensities in [0, 1]: lengths there are half as long, a density is 2 to the D as high."""
    vae.eval()
    if likelihood is None:  # the σ that fits the errors on seen images speaks for it
        likelihood = OptimalGaussian(data_range=2.0)
        likelihood.log_prob(seen, vae.decode(vae.encode(seen).latent_dist.sample()).sample)
        beta = KL_SCALE / 2  # beside half the summed squared error
    else:
        beta = float(likelihood.variance(unseen).mean())
    likelihood.eval()  # it is no part of the model here, so model.eval() does not reach it
    posterior = vae.encode(unseen).latent_dist
    decoded = vae.decode(posterior.sample()).sample
    nats = likelihood.log_prob(unseen, decoded) - posterior.kl() + unseen[0].numel() * math.log(2.0)
    return {
        "ELBO": float(nats.mean()),
        "σ": float(likelihood.variance(decoded).mean().sqrt()) / 2,
        "RMSE": float((unseen - decoded).square().mean().sqrt()) / 2,
        "equivalent β": beta / 4,
    }


def load():
    images = torch.as_tensor(load_digits().images / 8 - 1, dtype=torch.float32).unsqueeze(1)
    return images.tensor_split([len(images) * 9 // 10])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    epochs = parser.parse_args().epochs
    seen, unseen = load()
    calibrated = OptimalGaussian(momentum=0.9, data_range=2.0)  # on [-1, 1] the least σ is twice that on [0, 1]
    for name, likelihood in {"diffusers' loss": None, "one σ, solved for": calibrated}.items():
        torch.manual_seed(0)
        vae = autoencoder()
        train(vae, likelihood, seen, epochs)
        measured = measure(vae, likelihood, seen, unseen)
        print(f"{name:18}", ", ".join(f"{quantity} {value:.4g}" for quantity, value in measured.items()))
