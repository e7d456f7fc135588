"""Warn while a run trains: a sink that judges its rows by the rules of `diagnosis`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from kelbo.errors import Damaged
from kelbo.experiments import diagnosis, pinned
from kelbo.experiments.diagnosis import ROWS, TREND, RateReading, SigmaReading
from kelbo.experiments.findings import Finding, of_rows
from kelbo.experiments.held import TargetReading, reading, targets
from kelbo.experiments.pinned import PlayersReading
from kelbo.experiments.stretch import Stretch
from kelbo.protocols import Likelihood, SigmaFrom
from kelbo.recipes.objective_specs import TargetSpec
from kelbo.runs import Run
from kelbo.runs.journal import Row

Warn = Callable[[str], object]
"""Takes one warning as text."""


class Warned(NamedTuple):
    """A finding and the step after which it was made; each code is found once a run."""

    finding: Finding
    step: int

    @property
    def entry(self) -> dict[str, Any]:
        """As a run keeps it: "kind" is the code."""
        code, severity, fields, text = self.finding
        return {"kind": code, "step": self.step, "severity": severity, "fields": dict(fields), "text": text}


class RunWatch:
    """A sink of rows that warns if σ is at its floor or apart from the error, if the posterior has collapsed, and if a target
    is not reached; each warning is given once, and kept.

    What it finds depends only on the rows and the steps, so a resumed run, which begins with the rows of its journal
    (`begin`), keeps the same as an uninterrupted one. Warnings given before are not given again.

    likelihood: None of a model that reads no examples. steps: of the whole run. cautions: warnings before the first step.
    has_rate: if False (a plain autoencoder), only the cautions are given. rows: whether the examples are rows of a table, for
    the words of the warnings. target: what the objective holds.
    """

    def __init__(
        self,
        run: Run,
        likelihood: Likelihood | None,
        steps: int,
        warn: Warn,
        *,
        has_rate: bool = True,
        cautions: Sequence[Finding] = (),
        rows: bool = False,
        target: TargetSpec | None = None,
    ) -> None:
        self.run, self.warn = run, warn
        self.source: SigmaFrom | None = likelihood and likelihood.sigma_from
        self.floor = likelihood and likelihood.sigma_floor
        self.has_rate = has_rate
        self.follows_sigma = has_rate and (self.floor is not None or self.source not in (None, "given"))
        self.sigmas: Stretch[SigmaReading] = Stretch(steps, TREND, ROWS)
        self.rates: Stretch[RateReading] = Stretch(steps, TREND, ROWS)
        self.targets: Stretch[TargetReading] = Stretch(steps, TREND, ROWS)
        self.players: Stretch[PlayersReading] = Stretch(steps, TREND, ROWS)
        self.rows, self.target = rows, target
        self.found = [Warned(caution, 0) for caution in cautions]
        self.given: set[tuple[str, int]] = set()

    def begin(self) -> None:
        """Take in the rows and warnings that the run has already. OSError if the disk refuses."""
        with suppress(Damaged):  # the warnings of a file that cannot be read are found and given again
            self.given = {(warned["kind"], warned["step"]) for warned in self.run.warnings()}
        for row in self.run.journal:
            self._take(row)
        self._tell()

    def __call__(self, row: Row) -> None:
        before = len(self.found)
        self._take(row)
        if len(self.found) > before:
            self._tell()

    def _tell(self) -> None:
        self.run.save_warnings([warned.entry for warned in self.found])
        for found, step in self.found:
            if (found.code, step) not in self.given:
                self.given.add((found.code, step))
                self.warn(found.text)

    def _take(self, row: Row) -> None:
        made: list[Finding | None] = []
        if self.has_rate and (rate := _rate(row)) is not None:
            self.rates.add(rate)
            made.append(diagnosis.rates(self.rates, self.source))
        if self.follows_sigma and (sigma := _sigma(row)) is not None:
            self.sigmas.add(sigma)
            made.append(diagnosis.sigmas(self.sigmas, self.source, self.floor))
        if self.target is not None and (held := reading(row, self.target)) is not None:
            self.targets.add(held)
            made.append(targets(self.targets, self.target))
        if (players := pinned.reading(row)) is not None:
            self.players.add(players)
            made.append(pinned.players(self.players))
        for found in filter(None, made):
            if all(found.code != warned.finding.code for warned in self.found):
                self.found.append(Warned(of_rows(found) if self.rows else found, int(row["step"] or 0)))


def _rate(row: Row) -> RateReading | None:
    step, rate = row["step"], row.get("rate")
    return None if step is None or rate is None or not math.isfinite(rate) else RateReading(int(step), rate)


def _sigma(row: Row) -> SigmaReading | None:
    step, sigma, rmse = row["step"], row.get("sigma"), row.get("rmse")
    if step is None or sigma is None or rmse is None or not 0 < sigma < math.inf or not math.isfinite(rmse):
        return None
    return SigmaReading(int(step), sigma, rmse, row.get("floored") or 0.0)
