"""Results of studies that nobody ran, as results.json holds them: `numbers(arm("a", lane(0, {"loss": 1.0})))`."""

from types import SimpleNamespace

from kelbo.studies.frame import Numbers
from kelbo.studies.paper import Paper


def lane(seed=0, numbers=None, settings=None, *, state="done", error=None, steps=100, words=None, courses=None, **more):
    """A lane. numbers: values, or [value, low, high], by quantity; courses: [[step, value], …] by quantity."""
    return {
        "settings": settings or {},
        "seed": seed,
        "run": more.pop("run", f"lanes/seed={seed}"),
        "state": state,
        "error": error,
        "steps": steps,
        "numbers": numbers or {},
        "words": words or {},
        "courses": courses or {},
        "measured": more.pop("measured", {}),
        **more,
    }


def arm(name, *lanes, **more):
    """A sweep of these lanes, whose paper trains for 100 steps."""
    return {
        "name": name,
        "of": name,
        "title": name,
        "note": "",
        "over": [],
        "steps": 100,
        "paper_steps": 100,
        "batch_size": 32,
        "images": 1000,
        "training": "adam, learning rate 0.001, batches of 32, 32-true",
        "lanes": list(lanes),
        **more,
    }


def results(*arms, study="invented", **more):
    """What results.json of these arms would hold."""
    return {
        "study": study,
        "format": 3,
        "budget": "minutes",
        "mode": "corrected",
        "options": {},
        "changes": [],
        "features": None,
        "asked": [{"only": None}],
        "machine": {},
        "begun": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        "seconds": {"estimated": None, "training": 50.0, "measuring": 10.0, "lanes": 40.0},
        "facts": {},
        "left_out": [],
        "arms": list(arms),
        "extras": {},
        "units": {},
        **more,
    }


def numbers(*arms, paper=None, derived=None, names=None, budgets=None, folder=None, **more):
    """The numbers of these arms, of a study of as little as numbers need. paper: the content of a paper.toml."""
    printed = Paper(None)
    printed.__dict__["content"] = paper or {}
    study = SimpleNamespace(
        name="invented", paper=printed, budgets=budgets or {}, derived=derived or {}, names=names or {}
    )
    return Numbers(study, results(*arms, **more), folder)
