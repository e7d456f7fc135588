"""What the β-VAE study's page says in words: its lead and its glossary."""

from __future__ import annotations

from collections.abc import Sequence

from kelbo.studies.beta_vae.models import NAMES
from kelbo.studies.frame import Numbers


def lead(n: Numbers) -> Sequence[str]:
    """What was trained, what the report claims, what is to be known of both."""
    sets = n.facts["sets"].items()
    drawn = [f"{NAMES[role]} ({one['set']})" for role, one in sets if one["source"] == "rendered"]
    how = "as its code did, mistakes included" if n.as_published else "with its code’s mistakes put right"
    told = [
        f"Does a β above 1 make each latent of a VAE follow one factor of its images, and can a score tell? {n.paper.title} "
        f"repeats Higgins et al. (2017) and doubts both. Here its models are trained and scored again, {how}.",
        "The report never prints its epochs: 40 is what the names of its files and its rule on the last quarter agree on.",
    ]
    if drawn:
        told.append(
            f"Drawn here instead of read from files: {', '.join(drawn)}. Only 2Dshapes has the very same images."
        )
    return told


GLOSSARY = {
    "β-VAE": "A VAE whose rate counts β times in its loss.",
    "β-VAE score": "Share of test points of which a classifier tells the factor that did not change. A point is the mean "
    "distance of L pairs of codes that have this factor in common (Higgins et al., 2017).",
    "Five, four factors": "All of 2Dshapes’ factors, or all but shape, which then still varies but is never asked for.",
    "Mutual information gap": "How much more of a factor its best latent tells than the next; 0 to 1 (Chen et al., 2018).",
    "Fréchet distance": "Between two clouds of image features as Gaussians; an FID only over the Inception features of 2015.",
    "Rate, distortion": "Nats that the latents spend on an image, and nats left to pay once they are known.",
    "As published, corrected": "With the mistakes of the report’s code, or with these put right.",
    "Rendered": "Images drawn here in place of a set that has to be downloaded.",
}
