"""The β-VAE score as the study's code computed it, and what each thing it did unsaid does to it, all else equal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from kelbo.metrics import beta_score_of, pair_differences
from kelbo.metrics.checks import Floats, Ints
from kelbo.metrics.classifiers import Classifier
from kelbo.studies.beta_vae.as_published_classifiers import POINTS, STEPS, Network, Task, answers_in_turn
from kelbo.studies.beta_vae.asked import Effort
from kelbo.studies.beta_vae.quirks_entries import Entry, Row, Subject, compared, entry

CLASSIFIERS: tuple[Classifier, ...] = ("linear", "mlp", "logistic", "forest")
"""in the order of the study's code"""

# ── the mode as-published ─────────────────────────────────────────────────────────────────────────────────────────────


def as_published_score(
    codes: Mapping[str, np.ndarray],
    factors: np.ndarray,
    chosen: Sequence[int] | None = None,
    *,
    classifier: Classifier,
    pairs: int = 64,
    points: tuple[int, int] = POINTS,
    seed: int = 0,
    steps: Mapping[Network, int] = STEPS,
) -> dict[str, float]:
    """The score of each of these codes as one evaluation of the study gave it.

    codes: "vae", "pca", "ica" (N, K), in the order in which its networks learned them (see `answers_in_turn`): what the
    VAE's left behind changes PCA's, so they are asked for together. chosen: the columns that are drawn; the networks
    choose among all F in any case. seed: of pairs and weights. steps: fewer than the study's make another score, which the
    caller says.

    With the study's points and steps a linear network takes about a second a code, an MLP 40. ScoreError as
    `pair_differences` says.
    """
    drawn = {name: _task(table, factors, chosen, points, pairs, seed) for name, table in codes.items()}
    told = _told(classifier, {name: task for name, (task, _) in drawn.items()}, np.shape(factors)[1], seed, steps)
    return {name: float((told[name] == asked).mean()) for name, (_, asked) in drawn.items()}


def _told(
    classifier: Classifier, tasks: Mapping[str, Task], classes: int, seed: int, steps: Mapping[Network, int]
) -> dict[str, Ints]:
    if classifier in STEPS:
        network = cast(Network, classifier)
        answers = answers_in_turn(network, tasks, classes=classes, seed=seed, steps=steps[network])
        return {name: answer.dropped for name, answer in answers.items()}
    return {name: _by_scikit(classifier, task, seed) for name, task in tasks.items()}


