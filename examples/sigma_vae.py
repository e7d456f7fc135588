"""A σ-VAE: plain_vae.py with five other lines. Its loss is the negative ELBO in nats, and it finds its own σ.

Runs on scikit-learn's 8×8 digits, or on the images of an .npy file: (N, …), uint8 or real numbers in [0, 1].
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.nn import functional as F

from kelbo.likelihoods import OptimalGaussian

HIDDEN, LATENTS = 400, 20
likelihood = OptimalGaussian()


class VAE(nn.Module):
    def __init__(self, pixels):
        super().__init__()
        self.fc1 = nn.Linear(pixels, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, 2 * LATENTS)
        self.fc3 = nn.Linear(LATENTS, HIDDEN)
        self.fc4 = nn.Linear(HIDDEN, pixels)

    def encode(self, x):
        return self.fc2(F.relu(self.fc1(x))).chunk(2, dim=1)

    def reparameterize(self, mean, log_variance):
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mean, log_variance = self.encode(x)
        return self.decode(self.reparameterize(mean, log_variance)), mean, log_variance


def loss_function(decoded, x, mean, log_variance):
    distortion = -likelihood.log_prob(x, decoded).sum()
    rate = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return distortion + rate


def train(model, images, epochs, batch_size=128):
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    history = []
    for epoch in range(1, epochs + 1):
        total, squares = 0.0, 0.0
        for x in images[torch.randperm(len(images))].split(batch_size):
            decoded, mean, log_variance = model(x)
            loss = loss_function(decoded, x, mean, log_variance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            squares += (decoded - x).square().sum().item()
        history.append((total / len(images), (squares / images.numel()) ** 0.5))
        print("epoch {}: loss per image {:.2f}, error of a pixel {:.4f}".format(epoch, *history[-1]))
    return history


def load(path):
    images = np.load(path) if path else load_digits().images / 16
    scale = 255 if images.dtype == np.uint8 else 1
    return torch.as_tensor(images.reshape(len(images), -1) / scale, dtype=torch.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="?", help=".npy file; scikit-learn's digits by default")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    images = load(arguments.images)
    train(VAE(images.shape[1]), images, arguments.epochs)
