"""Do one thing with a queue, again and again, killed before its first line, its second, and so on.

Prints, for each kill, what whoever came after it found. A program of its own, because it forks:
`killed_between_lines.py take|bury|send DIRECTORY`.
"""

import json
import os
import signal
import stat
import sys
from pathlib import Path

from dirq.QueueSimple import QueueSimple

import usance
from outbox_messages import outbox_message
from usance.config.settings import MessengerSettings
from usance.messengers.ssm import SsmMessenger
from usance.sending.dead import DeadLetters
from usance.sending.queues import DirqQueue

OURS = Path(usance.__file__).parent


def take_and_remove(queue, name):
    taker = DirqQueue(queue)
    taker.purge()
    if taker.take(name) is not None:
        taker.remove(name)


def take_and_bury(queue, name):
    taker = DirqQueue(queue)
    body = taker.take(name)
    if body is not None:
        DeadLetters(queue).put(name, body, "why")
        taker.remove(name)


def put_into(queue, _):
    SsmMessenger(MessengerSettings("ssm", {"output_path": str(queue)})).send(outbox_message(body=b"body"))


WAYS = {"take": take_and_remove, "bury": take_and_bury, "send": put_into}


def died_before_line(number, act):
    """Tell whether a process that does it died before so many lines of ours had run."""
    child = os.fork()
    if child == 0:
        left = number

        def trace(frame, event, _):
            nonlocal left
            if not frame.f_code.co_filename.startswith(str(OURS)):
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.waitstatus_to_exitcode(status) == 0
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True


def everything(directory):
    """Return each file below with its mode and content, and each directory with its mode."""
    return {
        str(path.relative_to(directory)): [
            oct(stat.S_IMODE(path.stat().st_mode)),
            path.read_text() if path.is_file() else None,
        ]
        for path in sorted(directory.rglob("*"))
    }


def main(way, directory):
    number = 0
    died = True
    while died:
        place = directory / f"{number:04}"
        queue = place / "queue"
        queue.mkdir(parents=True)
        queue.chmod(0o2770)
        name = QueueSimple(str(queue), umask=0).add(b"body") if way != "send" else ""

        died = died_before_line(number, lambda queue=queue, name=name: WAYS[way](queue, name))
        between = everything(place)
        WAYS[way](queue, name)

        told = {"line": number, "between": between, "after": everything(place)}
        sys.stdout.write(f"{json.dumps(told)}\n")
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
