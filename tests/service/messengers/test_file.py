"""The file of JSON lines on a real file system, with several writers and after crashes."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from outbox_messages import outbox_message
from usance.config.settings import MessengerSettings
from usance.messengers.file import FileMessenger
from usance.model.errors import DeliveryError


def messenger_of(path):
    return FileMessenger(MessengerSettings("file", {"path": str(path)}))


def lines(number, count=3):
    return b"".join(b'{"record_id":"%d-%d"}\n' % (number, place) for place in range(count))


def test_messages_are_appended_in_order(tmp_path):
    messenger = messenger_of(tmp_path / "new" / "records.jsonl")

    messenger.send(outbox_message(body=lines(1)))
    messenger.send(outbox_message(body=lines(2)))

    assert messenger.path.read_bytes() == lines(1) + lines(2)


@pytest.mark.parametrize("torn", [b'{"record_', b"x" * 200_000, b'{"a":1}\n{"b'])
def test_a_torn_last_line_is_cut_off_before_anything_is_appended(tmp_path, torn):
    path = tmp_path / "records.jsonl"
    path.write_bytes(lines(1) + torn)

    messenger_of(path).send(outbox_message(body=lines(2)))

    whole = torn[: torn.rfind(b"\n") + 1]
    assert path.read_bytes() == lines(1) + whole + lines(2)


def test_a_file_of_one_torn_line_begins_anew(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"torn")

    messenger_of(path).send(outbox_message(body=lines(1)))

    assert path.read_bytes() == lines(1)


def test_several_writers_tear_no_line(tmp_path):
    path = tmp_path / "records.jsonl"

    def send_many(first):
        messenger = messenger_of(path)
        for number in range(first, first + 50):
            messenger.send(outbox_message(body=lines(number, 20)))

    with ThreadPoolExecutor() as pool:
        list(pool.map(send_many, (0, 100, 200)))

    ids = [json.loads(line)["record_id"] for line in path.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 3 * 50 * 20


def test_a_rotated_file_is_left_alone_and_a_new_one_begun(tmp_path):
    path = tmp_path / "records.jsonl"
    messenger = messenger_of(path)
    messenger.send(outbox_message(body=lines(1)))
    path.rename(tmp_path / "records.jsonl.1")

    messenger.send(outbox_message(body=lines(2)))

    assert path.read_bytes() == lines(2)
    assert (tmp_path / "records.jsonl.1").read_bytes() == lines(1)


def test_a_symbolic_link_is_not_followed(tmp_path):
    (tmp_path / "target").write_bytes(b"precious\n")
    (tmp_path / "records.jsonl").symlink_to(tmp_path / "target")

    with pytest.raises(DeliveryError, match="symbolic link"):
        messenger_of(tmp_path / "records.jsonl").send(outbox_message(body=lines(1)))

    assert (tmp_path / "target").read_bytes() == b"precious\n"


def test_a_directory_in_the_place_of_the_file_is_one_clear_sentence(tmp_path):
    with pytest.raises(DeliveryError, match="The messenger file can't write to"):
        messenger_of(tmp_path).send(outbox_message(body=lines(1)))