def _by_scikit(classifier: Classifier, task: Task, seed: int) -> Ints:
    """On the points as they are, with 500 iterations, enough or not; 150 trees."""
    from sklearn.ensemble import RandomForestClassifier  # here, since scikit-learn takes a second to import
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if classifier == "forest":
        model: Any = RandomForestClassifier(150, random_state=seed)
    else:
        model = LogisticRegression(max_iter=500, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(task.train, task.labels).predict(task.test)


def _task(
    codes: np.ndarray,
    factors: np.ndarray,
    chosen: Sequence[int] | None,
    points: tuple[int, int],
    pairs: int,
    seed: int,
) -> tuple[Task, Ints]:
    """What a network learns and is asked, its classes the columns themselves; and what is right."""
    drawn = pair_differences(codes, factors, points=sum(points), pairs=pairs, chosen=chosen, seed=seed)
    train = points[0]
    return Task(drawn.differences[:train], drawn.labels[:train], drawn.differences[train:]), drawn.labels[train:]


# ── one thing at a time ───────────────────────────────────────────────────────────────────────────────────────────────


def networks(subject: Subject, effort: Effort) -> list[Entry]:
    """Dropout in the test, what is carried from code to code, ICA's optimiser, and the class that is never drawn."""
    if subject.factors is None or "vae" not in subject.codes:
        return []
    found: dict[str, dict[str, list[float]]] = {}
    for seed in effort.seeds:
        for label, share in _of_networks(subject, subject.factors, effort, seed).items():
            found.setdefault(label[0], {}).setdefault(label[1], []).append(share)
    entries = []
    for name, rows in NETWORK_ROWS.items():
        made = [_row(subject, found, *row) for row in rows]
        made = [row for row in made if row is not None]
        if made:
            entries.append(entry(name, subject, made, shortened(effort, [row["label"] for row in made])))
    return entries


NETWORK_ROWS: dict[str, list[tuple[str, str, str, str]]] = {
    "dropout-at-test": [("vae", ", MLP", "mlp-dropped", "mlp")],
    "carried-state": [("pca", ", linear", "linear", "linear-fresh"), ("pca", ", MLP", "mlp", "mlp-fresh")],
    "ica-optimizer": [
        ("ica", ", linear", "linear-adam", "linear-fresh"),
        ("pca", " given Adam at 1 too, linear", "linear-fresh", "linear-adam"),
    ],
    "idle-class": [("vae", ", linear", "linear", "linear-drawn")],
}
"""of each quirk: a code, what is said after its name, and the two ways that are compared, by the keys of `_of_networks`"""


def _row(subject: Subject, found: Mapping[str, Mapping[str, list[float]]], *row: str) -> Row | None:
    code, aside, published, corrected = row
    ways = found.get(code, {})
    if published not in ways or corrected not in ways:
        return None
    return compared(f"{subject.called(code)}{aside}", ways[published], ways[corrected])


def _of_networks(subject: Subject, factors: np.ndarray, effort: Effort, seed: int) -> dict[tuple[str, str], float]:
    """Accuracies by code and way; the same points and first weights for all ways of a code."""
    chosen, classes = subject.chosen, factors.shape[1]
    drawn = {
        name: _task(subject.codes[name], factors, chosen, effort.points, effort.pairs, seed)
        for name in ("vae", "pca", "ica")
        if name in subject.codes
    }
    tasks = {name: task for name, (task, _) in drawn.items()}
    steps: dict[Network, int] = {"linear": effort.linear_steps, "mlp": effort.mlp_steps}
    shares: dict[tuple[str, str], float] = {}

    def learn(network: Network, way: str, names: Sequence[str], **how: Any) -> None:
        some = {name: tasks[name] for name in names if name in tasks}
        if not some:
            return
        answers = answers_in_turn(network, some, classes=classes, seed=seed, steps=steps[network], **how)
        for name, answer in answers.items():
            shares[name, way] = float((answer.whole == drawn[name][1]).mean())
            shares[name, f"{way}-dropped"] = float((answer.dropped == drawn[name][1]).mean())

    learn("linear", "linear", ("vae", "pca"))
    learn("linear", "linear-fresh", ("pca", "ica"), carried=False, tuned=())
    learn("linear", "linear-adam", ("pca", "ica"), carried=False, tuned=("pca", "ica"))
    if effort.mlp_steps < STEPS["mlp"]:  # what is carried changes a beginning most: shortened, it would look worse
        learn("mlp", "mlp", ("vae",))
    else:
        learn("mlp", "mlp", ("vae", "pca"))
        learn("mlp", "mlp-fresh", ("pca",), carried=False)
    if chosen is not None and len(chosen) < classes:
        shares["vae", "linear-drawn"] = _without_idle_classes(*drawn["vae"], chosen, seed, effort.linear_steps)
    return shares


def _without_idle_classes(task: Task, asked: Ints, chosen: Sequence[int], seed: int, steps: int) -> float:
    columns = np.sort(np.asarray(chosen))
    among = Task(task.train, np.searchsorted(columns, task.labels), task.test)
    told = answers_in_turn("linear", {"vae": among}, classes=len(columns), seed=seed, steps=steps)["vae"].whole
    return float((columns[told] == asked).mean())


def few_points(subject: Subject, effort: Effort) -> list[Entry]:
    """The same codes by logistic regression, with the study's points and with the reference's."""
    if subject.factors is None:
        return []
    rows, widths = [], {}
    for name, codes in subject.codes.items():
        few, many = (
            [logistic_score(codes, subject.factors, subject, size, effort.pairs, seed) for seed in effort.seeds]
            for size in (effort.points, effort.reference)
        )
        rows.append(compared(f"{subject.called(name)}, logistic", few, many))
        widths[subject.called(name)] = [100 * float(np.std(some, ddof=1)) for some in (few, many) if len(some) > 1]
    if not rows:
        return []
    note = f"{effort.points[0]:,}/{effort.points[1]:,} points against {effort.reference[0]:,}/{effort.reference[1]:,}."
    if len(effort.seeds) > 1:
        moves = "; ".join(f"{called} {few:.1f} against {many:.1f}" for called, (few, many) in widths.items())
        note += f" Standard deviations from seed to seed, points: {moves}."
    return [entry("few-points", subject, rows, note)]


def logistic_score(
    codes: Floats, factors: np.ndarray, subject: Subject, points: tuple[int, int], pairs: int, seed: int
) -> float:
    """The corrected score: logistic regression to convergence, classes that are drawn."""
    drawn = pair_differences(codes, factors, points=sum(points), pairs=pairs, chosen=subject.chosen, seed=seed)
    return beta_score_of(drawn, train=points[0], seed=seed).value


def linear_score(kind: str, codes: Floats, factors: np.ndarray, subject: Subject, effort: Effort, seed: int) -> float:
    """As the study trained the linear network of a code of that kind, but with an optimiser of its own."""
    task, asked = _task(codes, factors, subject.chosen, effort.points, effort.pairs, seed)
    classes, steps = factors.shape[1], effort.linear_steps
    told = answers_in_turn("linear", {kind: task}, classes=classes, seed=seed, steps=steps)[kind].whole
    return float((told == asked).mean())


def shortened(effort: Effort, labels: Sequence[str]) -> str:
    """How long the networks of these rows learned, if that is not as long as the study's."""
    used: dict[Network, int] = {"linear": effort.linear_steps, "mlp": effort.mlp_steps}
    words = " ".join(labels).lower()
    names: dict[Network, str] = {"linear": "linear network", "mlp": "MLP"}
    short = [f"the {names[n]} {used[n]:,} of {STEPS[n]:,}" for n in used if n in words and used[n] < STEPS[n]]
    return f"Steps of the classifiers: {' and '.join(short)}." if short else ""
