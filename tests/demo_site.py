"""A site with a simulated cloud: its configuration, its runs, and what its federation would keep."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from apel_arithmetic import ApelDatabase
from usance.config.load import load_settings
from usance.config.settings import ExtractRequest, Settings
from usance.demo import truth
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import History, microseconds
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf
from usance.extraction.report import RunReport
from usance.extraction.run import extract
from usance.ledger.ledger import Ledger
from usance.model.period import Period
from usance.model.resource import SERVER
from usance.model.span import Timeline
from usance.model.usage import Usage, usage

SUSPENDED = frozenset({"suspended", "shelved", "shelved_offloaded"})


class DemoSite:
    """A cloud with a clock of its own, and a site administrator who runs the program now and then."""

    def __init__(
        self,
        cloud: DemoCloud,
        url: str,
        directory: Path,
        messengers: str = "ssm",
        extractor: str | None = "nova",
        **options: str,
    ) -> None:
        """*extractor*: None for what the program takes by itself."""
        self.cloud = cloud
        self.url = url
        self.directory = directory
        self.conf = write_caso_conf(
            url, directory, messengers=messengers, extractors=extractor, options=options
        )

    @property
    def outgoing(self) -> Path:
        """The queue that SSM sends from."""
        return self.directory / "outgoing"

    def settings(self, overrides: Mapping[str, str] | None = None) -> Settings:
        """Return the settings that the configuration gives."""
        return load_settings([self.conf], overrides or {}, {})

    def run(
        self, at: datetime, settings: Settings | None = None, request: ExtractRequest | None = None
    ) -> RunReport:
        """Set the cloud's clock and run one extraction in this process."""
        self.cloud.clock.set(at)
        return extract(settings or self.settings(), request or ExtractRequest())

    def command(
        self, at: datetime | None, *arguments: str, wrapper: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess:
        """Set the cloud's clock, if an instant is given, and run `caso-extract` as a command."""
        if at is not None:
            self.cloud.clock.set(at)
        program = wrapper or ("-c", "from usance.legacy.caso_extract import main; main()")
        return subprocess.run(
            [sys.executable, *program, "--config-file", str(self.conf), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ledger(self) -> Ledger:
        """Open the site's ledger."""
        return Ledger.open(self.settings().ledger_url)

    def messages(self) -> list[bytes]:
        """Return the messages in the queue, in the order in which SSM would send them."""
        return [path.read_bytes() for path in sorted(self.outgoing.glob("*/*")) if path.is_file()]

    def apel(self) -> ApelDatabase:
        """Return what the federation would keep of the messages in the queue."""
        database = ApelDatabase()
        database.load_all(self.messages())
        return database


@contextmanager
def demo_site(
    history: History, directory: Path, now: datetime | None = None, **options: str
) -> Iterator[DemoSite]:
    """Serve a history and give the site beside it."""
    cloud = DemoCloud(history, clock=Clock(now))
    with serving(cloud) as url:
        yield DemoSite(cloud, url, directory, **options)


def timelines(ledger: Ledger) -> Iterator[Timeline]:
    """Yield all timelines of all projects."""
    for project_id, cloud_id in ledger.projects():
        for changed in ledger.timelines(project_id, cloud_id, SERVER):
            yield changed.timeline


def months_of(timeline: Timeline, until: datetime) -> Iterator[tuple[tuple[int, int], Usage]]:
    """Yield each month that a server touched until then, with its usage."""
    last = until if timeline.end is None else min(timeline.end, until)
    if last <= timeline.begin:
        return
    for month in Period(timeline.begin, last).months():
        counted = Period(month.start, min(month.end, until))
        yield (
            (month.start.year, month.start.month),
            usage(timeline, counted, suspended_states=SUSPENDED),
        )


def truth_of(history: History, until: datetime) -> dict[tuple[str, int, int], truth.Amount]:
    """Return what each server really used, by id, year and month."""
    found = {}
    for number in range(len(history)):
        life = history.life(number)
        for (year, month), amount in truth.of_server(life, microseconds(until), SUSPENDED).items():
            found[life.id, year, month] = amount
    return found


def spread(begin: datetime, end: datetime, shares: list[float]) -> list[datetime]:
    """Return instants in whole seconds between two instants, and the later one as the last."""
    length = (end - begin) // timedelta(seconds=1)
    return [*sorted(begin + timedelta(seconds=int(share * length)) for share in shares), end]
