"""The checks of this machine: ledger, queues, certificates, peers."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from certificates import Place
from file_systems import unwritable
from usance.config.settings import PublishSettings, QueueSettings
from usance.doctor.certificates import certificate_checks
from usance.doctor.check import Verdict
from usance.doctor.ledger import ledger_checks
from usance.doctor.peers import Peer, peer_check
from usance.doctor.queues import queue_checks
from usance.ledger.ledger import Ledger
from usance.model.errors import UsanceError

NOW = datetime.now(UTC)


def verdicts(checks):
    return [one.verdict.value for one in checks]


def tree(path):
    return {one: one.stat().st_mtime_ns for one in path.rglob("*") if one.is_file()}


# --- the ledger ------------------------------------------------------------------------------------


def test_a_ledger_that_is_in_order(ledger_url):
    Ledger.open(ledger_url).close()

    checks = ledger_checks(ledger_url, NOW)

    assert verdicts(checks) == ["ok", "ok"]
    assert "has the right schema" in checks[0].sentence


def test_a_ledger_that_is_not_there_yet_is_no_fault_and_is_not_made(sqlite_url, tmp_path):
    (told,) = ledger_checks(sqlite_url, NOW)

    assert told.verdict is Verdict.OK
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_without_tables_is_told(postgres_url):
    (told,) = ledger_checks(postgres_url, NOW)

    assert "is empty: the first run fills it" in told.sentence


def test_a_ledger_that_does_not_answer_shows_no_password():
    with pytest.raises(UsanceError) as caught:
        ledger_checks("postgresql+psycopg://usance:secret@127.0.0.1:9/usance?connect_timeout=2", NOW)

    assert "secret" not in str(caught.value)


# --- queues ----------------------------------------------------------------------------------------


@pytest.fixture
def queue(tmp_path):
    """Return a dirq with a message of three days ago, one of now, and a lock of a dead sender."""
    place = tmp_path / "outgoing" / "openstack" / "00000000"
    place.mkdir(parents=True)
    old = (NOW - timedelta(days=3, minutes=1)).timestamp()
    for name, at in (("0123456789abcd", old), ("0123456789abce", None), ("0123456789abcd.lck", old)):
        (place / name).write_text("x")
        if at is not None:
            os.utime(place / name, (at, at))
    return QueueSettings(place.parent, "topic")


def test_what_waits_for_long_what_is_locked_and_what_is_dead_are_told(queue, tmp_path):
    dead = tmp_path / "outgoing" / "openstack-dead" / "00000000"
    dead.mkdir(parents=True)
    (dead / "0123456789abcf").write_text("x")
    (dead / "0123456789abcf.reason").write_text("no")
    before = tree(tmp_path)

    checks = queue_checks(queue, NOW, max_lock_s=600)

    told = [one.sentence for one in checks if one.verdict is Verdict.WARNING]
    assert told[0] == "2 messages wait, the oldest for 3 days"
    assert told[1].startswith("1 messages can never be sent")
    assert told[2] == "1 messages are locked by a sender that died, since 3 days"
    assert tree(tmp_path) == before


@pytest.mark.parametrize("made", [True, False])
def test_a_queue_that_is_empty_or_not_there_is_in_order(tmp_path, made):
    path = tmp_path / "outgoing"
    if made:
        path.mkdir()

    checks = queue_checks(QueueSettings(path, None), NOW, max_lock_s=600)

    assert verdicts(checks) == ["ok"]
    assert path.exists() is made


def test_a_queue_that_must_not_be_written_is_missing(tmp_path):
    path = tmp_path / "outgoing"
    with unwritable(path):
        (told,) = queue_checks(QueueSettings(path, None), NOW, max_lock_s=600)

    assert told.verdict is Verdict.MISSING


def test_a_queue_that_is_a_file_is_told(tmp_path):
    path = tmp_path / "outgoing"
    path.write_text("x")

    (told,) = queue_checks(QueueSettings(path, None), NOW, max_lock_s=600)

    assert (told.verdict, "is no directory" in told.sentence) == (Verdict.ERROR, True)


# --- certificates ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("grid"))


def publishing(place, host, receiver=None, **options):
    certificate, key = host
    return PublishSettings(
        hosts=("localhost",),
        certificate=certificate,
        key=key,
        capath=place.capath,
        server_cert=receiver,
        **options,
    )


def test_certificates_that_are_in_order(place):
    settings = publishing(place, place.issue("host"), place.issue("receiver")[0])

    assert verdicts(certificate_checks(settings, NOW)) == ["ok", "ok", "ok"]


@pytest.mark.parametrize(
    ("end", "verdict", "said"),
    [
        (timedelta(days=10), Verdict.WARNING, "in "),
        (timedelta(hours=-1), Verdict.MISSING, "ended on"),
    ],
)
def test_a_certificate_that_ends_is_told_before_and_after(place, end, verdict, said):
    settings = publishing(place, place.issue("ending", end=end))

    told = certificate_checks(settings, NOW)[0]

    assert told.verdict is verdict
    assert said in told.sentence


def test_each_certificate_is_told_by_itself(place, tmp_path):
    """A host certificate that is not there does not hide a receiver's that nobody here trusts."""
    stranger = Place(tmp_path / "other").issue("stranger")[0]
    settings = publishing(place, (tmp_path / "none.pem", tmp_path / "none.key"), stranger)

    told = {one.name: one for one in certificate_checks(settings, NOW)}

    assert told["Host certificate"].verdict is Verdict.MISSING
    assert told["Receiver's certificate"].verdict is Verdict.OK
    assert told["Authorities"].verdict is Verdict.MISSING


# --- peers -----------------------------------------------------------------------------------------


@contextmanager
def listening(context=None):
    """Listen on loopback, with TLS if there is a context; yield the port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        server.settimeout(20)

        def answer():
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with suppress(OSError), connection:
                        if context is not None:
                            with context.wrap_socket(connection, server_side=True) as secure:
                                secure.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(20)


def checked(peer, timeout_s=10.0):
    return asyncio.run(peer_check(peer, timeout_s))


def test_a_peer_whose_certificate_is_trusted_is_in_order(place):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*place.issue("server"))
    with listening(context) as port:
        trusted = checked(Peer("AMS", "localhost", port, cafile=str(place.cafile)))
        by_directory = checked(Peer("STOMP broker", "localhost", port, capath=str(place.capath)))
        unknown = checked(Peer("AMS", "localhost", port))

    assert [trusted.verdict, by_directory.verdict] == [Verdict.OK, Verdict.OK]
    assert unknown.verdict is Verdict.ERROR
    assert "its certificate is not trusted" in unknown.sentence


def test_a_peer_without_tls_is_reached():
    with listening() as port:
        assert (
            checked(Peer("STOMP broker", "127.0.0.1", port, tls=False)).sentence == "it answers, without TLS"
        )


def test_a_peer_that_refuses_or_has_no_name_is_told():
    refuses = checked(Peer("AMS", "127.0.0.1", 9))
    nameless = checked(Peer("AMS", "no-such-host.invalid", 443))

    assert [refuses.verdict, nameless.verdict] == [Verdict.ERROR, Verdict.ERROR]
    assert "can't be reached" in refuses.sentence


def test_a_peer_that_never_speaks_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)  # it takes connections, and says nothing

        told = checked(Peer("AMS", "127.0.0.1", silent.getsockname()[1]), timeout_s=0.3)

    assert "does not answer within 0.3 s" in told.sentence
