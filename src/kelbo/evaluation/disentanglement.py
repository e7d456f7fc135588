"""Every disentanglement score of one table of codes, each with its interval and what it was made from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.intervals import Score, half_samples, known, of_halves, of_replicates
from kelbo.metrics.beta_score import beta_score
from kelbo.metrics.checks import codes_and_factors, finite_table, names_of
from kelbo.metrics.classifiers import Classifier
from kelbo.metrics.dci import dci
from kelbo.metrics.factor_score import factor_score
from kelbo.metrics.infomec import infomec
from kelbo.metrics.irs import irs
from kelbo.metrics.mig import continuous_mig, mig
from kelbo.metrics.modularity import explicitness, modularity
from kelbo.metrics.sap import sap

TRAIN, TEST = 10_000, 5_000
"""rows that the reference implementation learns from and tests on"""


NO_FACTORS = (
    "have no known factors, so no disentanglement score exists. There is one for shapes2d, shapes3d, arm, dsprites, 3dshapes "
    "and mpi3d, or for codes and factors of your own (`kelbo score`)."
)


class Options(NamedTuple):
    """pairs: L of the β-VAE score. classifier: its classifier. chosen: columns of the factors whose constancy it asks for."""

    pairs: int = 64
    classifier: Classifier = "logistic"
    chosen: tuple[int, ...] | None = None


DEFAULTS = Options()

Values = tuple[dict[str, float], dict[str, Any]]
"""a score's numbers by name, and what they were made from"""


class Had(NamedTuple):
    """What one replicate of a score is had from."""

    codes: Codes
    seed: int
    options: Options


class Recipe(NamedTuple):
    """How one family of scores is had from codes.

    rows      that one replicate looks at, drawn from the table; None: all, of which the score draws pairs itself
    replicates how often it is had anew
    """

    compute: Callable[[Had], Values]
    rows: int | None
    replicates: int


