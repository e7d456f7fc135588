"""Record what becomes of every claim of both studies, so that judges built anew can be held to it.

    python tests/golden/claims.py             write claims_results.json.gz and claims.json anew

The results judged are the committed ones and all that the tests of both studies' reports invent. claims_results.json.gz holds
them by case name, {"parts": [...], "cases": {name: results}}: `joined` puts the parts back, which many cases share.
claims.json holds by case and claim what came of it.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))  # this checkout's, whichever is installed
os.environ |= {"OMP_NUM_THREADS": "1"}

import pytest

from kelbo.reports.beta_vae import claims as beta_vae
from kelbo.reports.claims import Verdict
from kelbo.reports.evidence import Evidence
from kelbo.reports.sigma_vae import claims as sigma_vae

ROOT = Path(__file__).resolve().parents[2]
RESULTS, OUTCOMES = (Path(__file__).with_name(name) for name in ("claims_results.json.gz", "claims.json"))
JUDGES = {"beta_vae": beta_vae, "sigma_vae": sigma_vae}
COMMITTED = ["beta_vae_hours", "beta_vae_minutes", "sigma_vae_minutes", "sigma_vae_mnist_paper"]
SHARED = ("lanes", "baselines", "quirks")
"""lists of results whose entries many cases share"""

Judge = Callable[[Mapping[str, Any]], list[Verdict]]
Outcomes = dict[str, dict[str, Any]]


class Recorder:
    """Every results dict that a judge gave verdicts on, as JSON by case, each once; and those verdicts by case."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}
        self.outcomes: dict[str, Outcomes] = {}
        self.calls: Counter[str] = Counter()
        self.place = ""
        self._names: dict[str, str] = {}

    def watched(self, study: str, judge: Judge) -> Judge:
        @wraps(judge)
        def recorded(results: Mapping[str, Any]) -> list[Verdict]:
            verdicts = judge(results)
            text = study + compact(results)  # now, since tests bend results after they were judged
            if text not in self._names:
                self.calls[self.place] += 1
                name = self._names[text] = f"{study} {self.place} {self.calls[self.place]}"
                self.results[name], self.outcomes[name] = text.removeprefix(study), outcomes(verdicts)
            return verdicts

        return recorded

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.place = nodeid.removeprefix("tests/reports/").partition("/")[2]


def compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


def outcomes(verdicts: list[Verdict]) -> Outcomes:
    """What came of each claim, by its id."""
    found = {
        verdict.claim.id: {
            "outcome": verdict.outcome,
            "so_far": verdict.so_far,
            "missing": bool(verdict.missing),
            "evidence": [told(part) for part in verdict.evidence],
        }
        for verdict in verdicts
    }
    if len(found) != len(verdicts):
        raise ValueError("two claims have one id")
    return found


def told(part: Evidence) -> dict[str, Any]:
    value, low, high, _ = part.estimate
    numbers = {"value": value, "low": low, "high": high, "above": part.above, "below": part.below}
    rounded = {name: None if number is None else float(f"{number:.9g}") for name, number in numbers.items()}
    return {"label": part.label, **rounded, "side": part.side, "held": bool(part.held)}


def split(cases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Results by case, with the entries of long lists by their place among the parts."""
    places: dict[str, int] = {}
    parted = {
        name: {
            key: [places.setdefault(compact(entry), len(places)) for entry in value] if key in SHARED else value
            for key, value in results.items()
        }
        for name, results in cases.items()
    }
    return {"parts": [json.loads(text) for text in places], "cases": parted}


def joined(record: Mapping[str, Any]) -> dict[str, Any]:
    """Results by case, from what `split` made of them; cases share no entry, so each may be bent alone."""
    parts = [compact(part) for part in record["parts"]]
    return {
        name: {key: [json.loads(parts[i]) for i in value] if key in SHARED else value for key, value in results.items()}
        for name, results in record["cases"].items()
    }


def written(found: Mapping[str, Outcomes]) -> str:
    """Outcomes as JSON, a claim a line."""

    def lines() -> Iterator[str]:
        for name, claims in sorted(found.items()):
            rows = (f"{json.dumps(id)}: {_line(claim)}" for id, claim in sorted(claims.items()))
            yield f"{json.dumps(name, ensure_ascii=False)}: {{\n" + ",\n".join(rows) + "\n}"

    return "{\n" + ",\n".join(lines()) + "\n}\n"


def _line(claim: object) -> str:
    return json.dumps(claim, ensure_ascii=False, sort_keys=True)


def main() -> int:
    recorder = Recorder()
    judges = {study: module.claims for study, module in JUDGES.items()}
    for study, module in JUDGES.items():  # before any test or page imports it
        module.claims = recorder.watched(study, module.claims)
    for recorder.place in COMMITTED:
        results = json.loads((ROOT / f"benchmarks/results/{recorder.place}.json").read_text())
        JUDGES[recorder.place.partition("_vae")[0] + "_vae"].claims(results)
    tests = [str(ROOT / "tests/reports" / study) for study in JUDGES]
    code = pytest.main(["-q", "-m", "", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *tests], [recorder])
    if code:
        return int(code)
    record = split({name: json.loads(text) for name, text in recorder.results.items()})
    RESULTS.write_bytes(gzip.compress(compact(record).encode(), mtime=0))
    OUTCOMES.write_text(written(recorder.outcomes))
    again = joined(json.loads(gzip.decompress(RESULTS.read_bytes())))
    judged = {name: outcomes(judges[name.partition(" ")[0]](results)) for name, results in again.items()}
    if written(judged) != OUTCOMES.read_text():
        raise ValueError("results that were read again are judged otherwise")
    for study in JUDGES:
        count(study, [claims for name, claims in judged.items() if name.startswith(f"{study} ")])
    return 0


def count(study: str, cases: list[Outcomes]) -> None:
    claims = [claim for found in cases for claim in found.values()]
    numbers = sum(len(claim["evidence"]) for claim in claims)
    print(f"{study}: {len(cases)} cases, {len(claims):,} verdicts, {numbers:,} numbers")
    for (outcome, so_far), times in sorted(Counter((claim["outcome"], claim["so_far"]) for claim in claims).items()):
        print(f"{times:8,} {outcome}" + f" ({so_far})" * bool(so_far))


if __name__ == "__main__":
    sys.exit(main())
