"""Which studies there are: each folder of this room that has a study.py, and files of your own."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.util import find_spec
from pathlib import Path

import kelbo.studies
from kelbo.errors import RecipeError
from kelbo.studies.study import Study


def studies() -> dict[str, Study]:
    """Every study of this room by name."""
    found = {name: importlib.import_module(f"{package}.study").STUDY for name, package in _packages().items()}
    return {study.name: study for study in found.values()}


def called(study: Study) -> str:
    """What `kelbo reproduce` takes for a study: its name, or the file of one of your own."""
    code = getattr(study.plan, "__code__", None)
    return study.name if code is None or study.name in _packages() else Path(code.co_filename).name


def _packages() -> dict[str, str]:
    """The studies' packages by name, that of the folder with hyphens; nothing is imported for them."""
    packages = [found.name for found in pkgutil.iter_modules(kelbo.studies.__path__) if found.ispkg]
    found = {name.replace("_", "-"): f"kelbo.studies.{name}" for name in packages}
    return {name: package for name, package in found.items() if find_spec(f"{package}.study")}


def study_of(name: str) -> Study:
    """A study by its name, or the STUDY of a Python file. RecipeError lists those there are."""
    path = Path(name)
    if path.suffix == ".py":
        if not path.is_file():
            raise RecipeError(f"There is no file {name}. Name a study, or a Python file that has one as STUDY.")
        sys.path.insert(0, str(path.resolve().parent))  # processes that measure import it by its name too
        module = importlib.import_module(path.stem)
        if not module.__file__ or Path(module.__file__).resolve() != path.resolve():
            raise RecipeError(f"{name} is called like the module {module.__name__}. Give the file another name.")
        found = getattr(module, "STUDY", None)
        if not isinstance(found, Study):
            raise RecipeError(f"{name} has no STUDY that is a kelbo.studies.study.Study.")
        return found
    known = studies()
    if name not in known:
        raise RecipeError(f"There is no study {name!r}; there is {', '.join(known)}, or a Python file with a STUDY.")
    return known[name]
