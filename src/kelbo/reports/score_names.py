"""What each score is called, what it is in a phrase, and the paper it is from."""

from __future__ import annotations

from typing import NamedTuple


class About(NamedTuple):
    title: str
    phrase: str
    paper: str = ""


DISENTANGLEMENT = {
    "beta_vae": About(
        "β-VAE score",
        "accuracy of a simple classifier that tells which factor pairs of images share",
        "Higgins et al., 2017",
    ),
    "factor_vae": About(
        "FactorVAE score",
        "accuracy of a vote: the latent that varies least tells which factor was held",
        "Kim and Mnih, 2018",
    ),
    "mig": About(
        "Mutual information gap",
        "how much more the best latent tells of a factor than the next, means in 20 bins",
        "Chen et al., 2018",
    ),
    "continuous_mig": About(
        "Mutual information gap of draws",
        "the same of draws from the posterior, without bins",
        "Chen et al., 2018, appendix C",
    ),
    "dci_disentanglement": About(
        "DCI disentanglement",
        "whether each latent is worth something for one factor only",
        "Eastwood and Williams, 2018",
    ),
    "dci_completeness": About(
        "DCI completeness", "whether each factor is told by one latent only", "Eastwood and Williams, 2018"
    ),
    "dci_informativeness": About(
        "DCI informativeness",
        "accuracy with which boosted trees on all latents tell the factors",
        "Eastwood and Williams, 2018",
    ),
    "sap": About(
        "SAP score",
        "how much better the best single latent predicts a factor than the next",
        "Kumar et al., 2018",
    ),
    "modularity": About("Modularity", "whether each latent tells of one factor only", "Ridgeway and Mozer, 2018"),
    "explicitness": About(
        "Explicitness",
        "area under the curve of a linear classifier of the factors’ values; 0.5 by chance",
        "Ridgeway and Mozer, 2018",
    ),
    "irs": About("Interventional robustness", "how still a latent stays while its factor does", "Suter et al., 2019"),
    "infom": About(
        "InfoM, modularity", "whether an active latent’s information is of one factor only", "Hsu et al., 2023"
    ),
    "infoe": About(
        "InfoE, explicitness", "share of the factors’ entropy that a linear classifier takes away", "Hsu et al., 2023"
    ),
    "infoc": About(
        "InfoC, compactness", "whether the information on a factor is in one active latent only", "Hsu et al., 2023"
    ),
}

LATENTS = {
    "rate": About("Rate", "KL of the posterior from the prior; the next three add up to it"),
    "index_code_mutual_information": About(
        "Index-code mutual information",
        "what a code tells of which image it came from",
        "Hoffman and Johnson, 2016",
    ),
    "total_correlation": About(
        "Total correlation", "how dependent the latents are, KL(q(z) ‖ Π q(z_k))", "Chen et al., 2018"
    ),
    "dimension_wise_kl": About(
        "Dimension-wise KL", "Σ KL(q(z_k) ‖ p(z_k)), each latent against its prior", "Chen et al., 2018"
    ),
    "marginal_kl": About(
        "Marginal KL",
        "KL(q(z) ‖ p(z)), the last two together: how far samples’ codes are from images’",
        "Hoffman and Johnson, 2016",
    ),
    "active_units": About(
        "Active units", "latents whose posterior mean has a variance above 0.01", "Burda et al., 2016"
    ),
}

IMAGES = {
    "frechet": About(
        "Fréchet distance", "between the two clouds of features, seen as Gaussians; squared", "Heusel et al., 2017"
    ),
    "kernel": About(
        "Kernel distance",
        "between the two clouds, 0 in the mean if they have one distribution; may be negative",
        "Bińkowski et al., 2018",
    ),
    "precision": About("Precision", "share of made images that are near a real one", "Kynkäänniemi et al., 2019"),
    "recall": About("Recall", "share of real images that are near a made one", "Kynkäänniemi et al., 2019"),
    "density": About("Density", "how many real images a made one is near, 1 in the mean at best", "Naeem et al., 2020"),
    "coverage": About("Coverage", "share of real images whose own neighbourhood has a made one", "Naeem et al., 2020"),
}

CALIBRATION = {
    "total_variation": About(
        "Mass in the wrong bins", "of the PIT histogram, 0 of a perfect decoder but for chance", "Gneiting et al., 2007"
    ),
    "kolmogorov_smirnov": About(
        "Kolmogorov–Smirnov distance", "largest error of the transforms’ distribution function, 0 at best"
    ),
    "wasserstein": About("Wasserstein distance", "mean distance by which transforms are misplaced, 0 at best"),
    "miscalibration_area": About(
        "Miscalibration area",
        "between the coverage of central intervals and their level, 0 at best",
        "Kuleshov et al., 2018",
    ),
}


def about(known: dict[str, About], name: str) -> About:
    """A score's title, phrase and paper; of an unknown score, its name as words."""
    return known.get(name, About(name.replace("_", " "), ""))
