"""Queues that others break, on purpose or not: each harms itself only, and nothing is lost or repeated."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from dirq.QueueSimple import QueueSimple

from apel_messages import cloud_message, filled, record
from usance.cli.present import as_json
from usance.config.settings import MessengerSettings, QueueSettings
from usance.ledger.values import Message, MessageState
from usance.messengers.ssm import SsmMessenger, queue_name
from usance.model.errors import ConfigurationError, DeliveryError
from usance.sending.dead import DeadLetters
from usance.sending.publishing import publish
from usance.sending.queues import DirectoryQueue, DirqQueue, open_queue

TOPIC = "eu-egi-cloud-accounting"
NOT_ASCII = cloud_message(record(0, name="Gerät"))


def directory(settings, path, *more):
    return msgspec.structs.replace(settings, queues=(QueueSettings(path, TOPIC, "directory"), *more))


def looping(path):
    path.symlink_to(path)
    return path


def too_long(path):
    return path.with_name("q" * 300)


@pytest.mark.parametrize("broken", [looping, too_long])
def test_a_queue_that_cant_be_read_stops_no_other(tmp_path, ams, settings, queue, broken):
    path = broken(tmp_path / "broken")
    filled(queue, cloud_message(record(1)))
    both = msgspec.structs.replace(settings, queues=(QueueSettings(path, TOPIC), *settings.queues))

    report = publish(both)

    assert report.exit_status == 1
    assert str(path)[:40] in report.queues[0].error
    assert len(ams.names()) == 1


def test_a_file_in_the_place_of_one_queue_stops_no_other(tmp_path, ams, settings, queue):
    (tmp_path / "broken").write_text("no queue")
    filled(queue, cloud_message(record(1)))
    both = msgspec.structs.replace(
        settings, queues=(QueueSettings(tmp_path / "broken", TOPIC), *settings.queues)
    )

    report = publish(both)

    assert report.exit_status == 1
    assert "is not a directory" in report.queues[0].error
    assert len(ams.names()) == 1


def test_dead_letters_that_cant_be_written_hold_back_nothing(ams, settings, queue):
    filled(queue, NOT_ASCII, cloud_message(record(1)), cloud_message(record(2)))
    queue.with_name(f"{queue.name}-dead").write_text("in the way")

    report = publish(settings)

    assert report.exit_status == 1
    assert (report.queues[0].sent, report.queues[0].dead, report.queues[0].left) == (2, 0, 1)
    assert "-dead" in report.queues[0].error
    assert len(ams.names()) == 2


def test_what_is_no_file_holds_back_nothing_though_it_cant_be_put_aside(settings, queue):
    [first, _] = filled(queue, cloud_message(record(1)), cloud_message(record(2)))
    (queue / first).unlink()
    (queue / first).symlink_to("/etc/hostname")
    queue.with_name(f"{queue.name}-dead").write_text("in the way")

    report = publish(settings)

    assert report.exit_status == 1
    assert (report.queues[0].sent, report.queues[0].left) == (1, 1)


def test_a_dead_letter_takes_the_place_of_no_other(tmp_path, settings):
    path = tmp_path / "messages"
    path.mkdir()
    bodies = [NOT_ASCII, NOT_ASCII + b"again\n"]

    for body in bodies:
        (path / "daily.txt").write_bytes(body)
        assert publish(directory(settings, path)).queues[0].dead == 1

    kept = [one for one in (tmp_path / "messages-dead").iterdir() if one.suffix != ".reason"]
    assert sorted(one.read_bytes() for one in kept) == sorted(bodies)
    assert all(one.with_name(f"{one.name}.reason").exists() for one in kept)


def test_a_dead_letter_that_is_put_aside_twice_is_there_once(tmp_path):
    dead = DeadLetters(tmp_path / "queue")

    dead.put("00000000/00000000000000", b"body", "a reason")
    dead.put("00000000/00000000000000", b"body", "a reason")

    assert len([one for one in dead.path.rglob("*") if one.is_file()]) == 2


def test_a_message_that_comes_meanwhile_is_no_failure(ams, settings, queue):
    filled(queue, cloud_message(record(1)))
    late = iter([cloud_message(record(2))])

    def add_one():
        for body in late:
            filled(queue, body)

    ams.on_published = add_one

    report = publish(settings)

    assert (report.exit_status, report.queues[0].left) == (0, 0)
    assert QueueSimple(str(queue)).count() == 1
    assert publish(settings).exit_status == 0
    assert len(ams.names()) == 2


def test_a_file_that_is_written_anew_while_it_is_sent_is_sent_again(tmp_path, ams, settings):
    path = tmp_path / "messages"
    path.mkdir()
    (path / "cloud").write_bytes(cloud_message(record(1)))
    later = [cloud_message(record(2))]

    def write_anew():
        if later:
            (path / "new").write_bytes(later.pop())
            (path / "new").replace(path / "cloud")

    ams.on_published = write_anew

    publish(directory(settings, path))

    assert (path / "cloud").read_bytes() == cloud_message(record(2))
    assert publish(directory(settings, path)).exit_status == 0
    assert len(ams.names()) == 2


@contextlib.contextmanager
def as_somebody_else():
    """Do without root's rights, if we have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_place(place, settings):
    """Give a directory that everybody reaches, and settings with certificates in it."""
    with tempfile.TemporaryDirectory() as name:
        there = Path(name)
        there.chmod(0o755)
        shutil.copytree(place.path, there / "grid-security")
        (there / "grid-security").chmod(0o755)
        (there / "grid-security" / "certificates").chmod(0o755)
        files = {
            option: there / "grid-security" / getattr(settings, option).name
            for option in ("certificate", "key")
        }
        files["key"].chmod(0o644)  # for whoever we are then
        capath = there / "grid-security" / "certificates"
        files |= {"capath": capath, "cafile": capath / settings.cafile.name}
        yield there, msgspec.structs.replace(settings, **files)


