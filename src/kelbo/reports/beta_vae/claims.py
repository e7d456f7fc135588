"""Every claim of the β-VAE study, judged by our numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kelbo.reports.beta_vae import (
    claims_2d as on_2d,
    claims_images as images,
    claims_metric as metric,
    claims_rgb as rgb,
)
from kelbo.reports.beta_vae.results import Study
from kelbo.reports.claims import Verdict

CLAIMS: tuple[Callable[[Study], Verdict], ...] = (
    on_2d.baselines_high,
    on_2d.four_above_five,
    on_2d.above_one,
    on_2d.values_of_table_1,
    on_2d.seeds_differ,
    on_2d.ica_stronger,
    rgb.conv_better,
    rgb.conv_levels,
    rgb.shapes3d_high,
    rgb.baselines_drop,
    rgb.flattening,
    rgb.low_beta_best,
    rgb.mpi3d_hardest,
    images.mpi3d_balance,
    metric.score_and_quality,
    metric.low_beta_wide,
    metric.more_pairs_baselines,
    metric.more_pairs_models,
    metric.pairs_narrow,
    metric.classifier,
    images.values_of_table_3,
    lambda study: images.best_beta(study, "cifar10", 1.0),
    lambda study: images.best_beta(study, "cifar100", 0.1),
    images.steep,
    images.lower_on_cifar100,
    images.behind_wgan,
    images.mpi3d_reconstructions,
    images.alike_in_training,
    images.error_rises,
    on_2d.below_higgins,
    on_2d.worst_half,
    images.variance_is_beta,
)
"""In the paper's order."""


def claims(results: Mapping[str, Any]) -> list[Verdict]:
    """A verdict on each claim of the study. results: as results.json holds them."""
    study = Study(results)
    return [judge_claim(study) for judge_claim in CLAIMS]
