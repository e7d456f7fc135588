"""Every claim of the σ-VAE study, judged by our numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kelbo.reports.claims import Verdict
from kelbo.reports.sigma_vae import claims_balance as balance, claims_samples as samples
from kelbo.reports.sigma_vae.results import Study

CLAIMS: tuple[Callable[[Study], Verdict], ...] = (
    samples.gaussian_worst,
    samples.tuning_helps,
    samples.no_worse_than_tuned,
    balance.effective_beta_near,
    balance.bound_below_grid,
    balance.optimal_learns_faster,
    samples.per_pixel,
    balance.printed_bounds,
    samples.bernoulli_alike,
    balance.averaging_collapses,
    samples.better_than_masses,
    balance.information_falls,
    samples.per_image_alike,
)
"""The paper's main ones first."""


def claims(results: Mapping[str, Any]) -> list[Verdict]:
    """A verdict on each claim of the study. results: as results.json holds them."""
    study = Study(results)
    return [judge_claim(study) for judge_claim in CLAIMS]