def scores_of_codes(
    codes: Codes,
    names: Sequence[str],
    options: Options = DEFAULTS,
    seed: int = 0,
    missing: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The scores of `names` (keys of SCORES), each as JSON: value, interval, replicates, settings, details and seconds.

    settings: all that a value depends on beside the codes (rows, of how large a table, seed, and the score's own options).

    Where the table holds every combination of factors, the value is the mean over replicates with fresh rows or pairs and
    the interval Student's. Elsewhere it is itself a sample, whose chance such an interval would not see: the value is that
    of as many rows as the score looks at, and the interval that of their halves.

    missing: where given, a score that does not exist for these codes leaves its reason there instead of raising.
    ScoreError where the tables do not fit one another, the codes have no factors, or as the metrics say.
    """
    if codes.factors is None:
        raise ScoreError(f"These images {NO_FACTORS}")
    if unknown := [name for name in names if name not in SCORES]:
        raise ScoreError(f"There is no score {', '.join(unknown)}; there is {', '.join(SCORES)}.")
    _require_fitting(codes)
    complete, found = codes.complete, {}
    for name in names:
        begun = time.perf_counter()
        try:
            scores, details, settings = _interval(codes, complete, SCORES[name], options, seed)
        except ScoreError as error:
            if missing is None:
                raise
            missing[name] = str(error)
            continue
        seconds = time.perf_counter() - begun
        settings |= {"seed": seed} | (options._asdict() if name == "beta_vae" else {})
        for part, score in scores.items():
            within = score._replace(low=float(np.clip(score.low, 0, 1)), high=float(np.clip(score.high, 0, 1)))
            found[part] = as_json(within) | {"family": name, "settings": settings, "seconds": seconds}
        found[next(iter(scores))]["details"] = details
    return found


def _require_fitting(codes: Codes) -> None:
    """ScoreError where the tables are not of the same images and latents. Rows are drawn later: now is the time to look."""
    means, _ = codes_and_factors(codes.means, _factors(codes))
    if codes.scales is not None and finite_table("scales", codes.scales).shape != means.shape:
        raise ScoreError(f"scales must be one for each code; got shapes {codes.scales.shape} and {means.shape}.")
    names_of(_factors(codes), codes.names or None)


def as_json(score: Score) -> dict[str, Any]:
    """A score as JSON: the ends are None if the replicates tell no interval."""
    return {
        "value": float(score.value),
        "low": known(score.low),
        "high": known(score.high),
        "replicates": score.replicates,
    }


def _interval(
    codes: Codes, complete: bool, recipe: Recipe, options: Options, seed: int
) -> tuple[dict[str, Score], Any, Any]:
    table, seeds = len(codes), range(seed, seed + recipe.replicates)
    if complete and (recipe.rows is None or table >= 2 * recipe.rows):
        parts = [recipe.compute(Had(_drawn(codes, recipe.rows, number), number, options)) for number in seeds]
        scores = {name: of_replicates([values[name] for values, _ in parts]) for name in parts[0][0]}
        settings = {
            "rows": recipe.rows or table,
            "table": table,
            "replicates": "fresh rows" if recipe.rows else "fresh pairs",
        }
        return scores, parts[0][1], settings
    if recipe.rows is not None and table > recipe.rows:
        codes = _drawn(codes, recipe.rows, seed)
    size = len(codes)
    whole, details = recipe.compute(Had(codes, seed, options))
    settings = {"rows": size, "table": table, "replicates": "half samples"}
    try:
        halves = [
            recipe.compute(Had(_taken(codes, rows), seed, options))[0]
            for rows in half_samples(size, recipe.replicates, seed)
        ]
    except ScoreError as error:  # the whole table suffices for the score, a half of it does not
        settings["replicates"] = f"no interval, of half the rows there is no score: {error}"
        return {name: of_replicates([value]) for name, value in whole.items()}, details, settings
    scores = {name: of_halves(value, [half[name] for half in halves], size) for name, value in whole.items()}
    return scores, details, settings


def _drawn(codes: Codes, rows: int | None, seed: int) -> Codes:
    if rows is None:
        return codes
    return _taken(codes, np.random.default_rng(seed).choice(len(codes), rows, replace=False))


def _taken(codes: Codes, rows: np.ndarray) -> Codes:
    scales = None if codes.scales is None else codes.scales[rows]
    factors = None if codes.factors is None else codes.factors[rows]
    return Codes(codes.means[rows], scales, factors, codes.names)


class Shares(TypedDict):
    train: int
    test: int


def _shares(codes: Codes) -> Shares:
    """The reference's sizes where the rows suffice, else the same shares of what there is."""
    size = min(len(codes), TRAIN + TEST)
    train = size * TRAIN // (TRAIN + TEST)
    return {"train": train, "test": size - train}


def _factors(codes: Codes) -> np.ndarray:
    assert codes.factors is not None
    return codes.factors


def _beta(had: Had) -> Values:
    score = beta_score(had.codes.means, _factors(had.codes), seed=had.seed, **had.options._asdict())
    return {"beta_vae": score.value}, {"confusion": score.confusion.tolist(), **had.options._asdict()}


def _factor(had: Had) -> Values:
    score = factor_score(had.codes.means, _factors(had.codes), seed=had.seed)
    return {"factor_vae": score.value}, {"votes": score.votes.tolist(), "active": score.active.tolist()}


def _mig(had: Had) -> Values:
    score = mig(had.codes.means, _factors(had.codes))
    return {"mig": score.value}, {"gaps": score.gaps.tolist(), "information": score.information.tolist()}


def _continuous_mig(had: Had) -> Values:
    if had.codes.scales is None:
        raise ScoreError("continuous_mig needs the posterior's standard deviations (`scales`), which these codes lack.")
    score = continuous_mig(had.codes.means, had.codes.scales, _factors(had.codes), seed=had.seed)
    return {"continuous_mig": score.value}, {"gaps": score.gaps.tolist(), "information": score.information.tolist()}


def _dci(had: Had) -> Values:
    score = dci(had.codes.means, _factors(had.codes), seed=had.seed, **_shares(had.codes))
    parts = ("disentanglement", "completeness", "informativeness")
    return {f"dci_{part}": getattr(score, part) for part in parts}, {
        "importances": score.importances.tolist(),
        "told": score.told.tolist(),
        "model": "boosting",
    }


def _sap(had: Had) -> Values:
    score = sap(had.codes.means, _factors(had.codes), seed=had.seed, **_shares(had.codes))
    return {"sap": score.value}, {}


def _modularity(had: Had) -> Values:
    return {"modularity": modularity(had.codes.means, _factors(had.codes)).value}, {}


def _explicitness(had: Had) -> Values:
    return {
        "explicitness": explicitness(had.codes.means, _factors(had.codes), seed=had.seed, **_shares(had.codes)).value
    }, {}


def _irs(had: Had) -> Values:
    score = irs(had.codes.means, _factors(had.codes))
    return {"irs": score.value}, {"robustness": score.robustness.tolist(), "weights": score.weights.tolist()}


def _infomec(had: Had) -> Values:
    score = infomec(had.codes.means, _factors(had.codes), seed=had.seed)
    names = {"infom": "modularity", "infoe": "explicitness", "infoc": "compactness"}
    return {name: getattr(score, part) for name, part in names.items()}, {"information": score.information.tolist()}


SCORES: dict[str, Recipe] = {
    "beta_vae": Recipe(_beta, None, 5),
    "factor_vae": Recipe(_factor, None, 5),
    "mig": Recipe(_mig, TRAIN, 5),
    "continuous_mig": Recipe(_continuous_mig, 5_000, 3),
    "dci": Recipe(_dci, TRAIN + TEST, 3),
    "sap": Recipe(_sap, TRAIN + TEST, 5),
    "modularity": Recipe(_modularity, TRAIN, 5),
    "explicitness": Recipe(_explicitness, TRAIN + TEST, 3),
    "irs": Recipe(_irs, TRAIN, 5),
    "infomec": Recipe(_infomec, TRAIN, 3),
}
