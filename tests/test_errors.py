import pickle

import pytest

from kelbo.errors import DataMissing, KelboError, RunError, message, remedy


@pytest.mark.parametrize("kind", [KelboError, RunError, DataMissing])
def test_an_error_crosses_processes_with_its_remedy(kind):
    error = pickle.loads(pickle.dumps(kind("It is full.", remedy=("out", "resume"))))
    assert (type(error), str(error), error.remedy) == (kind, "It is full.", ("out", "resume"))


def test_an_error_of_the_system_has_no_remedy_and_names_its_file():
    error = FileNotFoundError(2, "No such file", "a.txt")
    assert (message(error), remedy(error)) == ("a.txt: No such file", ())
