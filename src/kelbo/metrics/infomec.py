"""InfoMEC: modularity, explicitness and compactness in nats of information."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.neighbours import class_information

LEAST_RANGE = 1 / 20  # as a share of the widest latent's range; latents below it are inactive
NOISE = 1e-10  # in deviations of a latent; the reference breaks ties by it


class InfoMec(NamedTuple):
    """All within 0 and 1.

    modularity    InfoM: mean over active latents of max_f N / Σ_f N, rescaled from [1 / F, 1] to [0, 1]
    explicitness  InfoE: mean over factors of (H(s) - H_V(s | z)) / H(s)
    compactness   InfoC: mean over factors of max_k N / Σ_k N over active latents, rescaled from [1 / K, 1] to [0, 1]
    information   N = I(z_k; s_f) / H(s_f), (K, F), inactive latents included
    active        latents whose range is above a twentieth of the widest one's, (K,)
    by_factor     explicitness of each factor, (F,)
    """

    modularity: float
    explicitness: float
    compactness: float
    information: Floats
    active: NDArray[np.bool_]
    by_factor: Floats


def infomec(codes: np.ndarray, factors: np.ndarray, *, neighbours: int = 10, seed: int = 0) -> InfoMec:
    """InfoMEC (Hsu et al., 2023, section 4) of continuous codes (N, K) with factors (N, F).

    I(z; s) is estimated by nearest neighbours (`class_information`, 10 of them as in the reference, latent_quantization). Ties
    are broken by noise of 1e-10, drawn from `seed`, as in the reference (by scikit-learn's mutual_info_classif): if rows
    repeat, or a latent has few values, the score depends on that. H_V(s | z) is the mean log-loss of an unpenalised logistic
    regression on all standardised latents, on the rows it was fitted to. The reference weighs the values of a factor equally
    in the fit but not in the log-loss; here both weigh them by their frequency, so H_V(s) = H(s). The two agree if all values
    occur equally often. The reference's variant for latents with a code book (one-hot explicitness) is not implemented.

    A latent or factor without any information counts as fully spread: ratio 1 / F or 1 / K. With one active latent compactness
    is 1; with none all three are 0. Only modularity and compactness depend on which latents are active, hence on the latents'
    relative scale. Both are ratios, which are arbitrary for latents with almost no information: read them together with
    explicitness.

    Raises ScoreError as `codes_and_factors` and `class_information` do, and if there are fewer than two factors.
    """
    codes, ranks = codes_and_factors(codes, factors)
    count = ranks.shape[1]
    if count < 2:
        raise ScoreError("InfoMEC needs at least two factors; got one. Give more columns of factors.")
    widths = np.ptp(codes, axis=0)
    active = widths > LEAST_RANGE * widths.max()
    deviation = np.where(widths > 0, codes.std(0), 1.0)
    scaled = np.where(widths > 0, codes - codes.mean(0), 0.0) / deviation
    apart = scaled + NOISE * np.random.default_rng(seed).normal(size=scaled.shape[::-1]).T
    entropies = np.array([_entropy(column) for column in ranks.T])
    information = np.array(
        [
            [class_information(latent, column, neighbours) if width > 0 else 0.0 for column in ranks.T]
            for latent, width in zip(apart.T, widths, strict=True)
        ]
    )
    information /= entropies
    by_factor = np.array([_explicitness(scaled, c, h) for c, h in zip(ranks.T, entropies, strict=True)])
    if not active.any():
        return InfoMec(0.0, 0.0, 0.0, information, active, by_factor)
    pruned = information[active]
    return InfoMec(
        _concentration(pruned), float(by_factor.mean()), _concentration(pruned.T), information, active, by_factor
    )


def _concentration(table: Floats) -> float:
    """The mean over rows of max / sum, rescaled from [1 / columns, 1] to [0, 1]."""
    columns, total = table.shape[1], table.sum(1)
    if columns == 1:
        return 1.0 if total.any() else 0.0
    ratio = np.divide(table.max(1), total, out=np.full(len(table), 1 / columns), where=total > 0)
    return float((ratio.mean() - 1 / columns) / (1 - 1 / columns))


def _entropy(labels: Ints) -> float:
    shares = np.bincount(labels) / len(labels)
    return float(-(shares * np.log(shares)).sum())


def _explicitness(scaled: Floats, labels: Ints, entropy: float) -> float:
    """(H(s) - H_V(s | z)) / H(s): the share of a factor's entropy that a logistic regression on all latents removes."""
    from scipy.linalg import LinAlgWarning  # here, since scikit-learn takes a second to import
    from scipy.special import logsumexp
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # separable classes have no finite optimum, but the loss is almost 0 long before the last step
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", max_iter=50).fit(scaled, labels)
    scores = fitted.decision_function(scaled)
    if scores.ndim == 1:  # of two classes, the first has no score
        scores = np.column_stack([np.zeros(len(scores)), scores])
    true = scores[np.arange(len(labels)), labels] - logsumexp(scores, 1)
    return float(np.clip(1 + true.mean() / entropy, 0, 1))
