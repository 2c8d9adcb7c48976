"""Names of users, projects and images: dated, the newest counts."""

from __future__ import annotations

from said import at
from usance.ledger.ledger import Ledger


def test_newest_name_counts_and_the_older_one_is_kept_with_its_date(ledger: Ledger) -> None:
    ledger.remember_names("user", {"u1": "anna", "u2": "bert"}, at=at("10:00"))
    ledger.remember_names("user", {"u1": "anna.smith"}, at=at("12:00"))

    assert ledger.names("user", ["u1", "u2", "u3"]) == {"u1": "anna.smith", "u2": "bert"}
    assert ledger.names("user", ["u1"], at=at("11:00")) == {"u1": "anna"}
    assert ledger.names("user", ["u1"], at=at("09:00")) == {}


def test_name_that_did_not_change_is_not_written_again(ledger: Ledger) -> None:
    ledger.remember_names("user", {"u1": "anna"}, at=at("10:00"))
    ledger.remember_names("user", {"u1": "anna"}, at=at("12:00"))
    ledger.remember_names("user", {"u1": "bert"}, at=at("11:00"))

    assert ledger.names("user", ["u1"]) == {"u1": "bert"}


def test_kinds_of_names_are_kept_apart(ledger: Ledger) -> None:
    ledger.remember_names("user", {"1": "anna"}, at=at("10:00"))
    ledger.remember_names("project", {"1": "biology"}, at=at("10:00"))

    assert ledger.names("project", ["1"]) == {"1": "biology"}
    assert ledger.names("image", ["1"]) == {}


def test_name_that_comes_twice_at_one_instant_is_the_last_one(ledger: Ledger) -> None:
    ledger.remember_names("user", {"1": "anna"}, at=at("10:00"))
    ledger.remember_names("user", {"1": "bert"}, at=at("10:00"))

    assert ledger.names("user", ["1"]) == {"1": "bert"}


def test_thousands_of_names_and_hostile_ones(ledger: Ledger) -> None:
    names = {f"u{number}": f"user {number}" for number in range(2500)} | {"hostile": "a\0b%%\n'\"é"}

    ledger.remember_names("user", names, at=at("10:00"))

    assert ledger.names("user", list(names)) == names | {"hostile": "a�b%%\n'\"é"}


def test_ids_that_were_only_mentioned_are_unnamed(ledger: Ledger) -> None:
    ledger.remember_names("user", {"1": "", "2": "", "3": "anna"}, at=at("10:00"))
    ledger.remember_names("user", {"1": "bert"}, at=at("11:00"))

    assert ledger.unnamed("user") == ["2"]
