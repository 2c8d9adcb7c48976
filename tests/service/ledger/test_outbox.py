"""Transactions 2 and 3: what is staged, what it supersedes, and what becomes of it."""

from __future__ import annotations

import pytest

from said import CLOUD, PLACE, PROJECT, at, message, record
from usance.ledger.ledger import Ledger
from usance.ledger.values import Message, MessageState, Quarantine, StagedRecord
from usance.model.resource import SERVER

SSM = (*PLACE, "ssm")
NOW = at("12:00")


def bodies(messages: list[Message]) -> list[bytes]:
    return [one.body for one in messages]


def test_staged_messages_wait_in_the_order_of_their_staging(ledger: Ledger) -> None:
    first = ledger.stage(
        *SSM, [message(record("web", "2026-10", "d1"), body=b"1"), message(body=b"2")], at=NOW
    )
    ledger.stage("project2", CLOUD, "ssm", [message(body=b"3")], at=NOW)
    ledger.stage(*PLACE, "file", [message(body=b"other")], at=NOW)

    pending = ledger.pending("ssm", limit=10)

    assert bodies(pending) == [b"1", b"2", b"3"]
    assert pending[:2] == first
    assert bodies(ledger.pending("ssm", limit=2)) == [b"1", b"2"]


def test_message_comes_back_as_it_was_staged(ledger: Ledger) -> None:
    body = bytes(range(256)) * 4096

    (staged,) = ledger.stage(*SSM, [message(record("web", "2026-10", "d1"), body=body)], at=NOW)

    assert ledger.pending("ssm", limit=1) == [staged]
    assert (staged.project_id, staged.cloud_id, staged.messenger) == SSM
    assert (staged.body, staged.record_count, staged.state) == (body, 1, MessageState.PENDING)


def test_ids_grow_though_the_clock_goes_back(ledger: Ledger) -> None:
    moments = ["12:00", "12:00", "11:00", "12:00:01"]

    staged = [one for moment in moments for one in ledger.stage(*SSM, [message(), message()], at=at(moment))]

    ids = [one.id for one in staged]
    assert ids == sorted(set(ids))
    assert len({one.staged_at for one in staged}) == len(staged)
    assert (staged[0].staged_at, staged[-2].staged_at) == (at("12:00"), at("12:00:01"))


def test_what_was_staged_last_is_known_by_record(ledger: Ledger) -> None:
    ledger.stage(
        *SSM,
        [
            message(
                record("web", "2026-09", "d1"), record("web", "2026-10", "d2"), record("db", "2026-10", "d3")
            )
        ],
        at=NOW,
    )
    ledger.stage(*SSM, [message(record("web", "2026-10", "d4", when="13:00"))], at=NOW)

    assert ledger.staged(*SSM, SERVER, ["web", "mail"]) == {
        "web": {
            "cloud/web/2026-09": StagedRecord("d1", at("12:00")),
            "cloud/web/2026-10": StagedRecord("d4", at("13:00")),
        }
    }
    assert ledger.staged(*PLACE, "file", SERVER, ["web"]) == {}


def test_watermark_of_a_messenger_comes_with_the_last_chunk_and_never_goes_back(ledger: Ledger) -> None:
    ledger.stage(*SSM, [message()], at=NOW)
    without = ledger.messenger_watermark(*SSM, "cloud")
    ledger.stage(*SSM, [], at=NOW, watermark=("cloud", 7))
    ledger.stage(*SSM, [], at=NOW, watermark=("cloud", 5))

    assert (without, ledger.messenger_watermark(*SSM, "cloud")) == (0, 7)
    assert ledger.messenger_watermark(*PLACE, "file", "cloud") == 0


# --- supersession ----------------------------------------------------------------------------


def test_pending_message_is_dropped_when_all_its_records_are_stated_anew(ledger: Ledger) -> None:
    ledger.stage(*SSM, [message(record("web", "2026-10", "d1"), record("db", "2026-10", "d1"))], at=NOW)

    ledger.stage(*SSM, [message(record("web", "2026-10", "d2"), body=b"web")], at=NOW)
    half = len(ledger.pending("ssm", limit=9))
    ledger.stage(*SSM, [message(record("db", "2026-10", "d2"), body=b"db")], at=NOW)

    assert half == 2
    assert bodies(ledger.pending("ssm", limit=9)) == [b"web", b"db"]
    (messenger,) = ledger.status().messengers
    assert (messenger.pending, messenger.superseded) == (2, 1)


def test_delivered_message_is_never_superseded(ledger: Ledger) -> None:
    (first,) = ledger.stage(*SSM, [message(record("web", "2026-10", "d1"))], at=NOW)
    ledger.delivered(first, at=NOW)

    ledger.stage(*SSM, [message(record("web", "2026-10", "d2"))], at=NOW)

    (messenger,) = ledger.status().messengers
    assert (messenger.delivered, messenger.superseded, messenger.pending) == (1, 0, 1)


def test_message_delivered_while_it_was_superseded_counts_as_delivered(ledger: Ledger) -> None:
    (first,) = ledger.stage(*SSM, [message(record("web", "2026-10", "d1"))], at=NOW)
    ledger.stage(*SSM, [message(record("web", "2026-10", "d2"))], at=NOW)

    ledger.delivered(first, at=NOW)

    (messenger,) = ledger.status().messengers
    assert (messenger.delivered, messenger.superseded) == (1, 0)


def test_messengers_supersede_their_own_messages_only(ledger: Ledger) -> None:
    ledger.stage(*SSM, [message(record("web", "2026-10", "d1"), body=b"ssm")], at=NOW)

    ledger.stage(*PLACE, "file", [message(record("web", "2026-10", "d2"))], at=NOW)

    assert bodies(ledger.pending("ssm", limit=9)) == [b"ssm"]


