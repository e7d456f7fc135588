"""The VAE of PyTorch's examples with a calibrated decoder: each line that changed stands under the one it replaces.

Trains it with their loss and with three others, on scikit-learn's digits or the images of an .npy file ((N, …), uint8 or
numbers in [0, 1]), and measures all on the tenth of the images that none has seen.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.nn import functional as F

from kelbo.likelihoods import Bernoulli, OptimalGaussian, PerPixelGaussian, SharedGaussian

DECODERS = {
    "cross-entropy": Bernoulli,  # their loss, taking logits
    "one σ, solved for": lambda: OptimalGaussian(mean_activation="sigmoid"),
    "one σ, learned": lambda: SharedGaussian(initial_log_sigma=-1.5, mean_activation="sigmoid"),
    "σ of each pixel": lambda: PerPixelGaussian(mean_activation="sigmoid"),
}


class VAE(nn.Module):
    def __init__(self, pixels, likelihood):
        super().__init__()
        self.fc1 = nn.Linear(pixels, 400)
        self.fc2 = nn.Linear(400, 2 * 20)
        self.fc3 = nn.Linear(20, 400)
        # self.fc4 = nn.Linear(400, pixels)
        self.fc4 = nn.Linear(400, likelihood.output_channels(pixels))
        self.likelihood = likelihood  # as a part of the model, σ is trained, moved, saved and frozen with it

    def forward(self, x):
        mu, logvar = self.fc2(F.relu(self.fc1(x))).chunk(2, dim=1)
        hidden = F.relu(self.fc3(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)))
        # return torch.sigmoid(self.fc4(hidden)), mu, logvar
        return self.fc4(hidden), mu, logvar  # the likelihood has the sigmoid now


def loss_function(likelihood, decoded, x, mu, logvar):
    # distortion = F.binary_cross_entropy(decoded, x, reduction="sum")
    distortion = -likelihood.log_prob(x, decoded).sum()
    return distortion - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def train(model, images, epochs):
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for x in images[torch.randperm(len(images))].split(128):
            decoded, mu, logvar = model(x)
            loss = loss_function(model.likelihood, decoded, x, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()  # which freezes σ at what it was in training


@torch.no_grad()
def measure(model, seen, unseen):
    """Means over unseen images. A Bernoulli is no likelihood of grey pixels: a Gaussian that fits its errors speaks for it."""
    decoded, mu, logvar = model(unseen)
    mean, beta = model.likelihood.mean(decoded), model.likelihood.variance(decoded).mean()
    speaker, output = (model.likelihood, decoded) if model.likelihood.kind == "density" else (OptimalGaussian(), mean)
    if speaker is not model.likelihood:
        speaker.log_prob(seen, model.likelihood.mean(model(seen)[0]))  # in training mode: σ is the error of this batch
    nats = speaker.eval().log_prob(unseen, output) - 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)
    sigma, error = speaker.variance(output).mean().sqrt(), (unseen - mean).square().mean().sqrt()
    return {"ELBO": float(nats.mean()), "σ": float(sigma), "RMSE": float(error), "equivalent β": float(beta)}


def load(path):
    images = np.load(path) if path else load_digits().images / 16
    scale = 255 if images.dtype == np.uint8 else 1
    images = torch.as_tensor(images.reshape(len(images), -1) / scale, dtype=torch.float32)
    return images.tensor_split([len(images) * 9 // 10])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="?", help=".npy file; scikit-learn's digits by default")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    seen, unseen = load(arguments.images)
    for name, make in DECODERS.items():
        torch.manual_seed(0)
        measured = measure(train(VAE(seen.shape[1], make()), seen, arguments.epochs), seen, unseen)
        print(f"{name:18}", ", ".join(f"{quantity} {value:.4g}" for quantity, value in measured.items()))
