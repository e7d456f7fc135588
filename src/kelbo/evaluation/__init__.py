"""Run a model over data, hand arrays to metrics, write down what came out."""

from kelbo.evaluation.bounds import PerExample, per_example
from kelbo.evaluation.by_group import decode_partly, encode_groups, interpolate_groups, traverse_group
from kelbo.evaluation.encode import encode
from kelbo.evaluation.progressive import moments, progressive
from kelbo.evaluation.refined import refine_images, refine_samples
from kelbo.evaluation.samples import interpolate, reconstruct, sample, sample_rows, traverse
from kelbo.evaluation.suite import evaluate, speaks_of

__all__ = [
    "PerExample",
    "decode_partly",
    "encode",
    "encode_groups",
    "evaluate",
    "interpolate",
    "interpolate_groups",
    "moments",
    "per_example",
    "progressive",
    "reconstruct",
    "refine_images",
    "refine_samples",
    "sample",
    "sample_rows",
    "speaks_of",
    "traverse",
    "traverse_group",
]