@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_what_could_not_be_removed_afterwards_is_not_sent(ams, open_place, mode):
    there, settings = open_place
    path = there / "messages"
    path.mkdir()
    (path / "cloud").write_bytes(cloud_message(record(1)))
    path.chmod(mode if os.geteuid() == 0 else 0o555)

    with as_somebody_else():
        report = publish(directory(settings, path))

    assert report.exit_status == 1
    assert "cloud can't be taken" in report.queues[0].error
    assert ams.names() == []


def test_elements_in_a_sticky_minute_of_somebody_else_are_not_sent(ams, open_place):
    if os.geteuid() != 0:
        pytest.skip("only root can make files of somebody else")
    there, settings = open_place
    path = there / "queue"
    path.mkdir()
    [name] = filled(path, cloud_message(record(1)))
    path.chmod(0o1777)
    (path / name).parent.chmod(0o1777)
    (path / name).chmod(0o644)

    with as_somebody_else():
        report = publish(msgspec.structs.replace(settings, queues=(QueueSettings(path, TOPIC),)))

    assert report.exit_status == 1
    assert f"{name} can't be taken" in report.queues[0].error
    assert ams.names() == []


def test_a_lock_from_the_future_is_a_dead_senders(tmp_path):
    """A clock that was set back must not keep a message for years."""
    [name] = filled(tmp_path, b"message")
    lock = tmp_path / f"{name}.lck"
    lock.hardlink_to(tmp_path / name)
    later = time.time() + 86400
    os.utime(lock, (later, later))

    assert DirqQueue(tmp_path).take(name) == b"message"


def test_an_empty_file_from_the_future_is_no_longer_being_written(tmp_path):
    (tmp_path / "empty").touch()
    later = time.time() + 86400
    os.utime(tmp_path / "empty", (later, later))

    assert DirectoryQueue(tmp_path).take("empty") == b""


