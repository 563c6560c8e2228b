"""How long sequences share compiled loops."""

import pytest

from sentiment.nn import recurrence


@pytest.mark.parametrize(
    ("longest", "expected"),
    [(1, [64]), (64, [64]), (65, [64, 128]), (1024, [64, 128, 256, 512, 1024])],
)
def test_a_program_has_the_capacity_of_the_next_power_of_two(longest, expected):
    assert recurrence.capacities(longest) == expected
