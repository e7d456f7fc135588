"""What is told of a run and its target, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

UNITS = {"psnr": "dB", "bits_per_dim": "bits/dim"}
"""of targets that are not stated in what they hold"""


def standing_text(target: Mapping[str, Any]) -> str:
    """The target, and how far what an evaluation finds is from it; in the target's unit too."""
    text = f"at draws of the latents; target {target['target']:.4g}, slack {target['slack']:+.3g}"
    if (unit := UNITS.get(target["unit"])) is None:
        return text
    stated = f"{target['in_unit']:.4g}, target {target['target_in_unit']:.4g}, slack {target['slack_in_unit']:+.3g}"
    return f"{text}; in {unit} {stated}"


def _distance(
    held: str, value: float, target: float, distance: float, unit: str | None, in_unit: float | None, step: int | None
) -> str:
    begin = "The" if step is None else f"At step {step} the"
    side = "above" if value > target else "below"
    return (
        f"{begin} {_name(held)} is {value:.4g}, {distance:.3g} {side} its target {target:.4g}{_stated(unit, in_unit)}"
    )


def _name(held: str) -> str:
    return held.replace("_", " ")


def _stated(unit: str | None, in_unit: float | None) -> str:
    """The distance in the target's own unit, if that is another."""
    return "" if unit is None or in_unit is None else f" ({in_unit:+.3g} {UNITS[unit]})"


def out_of_reach(
    held: str,
    value: float,
    target: float,
    distance: float,
    form: str,
    multiplier: float,
    unit: str | None = None,
    in_unit: float | None = None,
    step: int | None = None,
) -> str:
    """The multiplier lies on an end of its range, and the target is not reached."""
    text = (
        f"{_distance(held, value, target, distance, unit, in_unit, step)}, and the multiplier has been at the end of its "
        f"range, {multiplier:.5g}, for long: it can do no more"
    )
    if held == "rate" and value > target:
        return f"{text}. The model cannot do with so little: raise objective.target."
    if held == "rate":
        return f"{text}. The model has no use for so large a rate: lower objective.target, or use more latents."
    larger, smaller = f"a larger {_name(held)}", f"a smaller {_name(held)}"
    if unit == "psnr":
        larger, smaller = "a lower PSNR", "a higher PSNR"
    if value < target:
        return f"{text}: even with almost no rate the {_name(held)} is smaller. Choose {smaller} as objective.target."
    if form == "published":
        return (
            f"{text}. The published range ends at 0.9999; objective.form=log_odds goes on. If that does not help, the model "
            f"cannot: choose {larger} as objective.target, more latents or a larger network."
        )
    return f"{text}. Choose {larger} as objective.target, more latents, a larger network or more steps."


def missed(
    held: str,
    value: float,
    target: float,
    distance: float,
    form: str,
    unit: str | None = None,
    in_unit: float | None = None,
    step: int | None = None,
) -> str:
    """Training ended, and the multiplier was still on its way."""
    faster = "objective.form=log_odds" if form == "published" else "a larger objective.multiplier_rate"
    return (
        f"{_distance(held, value, target, distance, unit, in_unit, step)}, and the multiplier is still moving. Continue "
        f"training with more steps (training.steps), or let it move faster ({faster})."
    )


def is_held(
    held: str,
    value: float,
    target: float,
    distance: float,
    multiplier: float,
    test: float | None,
    unit: str | None = None,
    in_unit: float | None = None,
) -> str:
    """The target is held, and the multiplier has settled."""
    on_test = "" if test is None else f"; on test images it is {test:.4g}"
    text = _distance(held, value, target, distance, unit, in_unit, None)
    return f"{text}: held, at a multiplier of {multiplier:.4g}{on_test}."


def winding(
    held: str,
    value: float,
    target: float,
    distance: float,
    multiplier: float,
    test: float | None,
    log_odds: float,
    unit: str | None = None,
    in_unit: float | None = None,
) -> str:
    """The target is held, and the multiplier still moves: what is minimised beside it has not settled."""
    other = "distortion" if held == "rate" else "rate"
    falls = "falls" if log_odds < 0 else "rises"
    text = is_held(held, value, target, distance, multiplier, test, unit, in_unit)
    return (
        f"{text} The multiplier still {falls}: over the last tenth of the steps the ratio of its weights "
        f"changed by a factor of {math.exp(abs(log_odds)):.3g}, so the {other} has not settled. Continue training with more "
        "steps (training.steps)."
    )


def missed_on_test(
    held: str,
    value: float,
    target: float,
    distance: float,
    multiplier: float,
    test: float | None,
    unit: str | None = None,
    in_unit: float | None = None,
) -> str:
    """The target is held on training examples, and not on test examples."""
    text = is_held(held, value, target, distance, multiplier, test, unit, in_unit)
    return (
        f"{text} That is above the target: the model fits its training images more closely than new ones. Use "
        "more data, optimizer.weight_decay or a smaller network, or choose a target that leaves room for the difference."
    )


def not_below(held: str, target: float, primary: float) -> str:
    """A second stage is not asked for more than its first one gives."""
    return (
        f"The target, a {held} of {target:.4g}, is not below that of runs.primary, {primary:.4g}: the second stage can leave "
        "the primary's picture as it is, and spend nothing. Lower objective.target."
    )
