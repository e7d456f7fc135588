"""A study: its arms, claims, tables and figures in one place. See docs/studies.md for one of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from kelbo.studies.arms import MODES, Ask, Budget, Mode, Need, Plan, StudyOptions
from kelbo.studies.paper import Paper

if TYPE_CHECKING:
    from kelbo.reports.gallery import Labelled
    from kelbo.reports.page_pictures import Picture
    from kelbo.studies.frame import Numbers
    from kelbo.studies.judge import Claim
    from kelbo.studies.tables import StudyTable


@dataclass(frozen=True)
class Table:
    """make: from the numbers. extras: keys of the extras that it needs, each with all that begin so."""

    key: str
    make: Callable[[Numbers], StudyTable]
    needs: tuple[Need, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """draw: from the numbers, and the runs' kept pictures (`Numbers.measured`); raises Absent if there is nothing to show."""

    key: str
    title: str
    draw: Callable[[Numbers], Picture | Labelled]
    needs: tuple[Need, ...] = ()
    extras: tuple[str, ...] = ()
    words: str = ""


class Section(NamedTuple):
    """A part of the page, with its tables and figures in their order. words: what they have in common."""

    title: str
    things: tuple[Table | Figure, ...]
    words: str = ""


@dataclass(frozen=True)
class Study:
    """A published study, or your own.

    about     one line: what it trains and asks
    plan      what is done of what was asked for. It may read data
    always    keys of measures that every lane has, whichever table was asked for
    derived   quantities of a lane made from its others, in this order: functions of a mapping with None for what is absent
    journal   columns of the runs' journals that pages show
    main      key of the figures that open the page
    lead      paragraphs written by hand
    names     how a setting's value is called: {"likelihood.kind": {"shared_gaussian": "Shared σ"}}
    glossary  words on demand
    data_settings  whether a user may change settings of its data as well (`Ask.changes`, which `with_changes` applies)
    """

    name: str
    title: str
    about: str
    paper: Paper
    budgets: Mapping[str, Budget]
    plan: Callable[[Ask], Plan]
    claims: Sequence[Claim]
    sections: Sequence[Section]
    main: tuple[str, ...] = ()
    options: type[StudyOptions] = StudyOptions
    always: tuple[str, ...] = ()
    derived: Mapping[str, Callable[[Mapping[str, Any]], float | None]] = field(default_factory=dict)
    journal: tuple[str, ...] = ("distortion", "rate", "elbo")
    lead: Callable[[Numbers], Sequence[str]] = field(default=lambda _numbers: ())
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    glossary: Mapping[str, str] = field(default_factory=dict)
    modes: tuple[Mode, ...] = MODES
    data_settings: bool = False

    @property
    def things(self) -> dict[str, Table | Figure]:
        """Tables and figures by key, in the order of the page."""
        return {thing.key: thing for section in self.sections for thing in section.things}
