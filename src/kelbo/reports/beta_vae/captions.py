"""The β-VAE study's page: its parts in the paper's order, and what is said of each figure."""

from __future__ import annotations

from kelbo.reports.study_page import Caption, Part

PARTS = (
    Part("plan", "What was trained", "", ("plan",)),
    Part("data", "Data", "", ("fig1", "fig2")),
    Part("scores", "Disentanglement", "", ("table1", "fig3", "figure3-scores", "fig4", "fig5")),
    Part("metric", "What the score depends on", "", ("fig6", "table2")),
    Part("images", "Reconstructions", "", ("table3", "fig7", "fig8", "fig9", "fig10", "rd")),
    Part("identity-part", "β as a variance", "", ("identity",)),
    Part("architectures", "Architectures", "", ("table4",)),
)

CAPTIONS = {
    "fig1": Caption("Figure 1 · Sets whose factors are known", "Images of the sets that were trained on."),
    "fig2": Caption("Figure 2 · CIFAR", "Images of the sets that were trained on."),
    "fig3": Caption(
        "Figure 3 · Median scores, convolutional network",
        "Bars are medians over seeds, dots the seeds. PCA and ICA need no network.",
    ),
    "fig4": Caption(
        "Figure 4 · Traversals",
        "One image of 2Dshapes decoded with one latent at a time moved; the latents of the most rate first. A high score "
        "beside rows that mix factors is the study’s point.",
    ),
    "fig5": Caption(
        "Figure 5 · Where the codes go",
        "Codes as one factor at a time moves, on the plane of their largest variance; a colour a factor.",
    ),
    "fig6": Caption(
        "Figure 6 · Scores over L", "L is the number of pairs averaged into one point that the classifier sees."
    ),
    "fig7": Caption(
        "Figure 7 · Fréchet distance while training",
        "Of reconstructions, which the study’s figure is of, and of samples, which a distance of a generative model is of.",
    ),
    "fig8": Caption("Figure 8 · Reconstruction loss while training", "The distortion: nats per image."),
    "fig9": Caption("Figure 9 · Reconstructions at β = 0.1", "Images above, the decoder’s mean below."),
    "fig10": Caption("Figure 10 · Reconstructions at β = 10", "The same images."),
    "rd": Caption(
        "Rate against distortion",
        "Not in the paper, but what β chooses: how many nats the latents spend on an image, and how many are left to pay.",
    ),
    "identity": Caption(
        "Section 4.2 · Mean squared error is a variance",
        "The same VAE twice, as β-VAE of unit variance and as standard VAE of σ² = β, from the same weights with the same "
        "batches and noise.",
    ),
}


def caption(key: str) -> Caption:
    """What is said of a figure; of one that is not known, its key."""
    return CAPTIONS.get(key, Caption(key, ""))