def test_many_records_in_many_messages_are_superseded_together(ledger: Ledger) -> None:
    def statement(digest: str) -> list:
        return [
            message(*(record(f"web{number}", f"2026-{month:02}", digest) for number in range(100)))
            for month in range(1, 13)
        ]

    ledger.stage(*SSM, statement("d1"), at=NOW)
    ledger.stage(*SSM, statement("d2"), at=NOW)

    (messenger,) = ledger.status().messengers
    assert (messenger.pending, messenger.superseded) == (12, 12)


# --- delivery --------------------------------------------------------------------------------


def test_failed_message_stays_with_its_reason_and_goes_when_it_is_delivered(ledger: Ledger) -> None:
    (staged,) = ledger.stage(*SSM, [message(record("web", "2026-10", "d1"))], at=NOW)
    ledger.failed(staged, "no space\0 left", at=at("12:01"))
    ledger.failed(staged, "still no space", at=at("12:02"))

    (again,) = ledger.pending("ssm", limit=9)
    (trouble,) = ledger.status().messengers
    ledger.delivered(again, at=at("12:03"))

    assert (again.attempts, again.reason) == (2, "still no space")
    assert (trouble.last_reason, trouble.oldest_pending) == ("still no space", staged.staged_at)
    assert ledger.pending("ssm", limit=9) == []
    (messenger,) = ledger.status().messengers
    assert (messenger.delivered, messenger.last_reason, messenger.oldest_pending) == (1, None, None)


def test_dead_message_is_not_tried_again_and_is_counted(ledger: Ledger) -> None:
    staged = ledger.stage(*SSM, [message(body=b"1"), message(body=b"2")], at=NOW)

    ledger.dead(staged[0], "too large", at=NOW)

    assert bodies(ledger.pending("ssm", limit=9)) == [b"2"]
    (messenger,) = ledger.status().messengers
    assert (messenger.dead, messenger.last_reason) == (1, "too large")


def test_delivered_message_does_not_become_pending_again(ledger: Ledger) -> None:
    """Two runs may deliver one message; the one that fails last changes nothing."""
    (staged,) = ledger.stage(*SSM, [message()], at=NOW)
    ledger.delivered(staged, at=NOW)

    ledger.failed(staged, "late", at=NOW)
    ledger.dead(staged, "late", at=NOW)

    assert ledger.pending("ssm", limit=9) == []
    assert ledger.status().messengers[0].delivered == 1


# --- quarantine ------------------------------------------------------------------------------


def test_quarantined_record_is_kept_once_with_its_latest_reason(ledger: Ledger) -> None:
    bad = record("web", "2026-10", "d1")
    ledger.stage(*SSM, [], [Quarantine(bad, "no image", "VMUUID: web\0")], at=at("12:00"))

    ledger.stage(*SSM, [], [Quarantine(bad, "no flavor", "VMUUID: web")], at=at("13:00"))

    (held,) = ledger.quarantined(*SSM)
    assert held.quarantine == Quarantine(bad, "no flavor", "VMUUID: web")
    assert (held.since, held.at) == (at("12:00"), at("13:00"))
    assert ledger.status().quarantined == (held,)
    assert ledger.staged(*SSM, SERVER, ["web"]) == {}


@pytest.mark.parametrize("how", ["staged", "unchanged"])
def test_record_that_is_fine_again_leaves_the_quarantine(ledger: Ledger, how: str) -> None:
    bad, good = record("web", "2026-10", "bad"), record("web", "2026-10", "good")
    other = Quarantine(record("db", "2026-10", "bad"), "no image", "")
    ledger.stage(*SSM, [], [Quarantine(bad, "no image", ""), other], at=NOW)

    if how == "staged":
        ledger.stage(*SSM, [message(good)], at=NOW)
    else:
        ledger.stage(*SSM, [], at=NOW, unchanged=[good.key])

    assert [one.quarantine for one in ledger.quarantined(*SSM)] == [other]


def test_record_is_held_back_from_one_messenger_and_one_project_only(ledger: Ledger) -> None:
    bad = Quarantine(record("web", "2026-10", "bad"), "no image", "")
    ledger.stage(*SSM, [], [bad], at=NOW)
    ledger.stage("project2", CLOUD, "ssm", [], [bad], at=NOW)

    ledger.stage(*SSM, [message(bad.record)], at=NOW)

    assert ledger.quarantined(*SSM) == []
    assert ledger.quarantined(*PLACE, "file") == []
    (held,) = ledger.status().quarantined
    assert (held.project_id, held.messenger) == ("project2", "ssm")


def test_nothing_of_a_chunk_is_staged_when_it_fails(ledger: Ledger) -> None:
    ledger.stage(*SSM, [message(record("web", "2026-10", "d1"))], at=NOW)
    broken = message(record("web", "2026-10", "d2"), body=None)

    with pytest.raises(Exception, match=r"(?i)not.null|null value"):
        ledger.stage(*SSM, [message(record("db", "2026-10", "d2")), broken], at=NOW, watermark=("cloud", 9))

    assert ledger.messenger_watermark(*SSM, "cloud") == 0
    assert ledger.staged(*SSM, SERVER, ["web", "db"]) == {
        "web": {"cloud/web/2026-10": StagedRecord("d1", NOW)}
    }
    assert len(ledger.pending("ssm", limit=9)) == 1
    assert ledger.pending("ssm", limit=9)[0].project_id == PROJECT
