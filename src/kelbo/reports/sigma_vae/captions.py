"""The σ-VAE study's page: its parts, and what is said of each figure."""

from __future__ import annotations

from kelbo.reports.study_page import Caption, Part

PARTS = (
    Part("on-plan", "What was trained", "", ("plan",)),
    Part(
        "on-balance",
        "The balance that β strikes, and the one that σ finds",
        "A Gaussian decoder’s variance weighs errors against rate just as β does: a β-VAE of unit variance is a VAE of σ² = β, "
        "up to a constant. So the two stand on one axis here.",
        ("balance", "table1", "fig3"),
    ),
    Part("on-decoders", "Decoders side by side", "", ("table2", "table3", "decoders")),
    Part("on-learning", "Learning σ", "", ("fig9",)),
    Part("on-latents", "What the latents carry", "", ("fig4",)),
    Part("on-calibration", "Calibration", "", ("calibration", "pit", "coverage", "errormap")),
    Part("on-flattery", "How the bound is measured", "", ("flattery",)),
)

CAPTIONS = {
    "balance": Caption(
        "Distance of samples and −ELBO over β",
        "A dot a seed, the line through their means; lower is better on both axes. The σ-VAE stands at the σ² that it learned, "
        "with nothing tuned.",
    ),
    "fig3": Caption(
        "Figure 3 · Samples and reconstructions over β", "The same draws of the prior and the same images in every row."
    ),
    "decoders": Caption(
        "Samples and reconstructions by decoder",
        "The decoder’s mean throughout: the noise that a decoder adds to every pixel is left out, as in the paper.",
    ),
    "fig9": Caption(
        "Figure 9 · σ in closed form and by gradient descent",
        "−ELBO of training batches, with the batch’s own σ where it is in closed form; σ and error on some test images, "
        "where a closed form is the running mean over batches.",
    ),
    "fig4": Caption(
        "Figure 4 · Information and marginal KL over β",
        "The rate in two parts: what the latents tell of which image it was, and how far the aggregate posterior is from the "
        "prior. Samples are drawn from the prior, so the second part is what they suffer from.",
    ),
    "pit": Caption(
        "Probability integral transforms",
        "The share of its distribution that a decoder puts below the pixel that came: flat where it is calibrated, a hump "
        "where it expects more error than it makes, a U where it expects less.",
    ),
    "coverage": Caption(
        "Coverage of central intervals",
        "How often pixels lie inside a decoder’s central intervals: on the diagonal where it is calibrated, above it where the "
        "intervals are too wide.",
    ),
    "errormap": Caption(
        "Expected and real error, pixel by pixel",
        "Where a σ for every pixel expects errors, beside where they are.",
    ),
}


def caption(key: str) -> Caption:
    """What is said of a figure; of one that is not known, its key."""
    return CAPTIONS.get(key, Caption(key, ""))
