"""A pythae VAE with a calibrated decoder: one method of its model, its own trainer, folders and loading.

Trains pythae's VAE and two σ-VAEs on scikit-learn's digits (pip install pythae), loads what its trainer saved, and measures
all on the tenth of the images that none has seen.
"""

import argparse
import math
import tempfile
from pathlib import Path

import torch
from pythae.data.datasets import DatasetOutput
from pythae.models import VAE, VAEConfig
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from sklearn.datasets import load_digits

from kelbo.likelihoods import OptimalGaussian, SharedGaussian


class SigmaVAE(VAE):
    """pythae's VAE, except for its reconstruction term."""

    def __init__(self, model_config, encoder=None, decoder=None):
        super().__init__(model_config, encoder, decoder)
        self.likelihood = OptimalGaussian(momentum=0.9)  # a part of the model: trained, saved, loaded, frozen with it

    def loss_function(self, recon_x, x, mu, log_var, z):
        # recon_loss = 0.5 * F.mse_loss(recon_x.reshape(len(x), -1), x.reshape(len(x), -1), reduction="none").sum(-1)
        recon_loss = -self.likelihood.log_prob(x, recon_x)
        rate = 0.5 * (mu.pow(2) + log_var.exp() - 1 - log_var).sum(1)
        return (recon_loss + rate).mean(), recon_loss.mean(), rate.mean()


class SharedSigmaVAE(SigmaVAE):
    """Its σ is a parameter, which pythae's optimiser trains as it does any other."""

    def __init__(self, model_config, encoder=None, decoder=None):
        super().__init__(model_config, encoder, decoder)
        self.likelihood = SharedGaussian(initial_log_sigma=-1.5)


def train(family, seen, epochs, folder):
    """Train with pythae's trainer and load what it left."""
    config = BaseTrainerConfig(
        output_dir=str(folder), num_epochs=epochs, learning_rate=1e-3, per_device_train_batch_size=128, no_cuda=True
    )
    model = family(VAEConfig(input_dim=tuple(seen.shape[1:]), latent_dim=10))
    TrainingPipeline(model=model, training_config=config)(seen)
    return family.load_from_folder(str(next(Path(folder).glob("*/final_model")))).eval()


@torch.no_grad()
def measure(model, images):
    """Means over images. Half the summed squared error, pythae's term, is a Gaussian of σ = 1 without its constant."""
    output = model(DatasetOutput(data=images))
    sigma, constant = 1.0, 0.5 * images[0].numel() * math.log(2 * math.pi)
    if isinstance(model, SigmaVAE):
        sigma, constant = float(model.likelihood.variance(output.recon_x).mean().sqrt()), 0.0
    error = (images - output.recon_x).square().mean().sqrt()
    return {"ELBO": -float(output.loss) - constant, "σ": sigma, "RMSE": float(error), "equivalent β": sigma**2}


def load():
    images = torch.as_tensor(load_digits().images / 16, dtype=torch.float32).unsqueeze(1)
    return images.tensor_split([len(images) * 9 // 10])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    seen, unseen = load()
    for family in (VAE, SigmaVAE, SharedSigmaVAE):
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            measured = measure(train(family, seen, epochs, folder), unseen)
        print(f"{family.__name__:14}", ", ".join(f"{quantity} {value:.4g}" for quantity, value in measured.items()))
