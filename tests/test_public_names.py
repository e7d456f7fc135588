"""The public surface: what each room exports, exactly, so that a change to it is deliberate."""

import importlib

import pytest

SURFACE = {
    "kelbo.likelihoods": [
        "AveragedSquaredError",
        "Bernoulli",
        "BitwiseCategorical",
        "Categorical",
        "Columnwise",
        "ContinuousBernoulli",
        "DiscretizedLogistic",
        "DiscretizedLogisticMixture",
        "FixedGaussian",
        "Framewise",
        "Laplace",
        "OptimalGaussian",
        "PerImageGaussian",
        "PerPixelGaussian",
        "SharedGaussian",
        "StudentT",
    ],
    "kelbo.latents": ["DiagonalGaussian", "StandardNormal"],
    "kelbo.networks": [
        "BurgessDecoder",
        "BurgessEncoder",
        "GivenEncoder",
        "HigginsDecoder",
        "HigginsEncoder",
        "RybkinDecoder",
        "RybkinEncoder",
        "Standardise",
        "burgess_fits",
        "near",
        "rybkin_fits",
    ],
    "kelbo.models": ["Autoencoder", "VAE"],
    "kelbo.objectives": ["Beta", "Capacity", "equivalents", "weight_of_rate"],
    "kelbo.metrics": [
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
        "PRDC",
        "Points",
        "RateEstimate",
        "RateParts",
        "SSIM_DEFINITION",
        "SSIM_WINDOW",
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
    ],
    "kelbo.runs": ["Journal", "Measurement", "Run", "Sweep", "png", "save_grid", "tile", "write_atomic", "write_json"],
    "kelbo.training": [
        "AccumulatingUpdate",
        "Checkpoints",
        "Constant",
        "Cosine",
        "Drop",
        "Ema",
        "Hook",
        "LossUpdate",
        "Pictures",
        "Scalars",
        "Schedule",
        "StopOnSignal",
        "TensorBoard",
        "TrainState",
        "Update",
        "Values",
        "average_weights",
        "every",
        "fit",
        "reduce_gradients",
    ],
    "kelbo.evaluation": [
        "PerExample",
        "encode",
        "evaluate",
        "interpolate",
        "per_example",
        "reconstruct",
        "sample",
        "speaks_of",
        "traverse",
    ],
    "kelbo.recipes": ["NAMED", "Recipe", "change", "differences", "dump", "find", "load", "parse"],
    "kelbo.experiments": ["Experiment", "evaluate_run", "open_run", "train"],
}


@pytest.mark.parametrize("room", SURFACE)
def test_a_room_exports_exactly_its_public_names(room):
    module = importlib.import_module(room)
    assert sorted(module.__all__) == SURFACE[room]
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("room", SURFACE)
def test_every_public_name_is_documented(room):
    module = importlib.import_module(room)
    public = [getattr(module, name) for name in module.__all__]
    assert module.__doc__
    assert all(
        item.__doc__ for item in public if callable(item) and getattr(item, "__module__", "").startswith("kelbo")
    )
