"""Queues sent by a real STOMP broker, and to things that only look like one."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

import msgspec
import pytest
from dirq.QueueSimple import QueueSimple

from apel_messages import cloud_message, filled, record
from received import opened
from service.rabbitmq import HOW_TO_GET_IT, PASSWORD, USER, is_installed, running_rabbitmq
from usance.sending.publishing import publish


@pytest.fixture(scope="session")
def broker(place):
    if not is_installed():
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    with running_rabbitmq(place, "ams.example.org") as server:
        yield server


@pytest.fixture
def by_stomp(settings):
    """Send the queue to a broker that is still to be named."""
    return msgspec.structs.replace(
        settings,
        protocol="STOMP",
        cafile=None,  # the authorities in capath are enough
        login=USER,
        passcode=PASSWORD,
        vhost="/",
        queues=(msgspec.structs.replace(settings.queues[0], destination="/queue/accounting"),),
    )


def at(settings, *ports, **more):
    return msgspec.structs.replace(settings, hosts=tuple(f"127.0.0.1:{port}" for port in ports), **more)


@contextlib.contextmanager
def saying(*answers, hold=False):
    """Serve connections that get these bytes, one after each frame, and then nothing or the end."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while not stopped.is_set():
                    connection, _ = server.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection):
            with connection, contextlib.suppress(OSError):
                for answer in answers:
                    while not connection.recv(65536).endswith(b"\0"):
                        pass
                    connection.sendall(answer)
                if hold:
                    stopped.wait(30)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stopped.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


CONNECTED = b"CONNECTED\nversion:1.2\n\n\0\n"


def test_messages_arrive_over_tls_with_the_host_certificate(place, broker, by_stomp, queue):
    bodies = [cloud_message(record(number)) for number in range(5)]
    names = filled(queue, *bodies)

    report = publish(at(by_stomp, broker.stomps_port))

    assert report.exit_status == 0
    arrived = list(broker.taken("accounting"))
    assert [headers["empa-id"] for headers, _ in arrived] == names
    assert sorted(opened(place, text) for _, text in arrived) == sorted(one.strip() for one in bodies)
    assert QueueSimple(str(queue)).count() == 0


def test_without_tls_messages_arrive_encrypted_for_the_receiver(place, broker, by_stomp, queue):
    receiver = place.path / "receiver.example.org.pem"
    filled(queue, cloud_message(record(1)))

    report = publish(at(by_stomp, broker.stomp_port, use_ssl=False, server_cert=receiver))

    assert report.exit_status == 0
    [(_, text)] = broker.taken("accounting")
    assert opened(place, text, receiver) == cloud_message(record(1)).strip()


def test_the_second_broker_takes_what_the_first_does_not(broker, by_stomp, queue):
    filled(queue, cloud_message(record(1)))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead_port = closed.getsockname()[1]

    assert publish(at(by_stomp, dead_port, broker.stomps_port)).exit_status == 0

    assert len(list(broker.taken("accounting"))) == 1


def test_a_message_that_is_too_large_is_split_for_the_broker_too(broker, by_stomp, queue):
    [name] = filled(queue, cloud_message(*(record(number, padding=2000) for number in range(30))))

    report = publish(at(by_stomp, broker.stomps_port, max_bytes=50_000))

    assert report.exit_status == 0
    assert [headers["empa-id"] for headers, _ in broker.taken("accounting")] == [f"{name}-0", f"{name}-1"]


def test_a_wrong_password_is_said_and_everything_waits(broker, by_stomp, queue):
    filled(queue, cloud_message(record(1)))

    report = publish(at(by_stomp, broker.stomps_port, passcode="wrong"))

    assert report.exit_status == 1
    assert "does not let us in" in report.queues[0].error
    assert report.queues[0].left == 1


def test_a_destination_that_the_broker_refuses_stops_its_queue(broker, by_stomp, queue):
    filled(queue, cloud_message(record(1)))
    strange = msgspec.structs.replace(by_stomp.queues[0], destination="/nonsense/accounting")

    report = publish(at(by_stomp, broker.stomps_port, queues=(strange,)))

    assert report.exit_status == 1
    assert "refuses messages for /nonsense/accounting" in report.queues[0].error
    assert report.queues[0].left == 1


def test_a_broker_of_an_unknown_authority_gets_nothing(tmp_path, broker, by_stomp, queue):
    filled(queue, cloud_message(record(1)))

    report = publish(at(by_stomp, broker.stomps_port, capath=tmp_path / "none"))

    assert report.exit_status == 1
    assert "certificate verify failed" in report.queues[0].error
    assert report.queues[0].left == 1


@pytest.mark.parametrize(
    ("answers", "hold", "said"),
    [
        ((CONNECTED,), True, "did not answer within 1 s"),
        ((), True, "did not answer within 1 s"),
        ((CONNECTED,), False, "no STOMP broker works"),
        ((b"HTTP/1.1 400 Bad Request\n\n\0",), False, "no STOMP broker works"),
        ((b"x" * 200_000,), False, "no STOMP broker works"),
        ((CONNECTED, b"RECEIPT\nreceipt-id:another\n\n\0"), True, "did not answer within 1 s"),
        ((CONNECTED, b"RECEIPT\ncontent-length:99999999999\n\n\0"), False, "impossible length"),
        ((CONNECTED, b"RECEIPT\n" + b"a:b\n" * 50 + b"".join(b"%d:b\n" % n for n in range(200))), False,
         "too many headers"),
        ((CONNECTED, b"ERROR\nmessage:no\\nroom\n\nmore\0"), False, "no room"),
    ],
)  # fmt: skip
def test_a_broker_that_does_not_confirm_has_not_taken_the_message(by_stomp, queue, answers, hold, said):
    filled(queue, cloud_message(record(1)))
    with saying(*answers, hold=hold) as port:
        report = publish(at(by_stomp, port, use_ssl=False, timeout_s=1, retries=0))

    assert report.exit_status == 1
    assert said in report.queues[0].error
    assert (report.queues[0].sent, report.queues[0].left) == (0, 1)


def test_a_receipt_confirms_the_message(by_stomp, queue):
    [name] = filled(queue, cloud_message(record(1)))
    receipt = b"\n\nRECEIPT\nreceipt-id:%s\n\n\0" % name.encode()

    with saying(CONNECTED, receipt, hold=True) as port:
        report = publish(at(by_stomp, port, use_ssl=False))

    assert report.exit_status == 0
