"""What a run is told about its target, in words."""

from __future__ import annotations

HELD = {
    "squared_error": "squared error",
    "psnr": "squared error",
    "nats": "distortion",
    "bits_per_dim": "distortion",
    "rate": "rate",
}
"""what is held, by the unit of its target"""


def _distance(held: str, value: float, target: float, distance: float, step: int | None) -> str:
    begin = "The" if step is None else f"At step {step} the"
    side = "above" if value > target else "below"
    return f"{begin} {HELD.get(held, held)} is {value:.4g}, {distance:.3g} {side} its target {target:.4g}"


def out_of_reach(
    held: str, value: float, target: float, distance: float, form: str, multiplier: float, step: int | None = None
) -> str:
    """The multiplier lies on an end of its range, and the target is not reached."""
    text = (
        f"{_distance(held, value, target, distance, step)}, and the multiplier has been at the end of its range, "
        f"{multiplier:.5g}, for long: it can do no more"
    )
    if held == "rate" and value > target:
        return f"{text}. The model cannot do with so little: raise objective.target."
    if held == "rate":
        return f"{text}. The model has no use for so large a rate: lower objective.target, or use more latents."
    if value < target:
        return f"{text}: even with almost no rate the distortion is smaller. Choose a smaller distortion as objective.target."
    if form == "published":
        return (
            f"{text}. The published range ends at 0.9999; objective.form=log_odds goes on. If that does not help, the model "
            "cannot: choose a larger distortion as objective.target, more latents or a larger network."
        )
    return f"{text}. Choose a larger distortion as objective.target, more latents, a larger network or more steps."


def missed(held: str, value: float, target: float, distance: float, form: str, step: int | None = None) -> str:
    """The run ends, and the multiplier was still on its way."""
    faster = "objective.form=log_odds" if form == "published" else "a larger objective.multiplier_rate"
    return (
        f"{_distance(held, value, target, distance, step)}, and the multiplier is still moving. Continue training with more "
        f"steps (training.steps), or let it move faster ({faster})."
    )


def not_below(held: str, target: float, primary: float) -> str:
    """A second stage is not asked for more than its first one gives."""
    return (
        f"The target, a {held} of {target:.4g}, is not below that of runs.primary, {primary:.4g}: the second stage can leave "
        "the primary's picture as it is, and spend nothing. Lower objective.target."
    )
