"""Receive by SSM's own code, in its environment, what is at an AMS, and print what became of it.

    PYTHONPATH=<checkout of apel/ssm> python ssm_receive.py JOB

JOB is a JSON file: host, token, topic, count, certificate, key, capath, subject, queue.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from ssm.ssm2 import Ssm2


def main() -> None:
    """Pull as often as there are messages."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    job = json.loads(Path(sys.argv[1]).read_text())
    receiver = Ssm2(
        [job["host"]],
        job["queue"],
        cert=job["certificate"],
        key=job["key"],
        listen=job["topic"],
        capath=job["capath"],
        protocol=Ssm2.AMS_MESSAGING,
        project="accounting",
        token=job["token"],
    )
    receiver.set_dns([job["subject"]])
    for _ in range(job["count"]):
        receiver.pull_msg_ams()
    found = {"accepted": [], "rejected": []}
    for kind, queue in (("accepted", receiver._inq), ("rejected", receiver._rejectq)):
        for name in queue:
            if queue.lock(name):
                found[kind].append(queue.get(name))
    json.dump(found, sys.stdout)


main()
