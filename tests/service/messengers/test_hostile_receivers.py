"""Receivers that never end, and options that can't be meant: one sentence each, and nothing hangs."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime

import pytest

from usance.config.settings import MessengerSettings
from usance.ledger.values import Message, MessageState
from usance.messengers.greendigit_cim import GreenDigitCim
from usance.messengers.logstash import LogstashMessenger
from usance.model.errors import ConfigurationError, DeliveryError

MESSAGE = Message(
    id=1,
    project_id="",
    cloud_id="cloud",
    messenger="logstash",
    record_type="cloud",
    format="cloud-json",
    body=b"{}\n",
    record_count=1,
    staged_at=datetime(2026, 11, 22, tzinfo=UTC),
    state=MessageState.PENDING,
)


@pytest.fixture
def babbling():
    """Serve somebody who answers with a byte now and then, for ever."""
    stopped = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def babble():
        connection, _ = server.accept()
        with connection:
            while not stopped.wait(0.2):
                try:
                    connection.sendall(b".")
                except OSError:
                    return

    thread = threading.Thread(target=babble, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    stopped.set()
    server.close()
    thread.join(5)


def logstash(**options):
    return LogstashMessenger(MessengerSettings("logstash", options))


def test_a_receiver_that_babbles_for_ever_is_left_after_the_time_out(babbling):
    messenger = logstash(host="127.0.0.1", port=str(babbling), timeout="1")
    raised = []

    def send():
        try:
            messenger.send(MESSAGE)
        except DeliveryError as error:
            raised.append(error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(10)

    assert "did not take everything within 1 s" in str(raised[0])


@pytest.mark.parametrize("host", ["logstash..example.org", "x" * 64 + ".example.org"])
def test_a_host_that_is_no_name_is_one_sentence(host):
    with pytest.raises(DeliveryError, match="took no message"):
        logstash(host=host).send(MESSAGE)


@pytest.mark.parametrize(
    "options",
    [{"port": "70000"}, {"port": "9" * 5000}, {"timeout": "9" * 30}, {"max_size": "9" * 5000}],
    ids=["port", "long port", "timeout", "max_size"],
)
def test_numbers_that_nobody_can_mean_are_refused(options):
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))} of the messenger logstash"):
        logstash(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://[::1"},
        {"base_url": "https://cim.example.org:99999"},
        {"base_url": "https://cim.example.org:x"},
        {"base_url": "https://somebody:secret@cim.example.org"},
        {"timeout": "9" * 30},
    ],
    ids=str,
)
def test_options_of_the_cim_that_make_no_sense_are_one_sentence(options):
    account = {"email": "somebody@example.org", "password": "a-secret"}

    with pytest.raises(ConfigurationError, match=next(iter(options))) as raised:
        GreenDigitCim(MessengerSettings("greendigit_cim", account | options))

    assert "secret" not in str(raised.value)
