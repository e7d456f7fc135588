"""The pages' templates: every value is escaped, and an undefined name is an error."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template


@cache
def template(name: str, package: str = "kelbo.reports") -> Template:
    """The template of that file name in a room, which may include this room's."""
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(room, package_path=".") for room in dict.fromkeys((package, "kelbo.reports"))]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = date
    return environment.get_template(name)


def date(moment: datetime) -> str:
    """A moment to the minute, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
