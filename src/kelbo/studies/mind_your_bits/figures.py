"""Figures 1 to 10 of the paper, from our numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kelbo.reports.figure import Array
from kelbo.reports.gallery import Labelled
from kelbo.reports.numbers import plain
from kelbo.reports.page_pictures import Picture, intensities
from kelbo.runs import Measurement
from kelbo.studies.arms import StudyModel
from kelbo.studies.charts import Curve, curve, curves
from kelbo.studies.figures import (
    Line,
    Look,
    Looks,
    Print,
    SettingPanel,
    line_over,
    ordered_looks,
    over_setting,
)
from kelbo.studies.frame import Numbers
from kelbo.studies.mind_your_bits.models import (
    MATCHED,
    PRIMARY,
    STANDARD,
    at,
    pairs,
    seconds,
    sweep,
    target_of,
)
from kelbo.studies.mind_your_bits.tested import ends
from kelbo.studies.sheets import sheet_of

SHOWN, SAMPLES = 8, 12
"""pictures in a row"""
ONE = StudyModel("single", (), "one stage")
TWO = StudyModel("secondary", (), "two stages")
BLUE, ORANGE = Look("#0072b2", "#56b4e9"), Look("#d55e00", "#ee7733", "s")
XLABEL = "squared error of a picture"


def looks(n: Numbers) -> Looks:
    """Single stages from dark to light as their targets fall; the learned σ and two stages apart."""
    return ordered_looks(sweep(n), {STANDARD: ORANGE, MATCHED: BLUE, ONE: BLUE, TWO: ORANGE})


def dims(n: Numbers) -> int:
    return math.prod(n.facts["shape"])


# ── over steps ────────────────────────────────────────────────────────────────────────────────────────────────────────


def stability(n: Numbers) -> Picture:
    """Figure 1: error, bound and gradient norm of a learned σ and of a target at its error."""
    both, on_levels = (STANDARD, MATCHED), dims(n) * math.log(n.facts["levels"] - 1)
    errors = _of(n, "journal.rmse", both, lambda rmse: dims(n) * rmse**2)
    losses = _of(n, "journal.elbo", both, lambda elbo: on_levels - elbo)
    norms = _of(n, "journal.gradient_norm", both, lambda norm: norm)
    panels = [("Squared error", "of some test images", errors), ("−ELBO", "nats, 0–255", losses)]
    return curves("fig1", [*panels, ("Gradient norm", "before clipping", norms)], looks(n))


def _of(n: Numbers, quantity: str, models: Sequence[StudyModel], change: Callable[[Array], Array]) -> list[Curve]:
    found = [one for model in models for one in curve(n, quantity, model)]
    return [one._replace(seeds=change(one.seeds)) for one in found]


def errors(n: Numbers) -> Picture:
    """Figure 9: the squared error over training, of every target."""
    found = _of(n, "journal.squared_error", sweep(n), lambda error: error)
    return curves("fig9", [("Squared error", "training images", found)], looks(n))


# ── over the error ────────────────────────────────────────────────────────────────────────────────────────────────────


def over_error(n: Numbers) -> Picture:
    """Figure 6: rate, −ln p(x | z) and −ELBO over the error."""
    panels = [
        SettingPanel("Rate", "nats", [_line(n, "rate", sweep(n), ONE)], _printed(n)),
        SettingPanel("−ln p(x | z)", "nats, 0–256", [_line(n, "nats", sweep(n), ONE)]),
        SettingPanel("−ELBO", "nats, 0–256", [_line(n, "loss", sweep(n), ONE)]),
    ]
    return over_setting("fig6", panels, looks(n), XLABEL)


def _line(n: Numbers, quantity: str, models: Sequence[StudyModel], like: StudyModel) -> Line:
    return line_over(n, quantity, {model: target_of(n, model) for model in models}, like)


def _printed(n: Numbers) -> list[Print]:
    found = ((model, n.paper.find(model, "rate", n.data)) for model in sweep(n))
    return [Print(ONE, target_of(n, model), number.value) for model, number in found if number]


def two_stages(n: Numbers) -> Picture:
    """Figure 8: −ELBO of two stages over the final error, and of one, from the primary's error down."""
    one = [model for model in sweep(n) if target_of(n, model) <= target_of(n, PRIMARY)]
    panels = [
        SettingPanel("−ELBO", unit, [_line(n, quantity, seconds(n), TWO), _line(n, quantity, one, ONE)])
        for quantity, unit in (("loss", "nats, 0–256"), ("bits", "bits/dim"))
    ]
    return over_setting("fig8", panels, looks(n), f"final {XLABEL}")


