"""What the pipeline benchmark measures of Usance: `python -m bench.pipe LEDGER_URL QUEUE RECORD_TYPE`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.steady import BEFORE
from bench.steady import site as steady_site
from usance.config.settings import MessengerSettings
from usance.demo.site import Site
from usance.ledger.ledger import Ledger
from usance.messengers.outbox import deliver, stage
from usance.messengers.ssm import SsmMessenger
from usance.records.context import RecordContext

CLOUD = "bench"
UNTIL = BEFORE


class Piped(msgspec.Struct, frozen=True):
    """What went through."""

    records: int
    messages: int
    first_s: float  # until they were staged; for cASO: until its objects were made
    seconds: float  # altogether
    peak_rss_mib: float  # of this program alone: what the kernel says of a child is its parent's, too


def site(projects: int) -> Site:
    """Return the site whose users the records are of."""
    return steady_site(projects=projects)


def context_of() -> RecordContext:
    """Return what all records have in common."""
    return RecordContext(
        site_name="BENCH-Site",
        service_name="cloud.bench.example.org",
        fqan="vo.example.org",
        user_names={user.id: user.name for user in site(1).users},
    )


def peak_rss_mib() -> float:
    """Return the most memory that this process had since its program began."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Stage and deliver, and print how long that took."""
    url, queue, record_type = sys.argv[1:]
    settings = MessengerSettings("ssm", {"output_path": queue}, frozenset({record_type}))
    messenger, context = SsmMessenger(settings), context_of()
    records = messages = 0
    with Ledger.open(url) as ledger:
        begin = time.perf_counter()
        for project_id, cloud_id in ledger.projects():
            done = stage(ledger, project_id, cloud_id, messenger, context, until=UNTIL, now=datetime.now(UTC))
            assert not done.quarantined, done
            records, messages = records + done.records, messages + done.messages
        staged = time.perf_counter()
        delivered = deliver(ledger, messenger, now=datetime.now(UTC))
        end = time.perf_counter()
    assert (delivered.delivered, delivered.failed) == (messages, 0), delivered
    piped = Piped(records, messages, staged - begin, end - begin, peak_rss_mib())
    print(msgspec.json.encode(piped).decode())


if __name__ == "__main__":
    main()
