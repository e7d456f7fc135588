"""A calibrated decoder in a LightningModule: a σ-VAE beside the same VAE with half the summed squared error as its loss.

Trains both on scikit-learn's digits or the images of an .npy file ((N, …), uint8 or numbers in [0, 1]), and measures them on
the tenth of the images that neither has seen. Needs `pip install lightning`.
"""

import argparse

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

from kelbo.likelihoods import FixedGaussian, OptimalGaussian

DECODERS = {"half the squared error": FixedGaussian, "one σ, solved for": OptimalGaussian}


class VAE(LightningModule):
    def __init__(self, pixels, likelihood, latents=20):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, 400), nn.ReLU(), nn.Linear(400, 2 * latents))
        self.decoder = nn.Sequential(nn.Linear(latents, 400), nn.ReLU(), nn.Linear(400, pixels), nn.Sigmoid())
        self.likelihood = likelihood  # as a part of the model, σ is moved, saved and frozen with it

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        decoded = self.decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
        distortion = -self.likelihood.log_prob(x, decoded)
        return decoded, distortion + 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)

    def training_step(self, x, _):
        return self(x)[1].mean()

    def validation_step(self, x, _):
        # Lightning validates a little before it trains, when no training image has been seen that σ could be solved from
        if self.trainer.sanity_checking:
            return
        decoded, loss = self(x)
        self.log("ELBO", -loss.mean())
        self.log("σ", self.likelihood.variance(decoded).mean().sqrt())
        self.log("RMSE", (self.likelihood.mean(decoded) - x).square().mean().sqrt())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def load(path):
    images = np.load(path) if path else load_digits().images / 16
    scale = 255 if images.dtype == np.uint8 else 1
    images = torch.as_tensor(images.reshape(len(images), -1) / scale, dtype=torch.float32)
    return images.tensor_split([len(images) * 9 // 10])


def train(likelihood, seen, unseen, epochs, **settings):
    """A trained model, and what validation measures of it at the end."""
    torch.manual_seed(0)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(max_epochs=epochs, **quiet | settings)
    model = VAE(seen.shape[1], likelihood)
    loaders = DataLoader(seen, batch_size=128, shuffle=True), DataLoader(unseen, batch_size=len(unseen))
    trainer.fit(model, *loaders)
    return model, trainer.validate(model, loaders[1], verbose=False)[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="?", help=".npy file; scikit-learn's digits by default")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    seen, unseen = load(arguments.images)
    for name, make in DECODERS.items():
        _, measured = train(make(), seen, unseen, arguments.epochs)
        measured["equivalent β"] = measured["σ"] ** 2
        print(f"{name:23}", ", ".join(f"{quantity} {value:.4g}" for quantity, value in measured.items()))
