"""The disentanglement scores of one table of codes, each with its interval, settings and details."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.intervals import Score, half_samples, of_halves, of_replicates
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
"""training and test rows of the reference implementation"""

NO_FACTORS = (
    "have no known factors, so they have no disentanglement scores. Scores need shapes2d, shapes3d, arm, dsprites, 3dshapes "
    "or mpi3d, or codes and factors of your own (`kelbo score`)."
)


class Options(NamedTuple):
    """Of the β-VAE score: pairs, its L; classifier; chosen, the columns of the factors to classify (None: all)."""

    pairs: int = 64
    classifier: Classifier = "logistic"
    chosen: tuple[int, ...] | None = None


DEFAULTS = Options()

Values = tuple[dict[str, float], dict[str, Any]]
"""a family's scores by name, and their details"""


class ScoreInputs(NamedTuple):
    """Inputs of one replicate of a score."""

    codes: Codes
    seed: int
    options: Options

    @property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """Means (N, K) and factors (N, F)."""
        return self.codes.means, _factors(self.codes)

    @property
    def sizes(self) -> SplitSizes:
        """The reference's training and test rows if the table suffices, else the same shares of its rows."""
        size = min(len(self.codes), TRAIN + TEST)
        train = size * TRAIN // (TRAIN + TEST)
        return {"train": train, "test": size - train}


class SplitSizes(TypedDict):
    train: int
    test: int


