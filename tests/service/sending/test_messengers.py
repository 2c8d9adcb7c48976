"""The messengers `ams` and `stomp`: from a real ledger's outbox to the service."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apel_messages import cloud_message, record
from received import opened
from usance.config.settings import MessengerSettings
from usance.ledger.ledger import Ledger
from usance.ledger.values import NewMessage, NewRecord
from usance.messengers.outbox import deliver
from usance.messengers.registry import find_messenger
from usance.messengers.ssm import queue_name
from usance.model.errors import ConfigurationError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def options(place, ams):
    return {
        "host": f"127.0.0.1:{ams.api_port}",
        "authn_port": str(ams.authn_port),
        "certificate": str(place.path / "host.example.org.pem"),
        "key": str(place.path / "host.example.org.key"),
        "capath": str(place.capath),
        "cafile": str(place.cafile),
        "timeout": "2",
        "retries": "1",
    }


@pytest.fixture
def outbox(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite") as opened_ledger:
        yield opened_ledger


def staged(ledger, *bodies, messenger="ams"):
    for number, body in enumerate(bodies):
        key = f"cloud/{number}/2026-11"
        ledger.stage(
            "project1",
            "default",
            messenger,
            [NewMessage("cloud", "cloud-v04", body, (NewRecord(key, "server", str(number), "d", NOW),))],
            at=NOW,
        )
    return [queue_name(one) for one in ledger.pending(messenger, limit=100)]


def counts(ledger):
    [status] = ledger.status().messengers
    return status.delivered, status.pending, status.dead


def test_the_outbox_goes_straight_to_the_topic_under_the_names_of_the_queue(place, ams, options, outbox):
    names = staged(outbox, *(cloud_message(record(number)) for number in range(3)))

    result = deliver(outbox, find_messenger(MessengerSettings("ams", options)), now=NOW)

    assert (result.delivered, result.failed) == (3, 0)
    assert ams.names() == names
    assert opened(place, ams.texts()[0]) == cloud_message(record(0)).strip()
    assert len(ams.subjects) == 1  # one token for all of them


def test_a_message_that_can_never_go_is_kept_as_refused_and_the_others_arrive(ams, options, outbox):
    staged(
        outbox, cloud_message(record(1)), cloud_message(record(2, name="poison")), cloud_message(record(3))
    )
    ams.fail(400, times=9, containing=b"poison")

    result = deliver(outbox, find_messenger(MessengerSettings("ams", options)), now=NOW)

    assert result.delivered == 2
    assert "AMS answered 400" in result.reason
    assert counts(outbox) == (2, 0, 1)


def test_what_fails_waits_in_the_ledger_and_goes_with_the_next_run(ams, options, outbox):
    staged(outbox, cloud_message(record(1)), cloud_message(record(2)))
    messenger = find_messenger(MessengerSettings("ams", options))
    ams.fail(503, times=2)

    assert "503" in deliver(outbox, messenger, now=NOW).reason
    assert counts(outbox) == (0, 2, 0)
    assert deliver(outbox, messenger, now=NOW).delivered == 2


def test_a_certificate_that_is_missing_stops_this_messenger_only(options, outbox):
    staged(outbox, cloud_message(record(1)))
    messenger = find_messenger(MessengerSettings("ams", options | {"certificate": "/nowhere.pem"}))

    result = deliver(outbox, messenger, now=NOW)

    assert "the certificate /nowhere.pem can't be read" in result.reason
    assert counts(outbox) == (0, 1, 0)


def test_only_types_with_a_destination_are_carried(options):
    found = find_messenger(MessengerSettings("ams", options))
    more = find_messenger(MessengerSettings("ams", options | {"destination_ip": "ips"}))

    assert found.record_types == {"cloud", "storage"}
    assert more.record_types == {"cloud", "storage", "ip"}
    with pytest.raises(ConfigurationError, match="no destination for ip records"):
        find_messenger(MessengerSettings("ams", options, frozenset({"ip"})))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": ""}, "needs a host"),
        ({"host": "https://ams"}, "should be the name of a host"),
        ({"prot": "1"}, "there is no option 'prot'"),
        ({"timeout": "soon"}, "timeout = 'soon' should be a whole number"),
        ({"cipher": "rot13"}, "should be one of aes128, aes256"),
    ],
)
def test_options_that_make_no_sense_are_named(options, change, said):
    with pytest.raises(ConfigurationError, match=said):
        find_messenger(MessengerSettings("ams", options | change))


def test_stomp_is_a_messenger_of_its_own(options):
    assert find_messenger(MessengerSettings("stomp", options)).name == "stomp"
