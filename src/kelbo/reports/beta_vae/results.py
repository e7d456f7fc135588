"""The β-VAE study's results.json, asked for what one figure is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kelbo.reports.figure import Array

Entry = Mapping[str, Any]
Kind = float | str
"""a model of the study: its β, or "PCA" and "ICA\""""

BASELINES = {"PCA": "pca", "ICA": "ica"}
FACTORS = {"dsprites": 5, "3dshapes": 6, "mpi3d": 7}
CIFAR = ("cifar100", "cifar10")
"""the study's own choice for its figures first"""
NAMES = {
    "dsprites": "2Dshapes",
    "3dshapes": "3Dshapes",
    "mpi3d": "MPI3DToy",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}
"""what the study calls its sets"""


class Line(NamedTuple):
    """One quantity of one model over an axis: mean (T,) over seeds, and the seeds' own values (S, T)."""

    kind: Kind
    at: Array
    seeds: Array

    @property
    def mean(self) -> Array:
        return self.seeds.mean(0)


@dataclass(frozen=True)
class Study:
    """results: as results.json holds them."""

    results: Entry

    @property
    def as_published(self) -> bool:
        return self.results["mode"] == "as-published"

    @property
    def classifier(self) -> str:
        """The one of the tables."""
        return "linear" if self.as_published else "logistic"

    @property
    def pairs(self) -> int:
        """L, the pairs in one training point of the tables."""
        return self.results["plan"]["measures"]["pairs"]

    @property
    def betas(self) -> tuple[float, ...]:
        """Every β of the study in order, so that a β has one colour in all figures."""
        planned = [beta for sweep in self.results["plan"]["sweeps"] for beta in sweep["betas"]]
        return tuple(sorted({float(beta) for beta in [*planned, *(lane["beta"] for lane in self.results["lanes"])]}))

    def lanes(self, **wanted: Any) -> list[Entry]:
        """Lanes that came to their end, with these values (role="dsprites", beta=4.0)."""
        done = (lane for lane in self.results["lanes"] if lane["state"] == "done")
        return [lane for lane in done if all(lane[key] == value for key, value in wanted.items())]

    def roles(self, among: Iterable[str]) -> list[str]:
        """Those of the study's sets that have a finished lane."""
        return [role for role in among if self.lanes(role=role)]

    def note(self, role: str) -> str:
        """Where the images of a role are from, in a few words."""
        sweeps = [sweep for sweep in self.results["plan"]["sweeps"] if sweep["role"] == role]
        return f"rendered ({sweeps[0]['set']})" if sweeps and sweeps[0]["source"] == "rendered" else "official files"

    def entries(self, kind: Kind, role: str, network: str) -> list[Entry]:
        """What was scored of one model on one set, an entry a seed."""
        if isinstance(kind, str):
            found = [e for e in self.results["baselines"] if e["kind"] == BASELINES[kind] and e["role"] == role]
            return [entry for entry in found if entry["as_published"] == self.as_published]
        return self.lanes(role=role, network=network, beta=kind)

    @property
    def kinds(self) -> list[Kind]:
        """Every model, as the study lists them."""
        return [*self.betas, *BASELINES]

    def score(self, entry: Entry, factors: str, pairs: int | None = None) -> float | None:
        """The β-VAE score of the tables' classifier, None where it was not measured. factors: "all", "without shape"."""
        wanted = {"factors": factors, "classifier": self.classifier, "pairs": self.pairs if pairs is None else pairs}
        values = [s["value"] for s in entry["scores"] if all(s[key] == value for key, value in wanted.items())]
        return values[0] if values else None

    def scores(self, kind: Kind, role: str, network: str, factors: str, pairs: int | None = None) -> list[float]:
        """That score of every seed that has one."""
        values = (self.score(entry, factors, pairs) for entry in self.entries(kind, role, network))
        return [value for value in values if value is not None]

    def over_pairs(self, role: str, network: str, factors: str) -> list[Line]:
        """That score over L, a line a model that has two values of L or more, of the seeds that have all of them."""
        swept = sorted(
            {s["pairs"] for e in self._scored(role, network) for s in e["scores"] if s["factors"] == factors}
        )
        lines = []
        for kind in self.kinds:
            known = [p for p in swept if self.scores(kind, role, network, factors, p)]
            rows = [[self.score(e, factors, p) for p in known] for e in self.entries(kind, role, network)]
            whole = [row for row in rows if None not in row]
            if len(known) > 1 and whole:
                lines.append(Line(kind, np.array(known, np.float64), np.array(whole, np.float64)))
        return lines

    def over_steps(self, role: str, curve: str, quantity: str) -> list[Line]:
        """One quantity of a lane's curve over steps, a line a β, at the steps that all its seeds have in common."""
        lines = []
        for beta in self.betas:
            read = [_points(lane.get(curve) or [], quantity) for lane in self.lanes(role=role, beta=beta)]
            read = [points for points in read if points]
            steps = sorted(set(read[0]).intersection(*read[1:])) if read else []
            if steps:
                rows = [[points[step] for step in steps] for points in read]
                lines.append(Line(beta, np.array(steps, np.float64), np.array(rows, np.float64)))
        return lines

    def _scored(self, role: str, network: str) -> list[Entry]:
        return [entry for kind in self.kinds for entry in self.entries(kind, role, network)]


def named(kind: Kind) -> str:
    """A model as a legend calls it."""
    return kind if isinstance(kind, str) else f"β = {kind:g}"


def best(study: Study, lanes: Sequence[Entry], factors: Sequence[str]) -> tuple[Entry, float] | None:
    """The lane of the highest score, on the first of `factors` that any lane was scored on; None of none."""
    for some in factors:
        scored = [(value, lane) for lane in lanes if (value := study.score(lane, some)) is not None]
        if scored:
            value, lane = max(scored, key=lambda pair: pair[0])
            return lane, value
    return None


def _points(rows: Sequence[Entry], quantity: str) -> dict[int, float]:
    """By step, of the rows that have it as a finite number."""
    return {row["step"]: float(row[quantity]) for row in rows if np.isfinite(row.get(quantity) or np.nan)}
