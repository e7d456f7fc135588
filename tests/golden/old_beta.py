"""Results of the β-VAE study in the format that they had before (1) as they are now (3)."""

from collections.abc import Mapping
from typing import Any

from kelbo.runs.study_folder import RESULTS

FACTORS = {"all": "five", "without shape": "four"}
KEPT = ("made_by_earlier_rules", "machine", "begun", "finished", "seconds")


def converted(old: Mapping[str, Any]) -> dict[str, Any]:
    """The same numbers, as `gather.results_of` writes them; pictures and measurements stay in the runs of that time."""
    plan, measures = old["plan"], old["plan"]["measures"]
    main = ("logistic" if old["mode"] == "corrected" else "linear", measures["pairs"])
    return {
        "study": "beta-vae",
        "format": RESULTS,
        "budget": old["budget"],
        "mode": old["mode"],
        "options": {},
        "changes": [],
        "features": old.get("features"),
        "asked": [{"only": old["only"]}],
        **{key: old[key] for key in KEPT if key in old},
        "facts": {
            **measures,
            "classifier": main[0],
            "sets": {one["role"]: {key: one[key] for key in ("set", "source", "note")} for one in plan["sweeps"]},
        },
        "left_out": plan["left_out"],
        "arms": [_arm(sweep, old["lanes"], main) for sweep in plan["sweeps"]],
        "extras": {**_baselines(old, main), **_others(old)},
        "units": {},
    }


def _arm(sweep: Mapping[str, Any], lanes: list[Any], main: tuple[str, int]) -> dict[str, Any]:
    return {
        "name": sweep["name"],
        "of": sweep["name"],
        "title": sweep["name"],
        "note": sweep["note"],
        "over": ["objective.beta"],
        **{key: sweep[key] for key in ("steps", "paper_steps", "batch_size", "images")},
        "training": f"{sweep['optimizer']}, learning rate {sweep['learning_rate']:g}, batches of {sweep['batch_size']}",
        "lanes": [_lane(lane, main) for lane in lanes if lane["sweep"] == sweep["name"]],
    }


def _lane(lane: Mapping[str, Any], main: tuple[str, int]) -> dict[str, Any]:
    numbers, words = _scores(lane["scores"], main), {}
    if bound := lane["bound"]:
        for name in ("elbo", "rate", "distortion"):
            mean, half = bound[name]["mean"], 1.96 * bound[name]["standard_error"]
            numbers[f"bound.{name}"] = [mean, mean - half, mean + half]
    if lane["rmse"] is not None:
        numbers["rmse"] = lane["rmse"]
    if lane["mig"]:
        numbers["mig"] = _number(lane["mig"])
    for made in ("reconstruction", "sample") if lane["distances"] else ():
        found = lane["distances"][made]
        numbers[f"distance.{made}.frechet"] = _number(found)
        words[f"distance.{made}.frechet.called"] = found["called"]
        numbers["distance.images"] = lane["distances"]["images"]
    courses = {
        **_courses("journal", lane["curve"], ("distortion", "rate")),
        **_courses("follow.rows", lane["distance_curve"], ("reconstruction", "sample")),
    }
    kept = {key: lane[key] for key in ("seed", "run", "state", "error", "steps")}
    settings = {"objective.beta": lane["beta"]}
    return {"settings": settings, **kept, "numbers": numbers, "words": words, "courses": courses, "measured": {}}


def _scores(scores: list[Any], main: tuple[str, int]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for score in scores:
        factors = FACTORS[score["factors"]]
        name = f"score.{factors}.{score['classifier']}.{score['pairs']}"
        numbers |= {name: _number(score), f"{name}.train": score["train"], f"{name}.test": score["test"]}
        if (score["classifier"], score["pairs"]) == main:
            numbers[f"score.{factors}"] = _number(score)
    return numbers


def _number(found: Mapping[str, Any]) -> Any:
    low, high = found.get("low"), found.get("high")
    return found["value"] if low is None or high is None else [found["value"], low, high]


def _courses(name: str, rows: list[Any] | None, columns: tuple[str, ...]) -> dict[str, list[list[float]]]:
    found = {f"{name}.{c}": [[row["step"], row[c]] for row in rows or [] if row[c] is not None] for c in columns}
    return {quantity: course for quantity, course in found.items() if course}


def _baselines(old: Mapping[str, Any], main: tuple[str, int]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    for entry in old["baselines"]:
        if entry["as_published"] == (old["mode"] == "as-published"):
            key = f"linear-{entry['role']}-{entry['seed']}"
            extra = extras.setdefault(key, {"arm": f"{entry['role']}-linear", "lanes": [], "value": {}})
            own = {"settings": {"kind": entry["kind"]}, "seed": entry["seed"], "run": None, "state": "done"}
            numbers = _scores(entry["scores"], main)
            extra["lanes"].append({**own, "error": None, "steps": 0, "numbers": numbers, "words": {}, "courses": {}})
    return extras


def _others(old: Mapping[str, Any]) -> dict[str, Any]:
    values = {"quirks": {"entries": old["quirks"]}, "identity": old["identity"]}
    values["architectures"] = {"entries": old.get("architectures", [])}
    return {key: {"arm": "", "lanes": [], "value": value} for key, value in values.items() if value}
