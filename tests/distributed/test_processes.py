"""What processes send one another."""

import pickle

import pytest

from kelbo.distributed.processes import _error_of
from kelbo.errors import RunError


class Unpicklable(Exception):
    def __init__(self, text, other):
        super().__init__(text)


def test_a_result_comes_without_an_error():
    assert _error_of(lambda: 3) == (3, None)


@pytest.mark.parametrize(
    ("error", "kind"), [(RunError("no such run", remedy=("out",)), RunError), (Unpicklable("a text", 1), RuntimeError)]
)
def test_an_error_comes_in_a_form_that_can_be_sent_and_keeps_its_text(error, kind):
    def fail():
        raise error

    result, found = _error_of(fail)
    assert result is None
    sent = pickle.loads(pickle.dumps(found))
    assert type(sent) is kind
    assert str(error) in str(sent)
    assert getattr(sent, "remedy", ()) == getattr(error, "remedy", ())
