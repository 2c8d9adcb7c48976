"""The queue on a real file system, read by dirq, with which ssmsend reads it."""

import errno
import os
import resource
import signal
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from dirq.QueueSimple import QueueSimple

from outbox_messages import outbox_message
from server_timelines import at
from usance.config.settings import MessengerSettings
from usance.messengers.complaints import delivery_error
from usance.messengers.ssm import SsmMessenger, queue_name
from usance.model.errors import DeliveryError


def messenger_in(path):
    return SsmMessenger(MessengerSettings("ssm", {"output_path": str(path)}))


def taken(path):
    """Take all messages out of a queue, as the sender does: lock, read, remove."""
    queue = QueueSimple(str(path))
    bodies = []
    for name in queue:
        assert queue.lock(name)
        bodies.append(queue.get(name))
        queue.remove(name)
    queue.purge()
    return bodies


def test_the_sender_reads_the_messages_in_the_order_of_their_staging(tmp_path):
    queue = tmp_path / "outgoing" / "openstack"
    messenger = messenger_in(queue)
    first = at("2026-11-22 01:59:59.999999")
    messages = [
        outbox_message(number, b"%d\n" % number, first + timedelta(microseconds=number))
        for number in range(40)
    ]

    for message in messages:
        messenger.send(message)

    assert taken(queue) == [message.body for message in messages]
    assert taken(queue) == []


def test_a_message_has_one_name_and_written_twice_it_is_there_once(tmp_path):
    messenger = messenger_in(tmp_path)

    messenger.send(outbox_message(body=b"once\n"))
    messenger.send(outbox_message(body=b"once\n"))

    assert taken(tmp_path) == [b"once\n"]


def test_the_name_is_that_of_the_layout():
    message = outbox_message(number=31, staged_at=at("2026-11-22 01:02:03.456789"))
    seconds = 1795309323

    assert queue_name(message) == f"{seconds - seconds % 60:08x}/{seconds:08x}{456789:05x}f"


def test_a_message_that_the_sender_holds_locked_can_be_written_again(tmp_path):
    messenger = messenger_in(tmp_path)
    messenger.send(outbox_message(body=b"text\n"))
    queue = QueueSimple(str(tmp_path))
    name = queue.first()
    assert queue.lock(name)

    messenger.send(outbox_message(body=b"text\n"))

    assert queue.get(name) == b"text\n"
    queue.remove(name)
    assert queue.count() == 0


def test_what_a_killed_run_left_half_written_is_not_seen_and_is_replaced(tmp_path):
    message = outbox_message(body=b"whole\n")
    temporary = tmp_path / f"{queue_name(message)}.tmp"
    temporary.parent.mkdir()
    temporary.write_bytes(b"ha")
    assert QueueSimple(str(tmp_path)).count() == 0

    messenger_in(tmp_path).send(message)

    assert taken(tmp_path) == [b"whole\n"]
    assert not temporary.exists()


def test_a_new_queue_is_closed_to_others(tmp_path):
    messenger_in(tmp_path / "new").send(outbox_message())

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o750
    assert modes == {0o640}


def test_a_queue_that_the_operator_shared_with_the_sender_stays_shared(tmp_path):
    queue = tmp_path / "shared"
    queue.mkdir()
    queue.chmod(0o2770)

    messenger_in(queue).send(outbox_message())

    (minute,) = queue.iterdir()
    (element,) = minute.iterdir()
    assert stat.S_IMODE(minute.stat().st_mode) == 0o2770
    assert stat.S_IMODE(element.stat().st_mode) == 0o660


def test_a_minute_that_was_left_closed_is_opened_to_who_shares_the_queue(tmp_path):
    """Its maker died before it gave it its mode; nobody else could ever have emptied it."""
    queue = tmp_path / "shared"
    queue.mkdir()
    queue.chmod(0o2770)
    message = outbox_message()
    minute = queue / queue_name(message).partition("/")[0]
    minute.mkdir(mode=0o700)

    messenger_in(queue).send(message)

    assert stat.S_IMODE(minute.stat().st_mode) == 0o2770
    assert taken(queue) == [message.body]


def test_a_queue_in_the_place_of_which_a_file_lies_is_one_clear_sentence(tmp_path):
    (tmp_path / "queue").write_text("not a directory")

    with pytest.raises(DeliveryError, match=r"The messenger ssm can't write to .*queue"):
        messenger_in(tmp_path / "queue").send(outbox_message())


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "let the account that runs usance write there"),
        (errno.ENOSPC, "make room on the disk; the messages wait in the ledger"),
        (errno.EROFS, "the file system is mounted read-only"),
    ],
)
def test_what_the_operator_can_mend_comes_with_a_hint(number, hint):
    error = delivery_error("ssm", Path("/queue"), OSError(number, "text"))

    assert error.message == f"The messenger ssm can't write to /queue: {os.strerror(number)}"
    assert error.hint == hint


def test_a_full_disk_says_so_and_leaves_nothing_behind(tmp_path):
    """A limit on the size of files stands for the full disk: the write fails half way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DeliveryError, match=os.strerror(errno.EFBIG)):
            messenger_in(tmp_path).send(outbox_message(body=b"x" * 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_senders_purge_beside_us_does_no_harm(tmp_path):
    """Purging removes empty directories of minutes, perhaps one that was made a moment ago."""
    messenger = messenger_in(tmp_path)
    for number in range(60):
        messenger.send(outbox_message(number, staged_at=at("2026-11-22") + timedelta(minutes=number)))
        if number % 2:
            assert len(taken(tmp_path)) == 2

    assert taken(tmp_path) == []
