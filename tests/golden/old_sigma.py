"""Results of the σ-VAE study in format 2 as format 3, in which studies keep their numbers now."""

from __future__ import annotations

import math
from typing import Any

CURVE = ("distortion", "rate", "elbo", "sigma", "rmse")


def converted(old: dict[str, Any]) -> dict[str, Any]:
    """The same numbers under the names that the study's claims and tables ask for."""
    plan, groups = old["plan"], {}
    for lane in old["lanes"]:
        grid = lane["decoder"] == "fixed_gaussian"
        arm = "betas" if grid else "analytic" if lane.get("as_published") else "decoders"
        groups.setdefault(arm, []).append(_lane(lane, grid))
    for beta in plan["betas"]:  # planned, though no lane of it is there
        if not any(lane["settings"].get("objective.beta") == beta for lane in groups.get("betas", ())):
            groups.setdefault("betas", []).append(_absent({"objective.beta": beta}))
    for found in old["flattery"]:
        _flatter(groups, found)
    return {
        **{key: old[key] for key in ("study", "budget", "mode", "machine", "begun", "finished", "seconds")},
        **({"made_by_earlier_rules": old["made_by_earlier_rules"]} if "made_by_earlier_rules" in old else {}),
        "format": 3,
        "options": {"data": old["data"], "seeds": old["seeds"], "precision": plan["precision"]},
        "changes": old["settings"],
        "features": old["features"],
        "asked": old["asked"],
        "facts": _facts(old, plan),
        "left_out": plan["left_out"],
        "arms": [_arm(plan, name, lanes) for name, lanes in groups.items()],
        "extras": {},
        "units": {},
    }


def _facts(old: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    called = {
        lane["distances"]["sample"]["called"]
        for lane in old["lanes"]
        if lane["distances"] and "sample" in lane["distances"]
    }
    return {
        "data": plan["role"] or "",
        **{key: plan[key] for key in ("set", "shape", "levels", "network", "latents")},
        "source": plan["note"],
        "split": plan["measures"]["split"],
        "images": plan["measures"]["images"],
        "clouds": plan["measures"].get("clouds"),
        "distance": " / ".join(sorted(called)) or None,
        "steps_of": "the paper’s steps" if plan["set"] in ("mnist", "svhn") else "the full schedule",
    }


def _arm(plan: dict[str, Any], name: str, lanes: list[dict[str, Any]]) -> dict[str, Any]:
    how = f"{plan['optimizer']}, learning rate {plan['learning_rate']:g}"
    return {
        "name": name,
        "of": "decoders" if name == "analytic" else name,
        "title": name,
        "note": plan["note"],
        "over": ["objective.beta" if name == "betas" else "likelihood.kind"],
        **{key: plan[key] for key in ("steps", "paper_steps", "batch_size", "images")},
        "training": f"{how}, batches of {plan['batch_size']}, {plan['precision']}",
        "lanes": [lane for lane in lanes if lane["seed"] is not None]
        + [lane for lane in lanes if lane["seed"] is None],
    }


def _absent(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "settings": settings,
        "seed": None,
        "run": "",
        "state": "not begun",
        "error": None,
        "steps": 0,
        "numbers": {},
    }


def _lane(lane: dict[str, Any], grid: bool) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    bound = lane["unit_bound"] if grid else lane["bound"]
    _put(numbers, "bound", bound)
    if grid:
        _put(numbers, "variance", lane["bound"])
        _put(numbers, "variance.fitted", lane["fitted"])
    prefix = "variance" if grid else "bound.decoder"
    for name in ("sigma", "rmse", "equivalent_beta"):
        if lane.get(name) is not None:
            numbers["bound.decoder.rmse" if name == "rmse" else f"{prefix}.{name}"] = lane[name]
    if lane.get("constant") is not None:
        numbers["posteriors.spread"] = 0.0 if lane["constant"] else 1.0
    if lane["bits"]:
        numbers["variance.bits" if grid else "dequantized.bits_per_dim"] = lane["bits"]["value"]
    for made, found in (lane["distances"] or {}).items():
        if isinstance(found, dict):
            numbers[f"distance.{made}.frechet"] = [found["value"], found["low"], found["high"]]
    for name, found in (lane["latents"] or {}).items():
        if isinstance(found, dict) and "value" in found:
            numbers[f"latents.{name}"] = [found["value"], found.get("low"), found.get("high")]
            if "cap" in found:
                numbers[f"latents.{name}.cap"] = found["cap"]
    calibration = lane["calibration"] or {}
    numbers |= {f"calibration.{k}": v for k, v in calibration.items() if isinstance(v, int | float)}
    numbers |= {f"calibration.coverage.{k}.share": v["share"] for k, v in calibration.get("coverage", {}).items()}
    courses = {
        f"journal.{key}": [[row["step"], row[key]] for row in lane["curve"] or () if row.get(key) is not None]
        for key in CURVE
    }
    return {
        "settings": {"objective.beta": float(lane["beta"])} if grid else {"likelihood.kind": lane["decoder"]},
        **{key: lane[key] for key in ("seed", "run", "state", "error", "steps")},
        "numbers": {name: value for name, value in numbers.items() if _known(value)},
        "words": {"bound.decoder.kind": lane["kind"]} if lane.get("kind") else {},
        "courses": courses,
    }


def _known(value: Any) -> bool:
    first = value[0] if isinstance(value, list) else value
    return first is not None and math.isfinite(first)


def _put(numbers: dict[str, Any], prefix: str, found: dict[str, Any] | None) -> None:
    """The means of a bound, with 1.96 standard errors beside them."""
    for name in ("elbo", "rate", "distortion"):
        if found and name in found:
            mean, error = found[name]["mean"], found[name]["standard_error"]
            ends = [None, None] if error is None else [mean - 1.96 * error, mean + 1.96 * error]
            numbers[f"{prefix}.{name}"] = [mean, *ends]


def _flatter(groups: dict[str, list[dict[str, Any]]], found: dict[str, Any]) -> None:
    names = {"running": "running", "batch": "batch", "batch, soft-clipped": "clipped"}
    for lane in (lane for lanes in groups.values() for lane in lanes):
        if lane["settings"].get("likelihood.kind") == found["decoder"] and lane["seed"] == found["seed"]:
            for row in found["rows"]:
                if row["elbo"]:
                    lane["numbers"][f"flattery.{row['split']}.{names[row['sigma']]}"] = row["elbo"]["mean"]
