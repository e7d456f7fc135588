"""The colour and the mark that a decoder has in all figures of the σ-VAE study."""

from __future__ import annotations

from kelbo.reports.figure import DARK, Theme
from kelbo.reports.sigma_vae.results import NAMES

MARKERS = {"shared_gaussian": "s", "optimal_gaussian": "D", "per_image_gaussian": "^"}

_LIGHT = {
    "fixed_gaussian": "#57606a",
    "beta": "#1f2328",
    "mse_vae": "#a9b0ba",
    "shared_gaussian": "#d55e00",
    "optimal_gaussian": "#0072b2",
    "per_image_gaussian": "#009e73",
    "per_pixel_gaussian": "#cc79a7",
    "student_t": "#56b4e9",
    "bernoulli": "#e69f00",
    "categorical": "#8b4a2b",
    "bitwise_categorical": "#6a3d9a",
    "logistic_mixture": "#8a8f1c",
}
_DARK = {
    "fixed_gaussian": "#9aa1ab",
    "beta": "#e6e8eb",
    "mse_vae": "#5f6772",
    "shared_gaussian": "#ee7733",
    "optimal_gaussian": "#56b4e9",
    "per_image_gaussian": "#1fbf8f",
    "per_pixel_gaussian": "#e39cc5",
    "student_t": "#bfe6ff",
    "bernoulli": "#f0d442",
    "categorical": "#b98562",
    "bitwise_categorical": "#a583e0",
    "logistic_mixture": "#b9bf45",
}


def colour(decoder: str, theme: Theme) -> str:
    """Of a decoder, "beta" being the β-VAE that was tuned. Gaussians with a σ of their own have Okabe & Ito's colours."""
    return (_DARK if theme == DARK else _LIGHT).get(decoder, theme.faint)


def named(decoder: str) -> str:
    """A decoder as a legend calls it."""
    return "β-VAE, tuned" if decoder == "beta" else NAMES.get(decoder, decoder)
