"""Objectives: from rate and distortion to a loss."""

from kelbo.objectives.beta import Beta
from kelbo.objectives.capacity import Capacity
from kelbo.objectives.equivalents import equivalents, weight_of_rate, weights_of_rate

__all__ = ["Beta", "Capacity", "equivalents", "weight_of_rate", "weights_of_rate"]
