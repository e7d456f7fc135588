"""What the β-VAE study's code did without saying so, in words: a title and two sentences each.

Where nothing can be measured, NOTES say why it matters all the same.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "baseline-layouts": (
        "PCA and ICA of colour images fitted in one layout, applied in another",
        "They were fitted to rows of levels 0–255, pixel by pixel, and then given rows of intensities 0–1, channel by channel: "
        "neither the order of the numbers nor their scale is what was fitted. Corrected: the same images, one layout.",
    ),
    "baseline-order": (
        "The order of pixels alone",
        "As before, but with the scale put right, so that only the order of the numbers differs between fit and use.",
    ),
    "baseline-sizes": (
        "Few images for PCA and ICA, drawn with replacement",
        "PCA was fitted to 25,000 black-and-white or 3,500 colour images and ICA to 2,500 or 1,000, some of them twice. "
        "Corrected: one layout both times, and many images, each once.",
    ),
    "dropout-at-test": (
        "Dropout answers the test",
        "The MLP's dropout was called in a form that never switches off, so half of its hidden units, drawn anew, were missing "
        "when it was tested too. Corrected: the very same trained network, all units.",
    ),
    "carried-state": (
        "PCA's classifier begins where the VAE's left off",
        "One optimiser served both: only the weights were drawn anew. Adagrad divides by the squared gradients it has summed, "
        "so PCA's classifier learned with the VAE's sums, and its plateau schedule waited for the VAE's loss to be beaten. "
        "Corrected: the same weights and points, a fresh optimiser.",
    ),
    "ica-optimizer": (
        "Adam at a rate of 1 for ICA alone",
        "ICA's linear classifier was trained by Adam at a rate of 1, all others by Adagrad at 0.01. Corrected: Adagrad for ICA "
        "too. The report says that tuning was crucial for ICA; the other baseline got none.",
    ),
    "mig-scrambled": (
        "The mutual information gap of mixed-up latents",
        "The means of K latents for n images, a table (n, K) that stood for draws, were read as (K, n) without being "
        "transposed, so the entropy of each latent was taken at values of all of them, in a new order of images each time. The "
        "code it was taken from does the same. Corrected: draws, transposed.",
    ),
    "few-points": (
        "1,000 points to learn from and 501 for the test",
        "The metric's reference has 10,000 and 5,000; the code's comments say that a fifth is for the test. "
        "Corrected: the reference's numbers, the same codes.",
    ),
    "idle-class": (
        "Five outputs for four factors",
        "With the shape left out four factors are drawn, but the networks still chose among five. Corrected: four outputs.",
    ),
    "training-data": (
        "Everything measured on what was trained on",
        "Scores, losses and image distances were those of the training images; no image was held out. Here the same numbers "
        "of training images (as published) and of held-out ones (corrected).",
    ),
    "reconstruction-distance": (
        "A distance of reconstructions, set beside a GAN's of samples",
        "What table 3 calls FID compares training images with their own reconstructions, and is put beside WGAN-GP's 29.3, "
        "which is of samples. Corrected: the same distance of as many samples of the prior.",
    ),
    "grey-bernoulli": (
        "A Bernoulli likelihood of grey and coloured pixels",
        "The cross-entropy of intensities between 0 and 1 is no likelihood: it does not integrate to 1. Corrected: the "
        "continuous Bernoulli of the same logits, which has the missing constant.",
    ),
    "learning-rate-drop": (
        "The drop of the learning rate is the convolutional model's only",
        "The report says that the learning rate falls by a factor of 5 for the last quarter of epochs in all experiments; the "
        "code makes that schedule only for the convolutional network, so the MLP kept its rate.",
    ),
    "table-4-input": (
        "Table 4's input of the CIFAR sets",
        "It gives them 12,288 numbers (64×64×3), and three convolutions to every encoder that has any. The code reads CIFAR at "
        "32×32×3, which is 3,072, and has four convolutions for images of 64 pixels: three are CIFAR's alone.",
    ),
    "table-2-caption": (
        "Table 2's caption",
        "It says that the scores are on 2Dshapes; the table has three sets.",
    ),
    "plateau-on-noise": (
        "A schedule that waits for noise to fall",
        "The classifiers' learning rate falls to a tenth after 5,000 steps without a better loss. The MLP's loss is that of a "
        "network with random units missing, so its best value is luck.",
    ),
    "losses-divided": (
        "Losses divided by a batch size that is not always given",
        "The evaluation's losses are divided by the number of batches and by a batch size whose default is 1, so that they are "
        "per image in some places and per batch in others.",
    ),
    "model-file": (
        "A description that is overwritten by the weights",
        "Saving a model writes its description as JSON and then the weights to the same path.",
    ),
}

NOTES: dict[str, str] = {
    "learning-rate-drop": "In the mode as-published the MLP's recipe keeps its rate; corrected, both drop it.",
    "table-4-input": "Recipes follow the code: with three convolutions the 64-pixel network would be another one.",
    "table-2-caption": "Tables here name the set of each row.",
    "plateau-on-noise": "Reproduced in the mode as-published, where it is part of what `carried-state` measures.",
    "losses-divided": "Nats here are per image everywhere, summed over pixels, and say so.",
    "model-file": "Nothing in the tables depends on it; it only means that no description survives. Runs here keep a recipe.",
}
"""of those that no number tells"""