class ScoreFamily(NamedTuple):
    """How one family of scores is computed.

    compute     from the inputs of one replicate to its scores and details
    rows        number of rows of one replicate, drawn from the table; None: all, from which the score draws pairs itself
    replicates  number of replicates
    """

    compute: Callable[[ScoreInputs], Values]
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

    settings: what a value depends on besides the codes (rows, size of the table, seed, and the score's own options).

    If the table holds every combination of factors, the value is the mean over replicates with fresh rows or pairs, and the
    interval is Student's. Otherwise the table is a sample, and such an interval would ignore its sampling error: the value is
    computed from as many rows as the score takes, and the interval from halves of them.

    missing: if given, the reason why a score does not exist for these codes is stored there instead of raised.
    Raises ScoreError if the tables do not match, the codes have no factors or a name is unknown, and as the metrics do.
    """
    if codes.factors is None:
        raise ScoreError(f"These images {NO_FACTORS}")
    if unknown := [name for name in names if name not in SCORES]:
        raise ScoreError(f"There is no score {', '.join(unknown)}; the scores are {', '.join(SCORES)}.")
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
            found[part] = score.within(0, 1).as_json() | {"family": name, "settings": settings, "seconds": seconds}
        found[next(iter(scores))]["details"] = details
    return found


def _require_fitting(codes: Codes) -> None:
    """Raise ScoreError if the tables differ in images or latents: row numbers drawn later would hide it."""
    means, _ = codes_and_factors(codes.means, _factors(codes))
    if codes.scales is not None and finite_table("scales", codes.scales).shape != means.shape:
        raise ScoreError(f"scales must have the codes' shape {means.shape}; got {codes.scales.shape}.")
    names_of(_factors(codes), codes.names or None)


def _interval(
    codes: Codes, complete: bool, family: ScoreFamily, options: Options, seed: int
) -> tuple[dict[str, Score], Any, Any]:
    table, seeds = len(codes), range(seed, seed + family.replicates)
    if complete and (family.rows is None or table >= 2 * family.rows):
        parts = [family.compute(ScoreInputs(_sampled(codes, family.rows, number), number, options)) for number in seeds]
        scores = {name: of_replicates([values[name] for values, _ in parts]) for name in parts[0][0]}
        settings = {
            "rows": family.rows or table,
            "table": table,
            "replicates": "fresh rows" if family.rows else "fresh pairs",
        }
        return scores, parts[0][1], settings
    if family.rows is not None and table > family.rows:
        codes = _sampled(codes, family.rows, seed)
    size = len(codes)
    whole, details = family.compute(ScoreInputs(codes, seed, options))
    settings = {"rows": size, "table": table, "replicates": "half samples"}
    try:
        halves = [
            family.compute(ScoreInputs(_selected(codes, rows), seed, options))[0]
            for rows in half_samples(size, family.replicates, seed)
        ]
    except ScoreError as error:  # the whole table suffices for the score, but half of it does not
        settings["replicates"] = f"no interval, since half of the rows have no score: {error}"
        return {name: of_replicates([value]) for name, value in whole.items()}, details, settings
    scores = {name: of_halves(value, [half[name] for half in halves], size) for name, value in whole.items()}
    return scores, details, settings


def _sampled(codes: Codes, rows: int | None, seed: int) -> Codes:
    if rows is None:
        return codes
    return _selected(codes, np.random.default_rng(seed).choice(len(codes), rows, replace=False))


def _selected(codes: Codes, rows: np.ndarray) -> Codes:
    scales, factors = (None if part is None else part[rows] for part in (codes.scales, codes.factors))
    return Codes(codes.means[rows], scales, factors, codes.names)


def _factors(codes: Codes) -> np.ndarray:
    assert codes.factors is not None
    return codes.factors


def _values(score: Any, names: Mapping[str, str], *details: str) -> Values:
    """A metric's answer as scores, each by its name and the field that has it, and as details, its arrays of these names."""
    return (
        {name: getattr(score, part) for name, part in names.items()},
        {name: getattr(score, name).tolist() for name in details},
    )


def _beta(of: ScoreInputs) -> Values:
    options = of.options._asdict()
    scores, details = _values(beta_score(*of.table, seed=of.seed, **options), {"beta_vae": "value"}, "confusion")
    return scores, details | options


def _continuous_mig(of: ScoreInputs) -> Values:
    (means, factors), scales = of.table, of.codes.scales
    if scales is None:
        raise ScoreError("continuous_mig needs the posterior's standard deviations (scales), which these codes lack.")
    score = continuous_mig(means, scales, factors, seed=of.seed)
    return _values(score, {"continuous_mig": "value"}, "gaps", "information")


def _dci(of: ScoreInputs) -> Values:
    score = dci(*of.table, seed=of.seed, **of.sizes)
    parts = ("disentanglement", "completeness", "informativeness")
    scores, details = _values(score, {f"dci_{part}": part for part in parts}, "importances")
    return scores, {**details, "told": score.informativeness_by_factor.tolist(), "model": "boosting"}


def _infomec(of: ScoreInputs) -> Values:
    names = {"infom": "modularity", "infoe": "explicitness", "infoc": "compactness"}
    return _values(infomec(*of.table, seed=of.seed), names, "information")


SCORES: dict[str, ScoreFamily] = {
    "beta_vae": ScoreFamily(_beta, None, 5),
    "factor_vae": ScoreFamily(
        lambda of: _values(factor_score(*of.table, seed=of.seed), {"factor_vae": "value"}, "votes", "active"), None, 5
    ),
    "mig": ScoreFamily(lambda of: _values(mig(*of.table), {"mig": "value"}, "gaps", "information"), TRAIN, 5),
    "continuous_mig": ScoreFamily(_continuous_mig, 5_000, 3),
    "dci": ScoreFamily(_dci, TRAIN + TEST, 3),
    "sap": ScoreFamily(lambda of: _values(sap(*of.table, seed=of.seed, **of.sizes), {"sap": "value"}), TRAIN + TEST, 5),
    "modularity": ScoreFamily(lambda of: _values(modularity(*of.table), {"modularity": "value"}), TRAIN, 5),
    "explicitness": ScoreFamily(
        lambda of: _values(explicitness(*of.table, seed=of.seed, **of.sizes), {"explicitness": "value"}),
        TRAIN + TEST,
        3,
    ),
    "irs": ScoreFamily(lambda of: _values(irs(*of.table), {"irs": "value"}, "robustness", "weights"), TRAIN, 5),
    "infomec": ScoreFamily(_infomec, TRAIN, 3),
}
