"""Names of pictures that say what they show."""

import pytest

from kelbo.cli.places import name_of


def test_a_name_has_the_options_that_were_given():
    assert name_of("sample") == name_of("sample", prior=None, given=None) == "sample"
    assert name_of("sample", given="Smiling=1,Male=0") == "given=Smiling=1,Male=0-sample"
    assert name_of("sample", prior="m2", given="3") == "prior=m2-given=3-sample"
    assert name_of("sample", given="raw\udcff").startswith("given=raw_-")


@pytest.mark.parametrize("value", ["../../etc", "a b", "/", "C:\\x", "größe", "\n", "a*?[b]", "x" * 5000])
def test_any_value_makes_one_short_file_name_of_plain_letters(value):
    name = name_of("sample", given=value)
    assert name.isascii()
    assert not {*name} & {*"/\\ :*?[]\n"}
    assert len(name) < 120


def test_different_values_have_different_names():
    values = ["a b", "a_b", "a/b", "a\nb", "x" * 200, "x" * 201, "3", "3-sample", "m", "M"]
    assert len({name_of("sample", given=value) for value in values}) == len(values)
    assert name_of("sample", prior="m-given=3") != name_of("sample", prior="m", given="3-")