def near(n: Numbers) -> Picture:
    """How far samples are from reconstructions, over the error."""
    panels = [
        SettingPanel("Samples − reconstructions", _distance(n), [_line(n, "gap", sweep(n), ONE)]),
        SettingPanel(
            "Samples",
            _distance(n),
            [_line(n, "distance.sample", sweep(n), ONE), _line(n, "distance.sample", seconds(n), TWO)],
        ),
        SettingPanel("Reconstructions", _distance(n), [_line(n, "distance.reconstruction", sweep(n), ONE)]),
    ]
    return over_setting("gap", panels, looks(n), XLABEL)


def _distance(n: Numbers) -> str:
    return (n.facts.get("distance") or "Fréchet distance").replace("Fréchet distance", "Fréchet")


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def standard_samples(n: Numbers) -> Labelled:
    """Figure 2: samples of a learned σ and of a target at its error."""
    return sheet_of("fig2", "Samples of both", [row for model in (STANDARD, MATCHED) for row in _samples(n, model)])


def _samples(n: Numbers, model: StudyModel, key: str = "samples", name: str = "") -> list[tuple[str, str, Array]]:
    kept = n.kept(key, model)
    return [(name or str(model), _rate(n, model), intensities(kept.arrays()["images"])[:SAMPLES])] if kept else []


def _rate(n: Numbers, model: StudyModel) -> str:
    rate = n.mean("rate", model)
    return "" if rate is None else f"rate {plain(rate, 3)} nats, {plain(rate / math.log(2), 3)} bits"


def noisy(n: Numbers) -> Labelled:
    """Figure 3: draws of the whole model, and its means at the same latents."""
    model = at(n, "noisy")
    rows = _samples(n, model, "noisy", "x ~ p(x)") + _samples(n, model, "samples", "mean μ(z)")
    return sheet_of("fig3", "Standard and mean sampling", rows)


def reconstructions(n: Numbers) -> Labelled:
    """Figure 4: reconstructions over γ."""
    rows: list[tuple[str, str, Array]] = []
    for model in sweep(n):
        if kept := n.kept("held", model):
            arrays = kept.arrays()
            rows = rows or [("Test images", "", arrays["x"][:SHOWN])]
            rows.append((str(model), _rate(n, model), arrays["made"][:SHOWN].clip(0, 1)))
    return sheet_of("fig4", f"Reconstructions of {', '.join(row[0] for row in rows[1:])}", rows)


def samples(n: Numbers) -> Labelled:
    """Figure 5: samples over γ."""
    return sheet_of("fig5", "Samples over γ", [row for model in sweep(n) for row in _samples(n, model)])


def refined(n: Numbers) -> Labelled:
    """Figure 7: samples of the primary, their refinements, and samples of the single stage of the smallest error."""
    rows: list[tuple[str, str, Array]] = []
    for model in seconds(n):
        if kept := n.kept("refined", model):
            arrays = kept.arrays()
            rows = rows or [("Primary", "", _shown(arrays["first"]))]
            rows.append((str(model), _moved(n, model), _shown(arrays["second"])))
    last = pairs(n)[-1][1] if pairs(n) else sweep(n)[-1]
    rows += [("One stage", "", images[:SHOWN]) for *_, images in _samples(n, last)] if rows else []
    return sheet_of("fig7", "Samples of the primary and their refinements", rows)


def _shown(images: Array) -> Array:
    return images[:SHOWN].clip(0, 1)


def _moved(n: Numbers, model: StudyModel) -> str:
    """How far it moves a pixel on average, grey levels of 256."""
    moved = n.mean("moved", model)
    return "" if moved is None else f"moved {plain(255 * math.sqrt(moved / dims(n)), 2)}/255"


def early_and_late(n: Numbers) -> Labelled:
    """Figure 10: reconstructions where the error was first at the target, and at the end."""
    rows: list[tuple[str, str, Array]] = []
    for model in dict.fromkeys((at(n, "early"), *ends(n))):
        first, last = n.kept("early", model), n.kept("held", model)
        if first and last:
            rows = rows or [("Test images", "", last.arrays()["x"])]
            rows += [_when(model, f"step {first.value['at']:,}", first), _when(model, "end", last)]
    return sheet_of("fig10", "Early and late reconstructions at equal error", rows)


def _when(model: StudyModel, when: str, kept: Measurement) -> tuple[str, str, Array]:
    rate, error = (plain(kept.value[key]["mean"], 3) for key in ("rate", "squared_error"))
    return f"{model}, {when}", f"rate {rate} nats, error {error}", kept.arrays()["made"].clip(0, 1)
