"""Queues on a real file system, shared with dirq, by which SSM and cASO use them."""

import os
import subprocess
import sys
import time

import pytest
from dirq.QueueSimple import QueueSimple

from apel_messages import filled
from usance.model.errors import ConfigurationError, LockHeldError
from usance.sending.dead import DeadLetters
from usance.sending.queues import DirectoryQueue, DirqQueue, UnreadableError, held, open_queue


@pytest.fixture
def dirq(tmp_path):
    return DirqQueue(tmp_path), QueueSimple(str(tmp_path))


def test_what_dirq_added_is_taken_in_its_order_and_removed(dirq):
    ours, theirs = dirq
    names = [theirs.add(b"%d" % number) for number in range(5)]

    assert ours.names() == sorted(names)
    assert ours.take(names[0]) == b"0"
    ours.remove(names[0])

    assert ours.names() == sorted(names)[1:]
    assert theirs.count() == 4


def test_each_respects_the_locks_of_the_other(dirq):
    ours, theirs = dirq
    first, second = sorted(theirs.add(b"x") for _ in range(2))

    assert theirs.lock(first)
    assert ours.take(first) is None
    assert ours.take(second) == b"x"
    assert not theirs.lock(second)

    theirs.unlock(first)
    ours.release(second)
    assert ours.take(first) == b"x"
    assert theirs.lock(second)


def test_an_old_lock_of_ssms_is_taken_and_a_young_one_is_not(tmp_path):
    theirs = QueueSimple(str(tmp_path))
    name = theirs.add(b"x")
    theirs.lock(name)
    ours = DirqQueue(tmp_path, max_lock_s=600)
    assert ours.take(name) is None

    old = time.time() - 700
    os.utime(tmp_path / name, (old, old))

    assert ours.take(name) == b"x"


def test_a_lock_of_ours_that_a_dead_process_left_is_taken_at_once(tmp_path):
    theirs = QueueSimple(str(tmp_path))
    name = theirs.add(b"x")
    assert DirqQueue(tmp_path).take(name) == b"x"  # and this process "died"

    assert DirqQueue(tmp_path).take(name) == b"x"


def test_a_lock_of_ours_that_says_nothing_yet_is_taken_at_once(tmp_path):
    """Its maker was killed before it wrote into it; test_killed_between_lines does that."""
    name = QueueSimple(str(tmp_path)).add(b"x")
    (tmp_path / f"{name}.lck").touch()

    assert DirqQueue(tmp_path).take(name) == b"x"


def test_a_lock_of_ssms_on_a_message_without_content_is_respected(dirq):
    ours, theirs = dirq
    name = theirs.add(b"")
    theirs.lock(name)

    assert ours.take(name) is None


def test_what_another_sender_has_sent_meanwhile_is_gone(dirq):
    ours, theirs = dirq
    name = theirs.add(b"x")
    names = ours.names()
    theirs.lock(name)
    theirs.remove(name)

    assert [ours.take(one) for one in names] == [None]
    assert not list(ours.path.rglob("*.lck"))


def test_purge_removes_what_the_dead_left_and_nothing_that_lives(dirq, tmp_path):
    ours, theirs = dirq
    name = theirs.add(b"x")
    for minute in ("00000000", "00000060"):
        (tmp_path / minute).mkdir()
    old, young = tmp_path / "00000060" / "0000000000000a.tmp", tmp_path / "00000060" / "0000000000000b.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    past = time.time() - 400
    os.utime(old, (past, past))

    ours.purge()

    assert not (tmp_path / "00000000").exists()
    assert (old.exists(), young.exists()) == (False, True)
    assert theirs.get_path(name)
    assert ours.names() == [name]


def test_two_of_ours_never_empty_one_queue(tmp_path):
    script = (
        "import sys, pathlib; from usance.sending.queues import held\n"
        "with held(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LockHeldError, match="another sender"), held(tmp_path):
            pass
    finally:
        other.communicate(timeout=30)
    with held(tmp_path):
        pass


def test_a_directory_gives_its_files_oldest_first_and_nothing_unfinished(tmp_path):
    for age, name in ((30, "b"), (20, "a"), (10, "c")):
        (tmp_path / name).write_bytes(name.encode())
        past = time.time() - age
        os.utime(tmp_path / name, (past, past))
    for name in (".hidden", "x.tmp", "y.part", "z~"):
        (tmp_path / name).write_bytes(b"no")
    (tmp_path / "directory").mkdir()
    queue = DirectoryQueue(tmp_path)

    assert queue.names() == ["b", "a", "c"]
    assert queue.take("b") == b"b"
    queue.remove("b")
    assert queue.names() == ["a", "c"]


def test_an_empty_new_file_is_left_to_who_is_writing_it(tmp_path):
    (tmp_path / "new").touch()
    (tmp_path / "old").touch()
    past = time.time() - 1000
    os.utime(tmp_path / "old", (past, past))

    assert DirectoryQueue(tmp_path).take("new") is None
    assert DirectoryQueue(tmp_path).take("old") == b""


def test_links_and_pipes_are_no_messages(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"root:x:0:0\n")
    minute = tmp_path / "queue" / "00000000"
    minute.mkdir(parents=True)
    (minute / "0000000000000a").symlink_to(secret)
    os.mkfifo(minute / "0000000000000b")
    queue = DirqQueue(tmp_path / "queue")

    for name in queue.names():
        with pytest.raises(UnreadableError):
            queue.take(name)


def test_a_file_in_the_place_of_a_queue_is_one_sentence(tmp_path):
    (tmp_path / "queue").write_text("no")

    with pytest.raises(ConfigurationError, match="is not a directory"):
        open_queue(tmp_path / "queue", "dirq")


def test_a_directory_of_dead_letters_that_was_left_closed_is_opened_to_who_shares_the_queue(tmp_path):
    queue = tmp_path / "openstack"
    queue.mkdir()
    queue.chmod(0o2770)
    dead = DeadLetters(queue)
    dead.path.mkdir(mode=0o700)  # and the process died before it gave it its mode

    dead.put("0000003c/0000003c00000a", b"body", "why")

    modes = {path.stat().st_mode & 0o7777 for path in (dead.path, dead.path / "0000003c")}
    assert modes == {0o2770}
    assert {path.stat().st_mode & 0o777 for path in dead.path.rglob("*") if path.is_file()} == {0o660}


def test_dead_letters_may_lie_on_another_disk(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    dead = DeadLetters(tmp_path / "openstack")
    dead.path.symlink_to(tmp_path / "elsewhere")

    dead.put("0000003c/0000003c00000a", b"body", "why")

    assert (tmp_path / "elsewhere" / "0000003c" / "0000003c00000a").read_bytes() == b"body"
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700


def test_dead_letters_lie_where_no_reader_of_any_queue_sees_them(tmp_path):
    queue = tmp_path / "outgoing" / "openstack"
    queue.mkdir(parents=True)
    queue.chmod(0o2770)
    [name] = filled(queue, b"body")

    dead = DeadLetters(queue)
    dead.put(name, b"body", "why")

    assert (dead.path / name).read_bytes() == b"body"
    assert (dead.path / f"{name}.reason").read_text() == "why\n"
    assert dead.path == tmp_path / "outgoing" / "openstack-dead"
    assert dead.path.stat().st_mode & 0o7777 == 0o2770
    assert QueueSimple(str(queue)).count() == 1
    assert QueueSimple(str(queue.parent)).count() == 0
    assert QueueSimple(str(dead.path)).count() == 1  # so it can be sent again from there
