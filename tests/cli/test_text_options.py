"""Options that are text are read as UTF-8, whatever the locale; options that are paths stay the system's names."""

import importlib
import inspect
import pkgutil
from contextlib import suppress
from typing import get_type_hints

import pytest
from typer.models import OptionInfo

import kelbo.cli
from kelbo.names import as_utf8

TEXTS = {"settings", "given", "over"}


def options():
    """Each option of a command, by the names of the command's function and of the option."""
    for module in pkgutil.iter_modules(kelbo.cli.__path__, "kelbo.cli."):
        for name, verb in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if verb.__module__ != module.name:
                continue
            with suppress(NameError):  # a helper, with types that are imported for the checker only
                for option, hint in get_type_hints(verb, include_extras=True).items():
                    told = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, OptionInfo)]
                    yield from ((f"{name} {option}", one) for one in told)


OPTIONS = dict(options())


@pytest.mark.parametrize("name", [name for name in OPTIONS if name.split()[-1] in TEXTS])
def test_text_is_read_as_utf8_under_every_locale(name):
    assert OPTIONS[name].parser is as_utf8


def test_the_options_are_found():
    assert {"train settings", "sample given", "train over", "reproduce settings"} <= OPTIONS.keys()


def test_paths_stay_as_the_system_gives_them():
    assert all(told.parser is None for name, told in OPTIONS.items() if name.split()[-1] in ("out", "data_root"))
