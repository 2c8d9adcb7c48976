"""A reading that makers share: what was read to its end is not read again, and answers stay the same."""

from itertools import islice

import pytest

from server_timelines import at, server
from usance.ledger.values import Changed
from usance.messengers import reading_once
from usance.messengers.reading_once import ReadOnce
from usance.model.period import Period

PLACE = ("project1", "region1", "server")
MONTH = Period(at("2026-10-01"), at("2026-11-01"))


class Ledger:
    """Has three timelines, and counts how many of them were read."""

    def __init__(self):
        self.found = [Changed(server(("2026-10-01", {})), revision, None) for revision in (1, 2, 3)]
        self.read = 0

    def timelines(self, *place, since_revision=0, touching=None):
        assert place == PLACE
        assert touching in {None, MONTH}
        for one in self.found:
            if one.revision > since_revision:
                self.read += 1
                yield one


@pytest.fixture
def ledger():
    return Ledger()


def test_what_was_read_to_its_end_is_not_read_again(ledger):
    shared = ReadOnce(ledger)

    assert list(shared.timelines(*PLACE)) == ledger.found
    assert list(shared.timelines(*PLACE)) == ledger.found
    assert ledger.read == 3


def test_another_question_is_asked(ledger):
    shared = ReadOnce(ledger)

    assert list(shared.timelines(*PLACE)) == ledger.found
    assert list(shared.timelines(*PLACE, since_revision=2)) == ledger.found[2:]
    assert list(shared.timelines(*PLACE, touching=MONTH)) == ledger.found
    assert ledger.read == 7


def test_what_was_not_read_to_its_end_is_read_again(ledger):
    shared = ReadOnce(ledger)

    assert list(islice(shared.timelines(*PLACE), 2)) == ledger.found[:2]
    assert list(shared.timelines(*PLACE)) == ledger.found
    assert ledger.read == 5


@pytest.mark.parametrize(("kept", "read"), [(2, 6), (3, 3)])
def test_only_so_many_are_kept(ledger, monkeypatch, kept, read):
    monkeypatch.setattr(reading_once, "_KEPT", kept)
    shared = ReadOnce(ledger)

    assert list(shared.timelines(*PLACE)) == ledger.found
    assert list(shared.timelines(*PLACE)) == ledger.found
    assert ledger.read == read
