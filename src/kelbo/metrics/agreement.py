"""How well attributes that a classifier sees agree with those that should be there.

values: what should be there, 0 or 1, (N, A). chances: what the classifier says, in [0, 1], (N, A); above ½ it says that the
attribute is there.
"""

from __future__ import annotations

import numpy as np


def accuracies(values: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """The share of examples of which each attribute is told right, (A,)."""
    return ((chances > 0.5) == (values > 0.5)).mean(0)


def f1_scores(values: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """2 · true positives / (positives + examples told positive) of each attribute, (A,); NaN if there are neither."""
    seen, there = chances > 0.5, values > 0.5
    hits, either = (seen & there).sum(0), seen.sum(0) + there.sum(0)
    return np.where(either > 0, 2 * hits / np.maximum(either, 1), np.nan)


def cosines(values: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """The cosine between both rows of each example, with attributes from -1 to 1, (N,); 0 if all chances are ½."""
    there, seen = 2.0 * values - 1, 2.0 * chances - 1
    lengths = np.linalg.norm(there, axis=1) * np.linalg.norm(seen, axis=1)
    return (there * seen).sum(1) / np.where(lengths > 0, lengths, 1)


def squared_errors(values: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Squared distance between the same rows, mean over the attributes, (N,): 0 at best, 4 at worst."""
    return np.square(2.0 * values - 2.0 * chances).mean(1)
