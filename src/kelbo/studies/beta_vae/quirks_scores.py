"""What each thing that the β-VAE study's code did unsaid does to scores of the same codes, all else equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kelbo.metrics import beta_score_of, continuous_mig, pair_differences
from kelbo.metrics.checks import Floats, Ints
from kelbo.studies.beta_vae.as_published_classifiers import STEPS, Network, Task, answers_in_turn, task_of
from kelbo.studies.beta_vae.as_published_mig import continuous_mig_as_published
from kelbo.studies.beta_vae.asked import Effort
from kelbo.studies.beta_vae.quirks_rows import Entry, compared, entry
from kelbo.studies.beta_vae.subjects import Subject

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


def networks(subject: Subject, effort: Effort) -> list[Entry]:
    """Dropout in the test, what is carried from code to code, ICA's optimiser, and the class that is never drawn."""
    shares = [_of_networks(subject, effort, seed) for seed in effort.seeds]
    entries = []
    for name, every in NETWORK_ROWS.items():
        rows = [
            compared(f"{subject.called(code)}{aside}", [of[code, a] for of in shares], [of[code, b] for of in shares])
            for code, aside, a, b in every
            if {(code, a), (code, b)} <= shares[0].keys()
        ]
        if rows:
            entries.append(entry(name, subject, rows, shortened(effort, [row["label"] for row in rows])))
    return entries


def _of_networks(subject: Subject, effort: Effort, seed: int) -> dict[tuple[str, str], float]:
    """Accuracies by code and way; the same points and first weights for all ways of a code."""
    chosen, classes = subject.chosen, subject.factors.shape[1]
    drawn = {
        name: task_of(codes, subject.factors, chosen, effort.points, effort.pairs, seed)
        for name, codes in subject.codes.items()
    }
    steps: dict[Network, int] = {"linear": effort.linear_steps, "mlp": effort.mlp_steps}
    shares: dict[tuple[str, str], float] = {}

    def learn(network: Network, way: str, *names: str, **how: Any) -> None:
        tasks = {name: drawn[name][0] for name in names}
        answers = answers_in_turn(network, tasks, classes=classes, seed=seed, steps=steps[network], **how)
        for name, answer in answers.items():
            shares[name, way] = float((answer.whole == drawn[name][1]).mean())
            shares[name, f"{way}-dropped"] = float((answer.dropped == drawn[name][1]).mean())

    learn("linear", "linear", "vae", "pca")
    learn("linear", "linear-fresh", "pca", "ica", carried=False, tuned=())
    learn("linear", "linear-adam", "pca", "ica", carried=False, tuned=("pca", "ica"))
    if effort.mlp_steps < STEPS["mlp"]:  # what is carried changes a beginning most: shortened, it would look worse
        learn("mlp", "mlp", "vae")
    else:
        learn("mlp", "mlp", "vae", "pca")
        learn("mlp", "mlp-fresh", "pca", carried=False)
    if chosen is not None and len(chosen) < classes:
        shares["vae", "linear-drawn"] = _without_idle_classes(*drawn["vae"], chosen, seed, effort.linear_steps)
    return shares


def _without_idle_classes(task: Task, asked: Ints, chosen: Sequence[int], seed: int, steps: int) -> float:
    columns = np.sort(np.asarray(chosen))
    among = Task(task.train, np.searchsorted(columns, task.labels), task.test)
    told = answers_in_turn("linear", {"vae": among}, classes=len(columns), seed=seed, steps=steps)["vae"].whole
    return float((columns[told] == asked).mean())


def shortened(effort: Effort, labels: Sequence[str]) -> str:
    """How long the networks of these rows learned, if that is not as long as the study's."""
    networks: tuple[tuple[Network, str, int], ...] = (
        ("linear", "linear network", effort.linear_steps),
        ("mlp", "MLP", effort.mlp_steps),
    )
    words = " ".join(labels).lower()
    short = [f"the {name} {n:,} of {STEPS[key]:,}" for key, name, n in networks if key in words and n < STEPS[key]]
    return f"Steps of the classifiers: {' and '.join(short)}." if short else ""


def few_points(subject: Subject, effort: Effort) -> list[Entry]:
    """The same codes by logistic regression, with the study's points and with the reference's."""
    rows, moves = [], []
    for name, codes in subject.codes.items():
        called = subject.called(name)
        few, many = (
            [logistic_score(codes, subject.factors, subject, size, effort.pairs, seed) for seed in effort.seeds]
            for size in (effort.points, effort.reference)
        )
        rows.append(compared(f"{called}, logistic", few, many))
        if len(effort.seeds) > 1:
            moves.append("{} {:.1f} against {:.1f}".format(called, *(100 * np.std(x, ddof=1) for x in (few, many))))
    note = f"{effort.points[0]:,}/{effort.points[1]:,} points against {effort.reference[0]:,}/{effort.reference[1]:,}."
    if moves:
        note += f" Standard deviations from seed to seed, points: {'; '.join(moves)}."
    return [entry("few-points", subject, rows, note)]


def mixed_up_gap(subject: Subject, effort: Effort) -> list[Entry]:
    """The continuous mutual information gap with draws of all latents for those of one, and as it is defined."""
    tables = subject.codes["vae"], subject.scales, subject.factors
    rows = min(effort.mig_rows, len(subject.factors))
    published, corrected = [], []
    for seed in effort.seeds:
        some = np.random.default_rng(seed).permutation(len(subject.factors))[:rows]
        published.append(continuous_mig_as_published(*(table[some] for table in tables), seed=seed).value)
        corrected.append(continuous_mig(*(table[some] for table in tables), seed=seed).value)
    note = f"Of {rows:,} images, drawn anew for each replicate; the study used the gap on 2Dshapes only."
    return [entry("mig-scrambled", subject, [compared(subject.model, published, corrected, "gap")], note)]


def logistic_score(
    codes: Floats, factors: np.ndarray, subject: Subject, points: tuple[int, int], pairs: int, seed: int
) -> float:
    """The corrected score: logistic regression to convergence, classes that are drawn."""
    drawn = pair_differences(codes, factors, points=sum(points), pairs=pairs, chosen=subject.chosen, seed=seed)
    return beta_score_of(drawn, train=points[0], seed=seed).value


def linear_score(kind: str, codes: Floats, factors: np.ndarray, subject: Subject, effort: Effort, seed: int) -> float:
    """As the study trained the linear network of a code of that kind, but with an optimiser of its own."""
    task, asked = task_of(codes, factors, subject.chosen, effort.points, effort.pairs, seed)
    classes, steps = factors.shape[1], effort.linear_steps
    told = answers_in_turn("linear", {kind: task}, classes=classes, seed=seed, steps=steps)[kind].whole
    return float((told == asked).mean())
