import pytest

from kelbo.reports.numbers import plain, with_error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.009004, "0.00900"),
        (0.0009999999, "0.00100"),
        (20.67, "20.7"),
        (-3.14159, "−3.14"),
        (12345.6, "12,346"),
        (1.5e-7, "1.50e−7"),
        (9.9999e-5, "0.000100"),
    ],
)
def test_a_number_has_three_significant_digits_and_no_whole_one_is_lost(value, text):
    assert plain(value) == text


@pytest.mark.parametrize(
    ("mean", "error", "shown"),
    [
        (150.483, 10.05, ("150", "10")),
        (-171.153, 1.0055, ("−171.2", "1.0")),
        (0.88607, 0.0051, ("0.8861", "0.0051")),
        (-123456.7, 321.0, ("−123,457", "321")),
        (3.0, 0.0, ("3.00", "0")),
        (0.5, 1e-9, ("0.50000", "1.0e−9")),
        (3.14159, None, ("3.142", "–")),
    ],
)
def test_a_mean_is_shown_to_its_errors_second_digit(mean, error, shown):
    assert with_error(mean, error) == shown
