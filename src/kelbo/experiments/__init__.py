"""Doing what a recipe says: train a run, open it, evaluate and measure it."""

from kelbo.experiments.experiment import Experiment, open_run
from kelbo.experiments.measure import evaluate_run
from kelbo.experiments.train import train

__all__ = ["Experiment", "evaluate_run", "open_run", "train"]