def test_a_lock_that_is_a_link_to_a_pipe_is_not_read(tmp_path):
    """Its seven letters are as many as a lock of ours has."""
    [name] = filled(tmp_path, b"message")
    os.mkfifo(tmp_path / name.partition("/")[0] / "a-fifo1")
    (tmp_path / f"{name}.lck").symlink_to("a-fifo1")
    found = []
    thread = threading.Thread(target=lambda: found.append(DirqQueue(tmp_path).take(name)), daemon=True)

    thread.start()
    thread.join(5)

    assert found == [None]


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_xml_without_end_of_depth_is_put_aside_and_the_others_arrive(ams, settings, queue, depth):
    deep = b"<a>" * depth + "é".encode() + b"</a>" * depth
    filled(queue, deep, cloud_message(record(1)))

    report = publish(settings)

    assert (report.queues[0].sent + report.queues[0].dead, report.queues[0].left) == (2, 0)
    assert len(ams.names()) >= 1


def test_the_root_is_no_queue():
    with pytest.raises(ConfigurationError, match="can't be a queue"):
        open_queue(Path("/"), "dirq")


def test_a_part_that_was_mended_goes_under_its_own_name(ams, settings, queue):
    [name] = filled(queue, cloud_message(record(1), record(2)))
    (queue / name).rename(queue / f"{name}-01")

    assert publish(settings).exit_status == 0
    assert ams.names() == [f"{name}-01"]
    assert not (queue / f"{name}-01").exists()


def test_nothing_is_lost_or_repeated_while_others_write_into_the_queue(ams, settings, queue):
    """The sender removes empty minutes, the writer makes them, both all the time."""
    messenger = SsmMessenger(MessengerSettings("ssm", {"output_path": str(queue)}))
    written, failed = [], []

    def write():
        for number in range(150):
            body = cloud_message(record(number))
            message = Message(
                id=number,
                project_id="",
                cloud_id="cloud",
                messenger="ssm",
                record_type="cloud",
                format="cloud-v04",
                body=body,
                record_count=1,
                staged_at=datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=61 * number),
                state=MessageState.PENDING,
            )
            try:
                messenger.send(message)
            except DeliveryError as error:
                failed.append(error)
            written.append(queue_name(message))

    thread = threading.Thread(target=write)
    thread.start()
    statuses = set()
    while thread.is_alive():
        statuses.add(publish(settings).exit_status)
    thread.join()
    statuses.add(publish(settings).exit_status)

    assert failed == []
    assert statuses == {0}
    assert sorted(ams.names()) == sorted(written)
    assert QueueSimple(str(queue)).count() == 0


def test_a_name_cant_write_lines_of_its_own_into_the_log(tmp_path, settings, caplog):
    path = tmp_path / "messages"
    path.mkdir()
    (path / "x\nall was sent").write_bytes(NOT_ASCII)
    (path / b"\xff".decode("utf-8", "surrogateescape")).write_bytes(NOT_ASCII)
    (path / "y\n").symlink_to("nowhere")

    report = publish(directory(settings, path))
    rehearsed = publish(directory(settings, path), dry_run=True)

    assert report.queues[0].dead == 2
    assert all("\n" not in one.getMessage() and one.getMessage().isprintable() for one in caplog.records)
    assert as_json(report)
    assert as_json(rehearsed)


def test_a_dry_run_reads_nothing_that_is_no_file(settings, queue):
    [first, second, third] = filled(queue, *[cloud_message(record(number)) for number in range(3)])
    for name in (first, second):
        (queue / name).unlink()
    os.mkfifo(queue / first)
    (queue / second).symlink_to("/dev/zero")
    found = []
    thread = threading.Thread(target=lambda: found.append(publish(settings, dry_run=True)), daemon=True)

    thread.start()
    thread.join(20)

    [report] = found
    assert (report.exit_status, report.queues[0].sent, report.queues[0].dead) == (1, 1, 2)
    assert (queue / third).exists()
