"""Objectives: from rate and distortion to a loss."""

from kelbo.objectives.beta import Beta
from kelbo.objectives.capacity import Capacity
from kelbo.objectives.distortion_target import DistortionTarget, RateTarget
from kelbo.objectives.equivalents import equivalents, weight_of_rate, weights_of_rate
from kelbo.objectives.group_rates import GroupRates
from kelbo.objectives.targets import Standing, Target

__all__ = [
    "Beta",
    "Capacity",
    "DistortionTarget",
    "GroupRates",
    "RateTarget",
    "Standing",
    "Target",
    "equivalents",
    "weight_of_rate",
    "weights_of_rate",
]
