"""Hours of exact seconds: rounded once, and never a float."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.cli.amounts import MEASURES, quotient
from usance.ledger.answers import Amounts


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.00"), (3600, "1.00"), (1800, "0.50"), (18, "0.00"), (54, "0.02"), (19, "0.01"), (-1800, "-0.50")],
)
def test_hours_have_two_decimals_and_the_middle_goes_to_the_even_one(seconds, shown):
    assert str(quotient(seconds, 3600, 2)) == shown


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**9), st.integers(0, 9))
def test_a_quotient_is_what_decimal_arithmetic_gives_with_digits_enough(numerator, denominator, decimals):
    with localcontext(prec=120, rounding=ROUND_HALF_EVEN):
        expected = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1).scaleb(-decimals))

    assert quotient(numerator, denominator, decimals) == expected


def test_units_are_those_that_the_headings_name():
    amounts = Amounts(
        seconds=7200,
        suspended_s=3600,
        vcpu_s=2 * 3600,
        ram_mib_s=3 * 1024 * 3600,
        disk_gib_s=4 * 3600,
        size_kib_s=5 * 1024 * 1024 * 3600,
        inferred_s=6 * 3600,
        inferred_vcpu_s=7 * 3600,
    )

    assert {one.heading: str(one.read(amounts, 0)) for one in MEASURES} == {
        "hours": "1",
        "suspended h": "1",
        "vCPU h": "2",
        "memory GiB h": "3",
        "disk GiB h": "4",
        "image GiB h": "5",
        "inferred h": "6",
        "inferred vCPU h": "7",
    }
