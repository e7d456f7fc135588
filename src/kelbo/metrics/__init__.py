"""Pure functions over arrays: numpy in, numbers out. No model, no file, no device."""

from kelbo.intervals import Score, by_half_samples, of_replicates
from kelbo.metrics.beta_score import BetaScore, Points, beta_score, beta_score_of, pair_differences
from kelbo.metrics.calibration import (
    Coverage,
    Uniformity,
    VarianceBins,
    central_coverage,
    integral_transform,
    uniformity,
    variance_bins,
)
from kelbo.metrics.dci import Dci, dci
from kelbo.metrics.factor_score import FactorScore, factor_score
from kelbo.metrics.factor_shares import factor_shares
from kelbo.metrics.frechet import FeatureMoments, Frechet, frechet_distance, frechet_of
from kelbo.metrics.infomec import InfoMec, infomec
from kelbo.metrics.irs import Irs, irs
from kelbo.metrics.kernel import KernelDistance, kernel_distance, squared_mmd
from kelbo.metrics.likelihood import active_units, importance_weighted_bound, mean_and_error
from kelbo.metrics.mig import InformationGap, continuous_mig, mig
from kelbo.metrics.modularity import Explicitness, Modularity, explicitness, modularity
from kelbo.metrics.mutual_information import mutual_information
from kelbo.metrics.prdc import PRDC, prdc_of
from kelbo.metrics.rate_parts import RateEstimate, RateParts, marginal_kl, rate_parts
from kelbo.metrics.reconstruction import SSIM_DEFINITION, SSIM_WINDOW, squared_error, ssim
from kelbo.metrics.sap import Sap, sap
from kelbo.metrics.udr import Udr, udr

__all__ = [
    "PRDC",
    "SSIM_DEFINITION",
    "SSIM_WINDOW",
    "BetaScore",
    "Coverage",
    "Dci",
    "Explicitness",
    "FactorScore",
    "FeatureMoments",
    "Frechet",
    "InfoMec",
    "InformationGap",
    "Irs",
    "KernelDistance",
    "Modularity",
    "Points",
    "RateEstimate",
    "RateParts",
    "Sap",
    "Score",
    "Udr",
    "Uniformity",
    "VarianceBins",
    "active_units",
    "beta_score",
    "beta_score_of",
    "by_half_samples",
    "central_coverage",
    "continuous_mig",
    "dci",
    "explicitness",
    "factor_score",
    "factor_shares",
    "frechet_distance",
    "frechet_of",
    "importance_weighted_bound",
    "infomec",
    "integral_transform",
    "irs",
    "kernel_distance",
    "marginal_kl",
    "mean_and_error",
    "mig",
    "modularity",
    "mutual_information",
    "of_replicates",
    "pair_differences",
    "prdc_of",
    "rate_parts",
    "sap",
    "squared_error",
    "squared_mmd",
    "ssim",
    "udr",
    "uniformity",
    "variance_bins",
]
