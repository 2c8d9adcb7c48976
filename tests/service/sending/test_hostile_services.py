"""Services and settings that nobody would expect: what they say is bounded, and goes nowhere else."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from apel_messages import cloud_message, filled, record
from usance.config.publishing import publish_settings
from usance.config.settings import MessengerSettings
from usance.http.client import Tls
from usance.ledger.ledger import Ledger
from usance.ledger.values import NewMessage, NewRecord
from usance.messengers.outbox import deliver
from usance.messengers.sent import AmsMessenger
from usance.model.errors import ConfigurationError
from usance.sending.publishing import publish

TOPIC = "eu-egi-cloud-accounting"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def given_token(ams):
    """Return a token that the service takes."""
    ams.tokens.add("a-given-token")
    return "a-given-token"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>Welcome to our Wi-Fi</html>",
        b"null",
        b"[]",
        b"{}",
        b'{"error": {"code": 500, "message": "trouble", "status": "ERROR"}}',
        b'{"messageIds": null}',
        b'{"messageIds": [1]}',
        b'{"messageIds": []}',
        b'{"messageIds": ["1", "2", "3"]}',
        b'{"messageIds": ["' + b"x" * (2 << 20) + b'"]}',
        b"[" * 100_000,
    ],
    ids=lambda answer: answer[:20].decode(),
)
def test_what_acknowledges_nothing_leaves_the_message_in_the_queue(ams, settings, queue, answer):
    filled(queue, cloud_message(record(1)))
    ams.say(answer, times=10)

    report = publish(msgspec.structs.replace(settings, token=given_token(ams), retries=0))

    assert report.exit_status == 1
    assert (report.queues[0].sent, report.queues[0].left, report.queues[0].dead) == (0, 1, 0)
    assert "\n" not in report.queues[0].error
    assert len(report.queues[0].error) < 600


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_takes_the_token_nowhere(ams, settings, queue, status):
    filled(queue, cloud_message(record(1)))
    elsewhere = f"https://127.0.0.1:{ams.authn_port}/v1/projects/accounting/topics/{TOPIC}:publish"
    ams.fail(status, times=2, location=elsewhere)

    report = publish(settings)

    assert report.exit_status == 1
    assert report.queues[0].left == 1
    assert not any(one.endswith(" 200") for one in ams.publishes())
    assert len(ams.requests) <= 2


def test_a_service_that_drips_is_left_after_the_time_out(ams, settings, queue):
    filled(queue, cloud_message(record(1)))
    ams.fail("drip", times=10)

    report = publish(msgspec.structs.replace(settings, token=given_token(ams), timeout_s=1, retries=0))

    assert report.exit_status == 1
    assert "did not answer" in report.queues[0].error


@pytest.mark.parametrize("host", ["msg..example.org", "x" * 64 + ".example.org", "*.example.org"])
def test_a_host_that_is_no_name_is_one_sentence(settings, queue, host):
    filled(queue, cloud_message(record(1)))

    report = publish(msgspec.structs.replace(settings, hosts=(host,), retries=0, token="t"))

    assert report.exit_status == 1
    assert "can't be reached" in report.queues[0].error


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("destination", "a\0b"),
        ("destination", "a\nb"),
        ("queues", "/srv/q=a\0b"),
        ("queues", "/=topic"),
        ("login", "a\0b"),
        ("passcode", "a-secret\nb"),
        ("vhost", "a\rb"),
        ("token", "a-secret\r\nX-Other: b"),
        ("token", "a-secret-ü"),
        ("ams_project", "a\nb"),
        ("host", "a\0b"),
        ("host", ":443"),
        ("host", "[::1"),
    ],
)
def test_what_can_be_no_header_is_refused_without_telling_secrets(option, value):
    with pytest.raises(ConfigurationError, match=option) as raised:
        publish_settings({option: value}, "[publish]")

    assert "secret" not in str(raised.value)
    assert str(raised.value).isprintable()


def test_the_token_is_in_no_log_whatever_the_level(ams, settings, queue, caplog):
    caplog.set_level(logging.DEBUG, "usance")
    filled(queue, cloud_message(record(1)))
    token = given_token(ams)
    ams.fail(500)

    publish(msgspec.structs.replace(settings, token=token))

    assert caplog.records
    assert token not in caplog.text


def test_a_key_that_anybody_may_read_is_warned_of(settings, tmp_path):
    key = tmp_path / "host.key"
    key.write_bytes(settings.key.read_bytes())
    key.chmod(0o644)

    [warning] = publish(msgspec.structs.replace(settings, key=key)).warnings
    key.chmod(0o600)

    assert "may be read by others" in warning
    assert not publish(msgspec.structs.replace(settings, key=key)).warnings


def test_a_key_with_a_password_asks_nobody_for_it(place, tmp_path):
    """A cron job has nobody to answer, and a terminal must not wait for one."""
    plain = load_pem_private_key((place.path / "host.example.org.key").read_bytes(), None)
    key = tmp_path / "locked.key"
    key.write_bytes(
        plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a-password"))
    )
    certificate = place.path / "host.example.org.pem"
    code = (
        "import sys\nfrom usance.http.client import Tls\n"
        "Tls(certfile=sys.argv[1], keyfile=sys.argv[2]).context()\n"
    )
    ours, theirs = os.openpty()

    done = subprocess.run(
        [sys.executable, "-c", code, str(certificate), str(key)],
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=20,
        start_new_session=True,
        check=False,
    )
    os.close(theirs)
    os.close(ours)

    assert "can't be read" in done.stderr
    assert "pass phrase" not in done.stderr
    with pytest.raises(ConfigurationError, match="can't be read"):
        Tls(certfile=str(certificate), keyfile=str(key)).context()


def test_a_service_that_refuses_everything_does_not_get_the_whole_outbox(tmp_path, ams, settings):
    """Refused messages are not sent again: a mistake of the configuration must not refuse them all."""
    options = {
        "host": settings.hosts[0],
        "authn_port": str(settings.authn_port),
        "certificate": str(settings.certificate),
        "key": str(settings.key),
        "cafile": str(settings.cafile),
        "destination": TOPIC,
        "retries": "0",
    }
    ams.fail(400, times=1000, containing=b"VMUUID")
    messenger = AmsMessenger(MessengerSettings("ams", options))
    with Ledger.open(f"sqlite:///{tmp_path}/usance.sqlite") as ledger:
        for number in range(15):
            records = (NewRecord(f"cloud/{number}/2026-11", "server", str(number), "d", NOW),)
            message = NewMessage("cloud", "cloud-v04", cloud_message(record(number)), records)
            ledger.stage("project1", "default", "ams", [message], at=NOW)

        result = deliver(ledger, messenger, now=NOW)

        [status] = ledger.status().messengers

    assert len(ams.publishes()) == 10
    assert "one after the other" in result.reason
    assert status.pending >= 5
