"""From when to when two versions of a timeline may count differently."""

from __future__ import annotations

import msgspec

from said import at, server
from usance.ledger.dirty import Difference, difference_of
from usance.model.period import to_us
from usance.model.span import Doubt, Span, Timeline

SMALL: dict[str, str | int] = {"state": "active", "vcpus": 1}
LARGE: dict[str, str | int] = {"state": "active", "vcpus": 8}


def life(*spans: tuple[str, str | None, dict[str, str | int]]) -> Timeline:
    made = tuple(Span(at(start), None if end is None else at(end), values) for start, end, values in spans)
    return Timeline(server("web"), made[0].start, made[-1].end, made, launched=True)


def between(start: str, end: str | None) -> Difference:
    return to_us(at(start)), None if end is None else to_us(at(end))


def test_what_is_new_differs_all_its_life() -> None:
    assert difference_of(None, life(("10:00", "12:00", SMALL))) == between("10:00", "12:00")
    assert difference_of(None, life(("10:00", None, SMALL))) == between("10:00", None)


def test_equal_versions_do_not_differ() -> None:
    one = life(("10:00", "11:00", SMALL), ("11:00", None, LARGE))

    assert difference_of(one, one) is None


def test_a_change_differs_from_its_instant_on() -> None:
    before = life(("10:00", None, SMALL))
    after = life(("10:00", "15:00", SMALL), ("15:00", None, LARGE))

    assert difference_of(before, after) == between("15:00", None)


def test_a_change_in_the_middle_differs_up_to_the_next() -> None:
    before = life(("10:00", "15:00", SMALL), ("15:00", None, LARGE))
    after = life(("10:00", "12:00", SMALL), ("12:00", None, LARGE))

    assert difference_of(before, after) == between("12:00", "15:00")


def test_an_end_differs_from_it_to_the_former_one() -> None:
    assert difference_of(life(("10:00", None, SMALL)), life(("10:00", "12:00", SMALL))) == between(
        "12:00", None
    )
    assert difference_of(life(("10:00", "15:00", SMALL)), life(("10:00", "12:00", SMALL))) == between(
        "12:00", "15:00"
    )


def test_a_creation_that_moves_differs_between_both() -> None:
    before, after = life(("10:00", "15:00", SMALL)), life(("11:00", "15:00", SMALL))

    assert difference_of(before, after) == between("10:00", "11:00")


def test_a_server_that_was_found_to_have_run_differs_all_its_life() -> None:
    after = life(("10:00", "15:00", SMALL), ("15:00", None, LARGE))

    assert difference_of(msgspec.structs.replace(after, launched=False), after) == between("10:00", None)


def test_a_doubt_that_comes_or_goes_differs_as_long_as_it_is() -> None:
    after = life(("10:00", None, SMALL))
    before = msgspec.structs.replace(after, doubts=(Doubt("state", at("11:00"), at("12:00")),))

    assert difference_of(before, after) == between("11:00", "12:00")
    assert difference_of(after, before) == between("11:00", "12:00")


def test_a_name_makes_no_difference() -> None:
    one = life(("10:00", None, SMALL))

    assert difference_of(one, msgspec.structs.replace(one, described=())) is None
