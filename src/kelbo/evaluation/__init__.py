"""Run a model over data, hand arrays to metrics, write down what came out."""

from kelbo.evaluation.bounds import PerExample, per_example
from kelbo.evaluation.encode import encode
from kelbo.evaluation.samples import interpolate, reconstruct, sample, sample_rows, traverse
from kelbo.evaluation.suite import evaluate, speaks_of

__all__ = [
    "PerExample",
    "encode",
    "evaluate",
    "interpolate",
    "per_example",
    "reconstruct",
    "sample",
    "sample_rows",
    "speaks_of",
    "traverse",
]
