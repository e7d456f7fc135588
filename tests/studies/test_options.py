"""`--set` texts as a study's options and settings of its data."""

from dataclasses import replace

import pytest
from tests.studies.toy import STUDY

from kelbo.errors import RecipeError
from kelbo.recipes import find
from kelbo.studies.arms import Ask, StudyOptions
from kelbo.studies.options import options_of, with_changes
from kelbo.studies.registry import studies


class Options(StudyOptions):
    SELECTING = ("betas",)

    data: str = "digits"
    betas: tuple[str, ...] | None = None
    seeds: tuple[int, ...] = (0,)
    width: float | None = None


CLOSED = replace(STUDY, options=Options)
OPEN = replace(CLOSED, data_settings=True)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("betas=0.1, 4", "betas", ("0.1", "4")),
        ("seeds=1,2,", "seeds", (1, 2)),
        ("betas=none", "betas", None),
        ("width=null", "width", None),
        ("width = 0.5", "width", 0.5),
        ("data=folder:/a=b,c", "data", "folder:/a=b,c"),
    ],
)
def test_a_text_becomes_a_value_of_the_options_type(text, name, value):
    options, changes = options_of(CLOSED, [text])
    assert (getattr(options, name), changes) == (value, ())
    assert options.model_dump(exclude={name}) == Options().model_dump(exclude={name})


@pytest.mark.parametrize(
    "study", [s for s in studies().values() if "seeds" in s.options.model_fields], ids=lambda s: s.name
)
def test_every_study_with_seeds_takes_each_once(study):
    assert options_of(study, ["seeds=0,2"])[0].seeds == (0, 2)
    with pytest.raises(RecipeError, match="each once"):
        options_of(study, ["seeds=1,1"])


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["crop=74"], ["crop", "data, betas, seeds, width"]),
        (["seeds=a"], ["seeds=a", "data, betas, seeds, width"]),
        (["width=wide"], ["width=wide"]),
        (["seeds=1", "seeds=2"], ["seeds is given twice", "1 and 2"]),
        (["seeds"], ["NAME=VALUE", "'seeds'"]),
        (["seeds="], ["NAME=VALUE"]),
        (["=3"], ["NAME=VALUE"]),
    ],
)
def test_other_texts_are_refused_with_what_there_is(texts, told):
    with pytest.raises(RecipeError) as refused:
        options_of(CLOSED, texts)
    assert [words for words in told if words not in str(refused.value)] == []
    assert refused.value.remedy == ("settings",)


def test_other_names_are_settings_of_the_data_if_the_study_allows_it():
    options, changes = options_of(OPEN, ["size=16", "seeds=3"])
    assert (options.seeds, changes) == ((3,), ("size=16",))
    ask = Ask(options, STUDY.budgets["minutes"], changes=changes)
    assert with_changes(find("digits"), ask).data.size == 16
    for text in ("crop=74", "kind=mnist", "root=elsewhere"):
        with pytest.raises(RecipeError, match=r"betas, seeds, width; settings of digits are .*size"):
            with_changes(find("digits"), replace(ask, changes=(text,)))


def test_only_selecting_options_differ_between_commands_in_one_folder():
    ask = Ask(options_of(CLOSED, ["betas=1", "seeds=2"])[0], STUDY.budgets["minutes"], only=("table1",))
    assert ask.selection == {"only": ["table1"], "betas": ("1",)}
