"""Whole experiments as typed, validated data. `kelbo.experiments` trains them and brings them back.

    from kelbo.recipes import change, find
    from kelbo.experiments import open_run, train

    run = train(change(find("digits"), ["objective.beta=4"]), Path("runs/beta4"))
    model = open_run(run.path).model

Nothing imported here loads torch, so that listing and checking recipes is quick.
"""

from kelbo.recipes.files import change, differences, dump, load, parse
from kelbo.recipes.named import NAMED, find
from kelbo.recipes.schema import Recipe

__all__ = ["NAMED", "Recipe", "change", "differences", "dump", "find", "load", "parse"]
