"""Pure functions over arrays: numpy in, numbers out. No model, no file, no device."""

from kelbo.metrics.likelihood import active_units, importance_weighted_bound, mean_and_error
from kelbo.metrics.reconstruction import SSIM_WINDOW, squared_error, ssim

__all__ = [
    "SSIM_WINDOW",
    "active_units",
    "importance_weighted_bound",
    "mean_and_error",
    "squared_error",
    "ssim",
]
