"""A project with public addresses: what really happens, what a run hears of it, what a receiver keeps."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from usance.config.settings import MessengerSettings
from usance.ledger.ledger import Ledger
from usance.messengers.ip_due import IpMaker
from usance.messengers.making import Asked
from usance.messengers.noop import NoopMessenger
from usance.messengers.outbox import StageResult, stage
from usance.messengers.packing import pack, render
from usance.model.observation import Batch, DeletionQuality, Look, Observation, Scope, Verb
from usance.model.resource import (
    ADDRESS_KINDS,
    ADDRESSES,
    FLOATING_IP,
    SERVER,
    SERVER_ID,
    STATE,
    USER_ID,
    Resource,
)
from usance.records.context import RecordContext
from usance.records.ip_v02 import IpV02
from usance.records.validate_ip import message_findings

PROJECT, CLOUD = "project1", "region1"
DEFAULT = "accounting"
NAMES = {one: f"{one}@example.org" for one in ("user0", "user1", "user2", DEFAULT)}
CONTEXT = RecordContext(
    "TEST-Site", "cloud.test.org", "vo.example.org", user_names=NAMES, default_user_id=DEFAULT
)
LAST = timedelta(days=1, seconds=-1)


class Address(msgspec.Struct, frozen=True):
    """One floating IP, and everything that will ever be so of it."""

    id: str
    created: datetime
    deleted: datetime | None
    leads: tuple[
        tuple[datetime, str], ...
    ]  # since when to which server ('': none); the first at the creation
    addresses: str = "192.0.2.1"

    def is_there(self, instant: datetime) -> bool:
        """Say whether it exists at an instant."""
        return self.created <= instant and (self.deleted is None or instant < self.deleted)

    def server(self, instant: datetime) -> str:
        """Return the server that it leads to."""
        return [server for since, server in self.leads if since <= instant][-1]


def truth(
    addresses: list[Address], users: dict[str, str], instant: datetime, default: str = DEFAULT
) -> Counter[tuple[int, str]]:
    """Return how many addresses each user has at an instant, by IP version and user."""
    found: Counter[tuple[int, str]] = Counter()
    for one in addresses:
        if one.is_there(instant):
            for address in one.addresses.split():
                found[6 if ":" in address else 4, users.get(one.server(instant), default)] += 1
    return found


class Named(NoopMessenger):
    """A messenger of another name, so that the ledger tells it from the others."""

    def __init__(self, name: str) -> None:
        super().__init__(MessengerSettings("noop", record_types=frozenset({"ip"})))
        self.name = name


class IpSite:
    """A ledger that looks are kept in, and messengers that are told what follows."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._told: dict[str, list[dict]] = {}

    def look(self, at: datetime, addresses: list[Address]) -> None:
        """Look at the project at an instant: a full look of Neutron's at each kind."""
        end = at + timedelta(seconds=2)
        seen = [
            Observation(
                resource=_resource(FLOATING_IP, one.id),
                verb=Verb.SEEN,
                at=end,
                begin=at,
                source="neutron",
                accounted={ADDRESSES: one.addresses, SERVER_ID: one.server(at)},
                created_at=one.created,
            )
            for one in addresses
            if one.is_there(at)
        ]
        there = {one.resource.id for one in seen}
        seen += [
            Observation(
                resource=_resource(FLOATING_IP, one), verb=Verb.GONE, at=end, begin=at, source="neutron"
            )
            for one in sorted(self.ledger.alive(PROJECT, CLOUD, "neutron", FLOATING_IP) - there)
        ]
        self.ledger.observe(PROJECT, CLOUD, Batch(tuple(seen)))
        for kind in ADDRESS_KINDS:
            look = Look(PROJECT, CLOUD, "neutron", kind, Scope.FULL, begin=at, end=end)
            self.ledger.observe(PROJECT, CLOUD, Batch(look=look, watermark=at))

    def tell(self, addresses: list[Address]) -> None:
        """Tell, as a collector of events will, exactly what happened to some addresses."""
        said = []
        for one in addresses:
            resource = _resource(FLOATING_IP, one.id)
            values = {ADDRESSES: one.addresses, SERVER_ID: one.leads[0][1]}
            said.append(Observation(resource, Verb.CREATED, one.created, "events", accounted=values))
            said += [
                Observation(resource, Verb.CHANGED, since, "events", accounted={SERVER_ID: server})
                for since, server in one.leads[1:]
            ]
            if one.deleted is not None:
                said.append(
                    Observation(
                        resource,
                        Verb.DELETED,
                        one.deleted,
                        "events",
                        quality=DeletionQuality.ENVELOPE,
                    )
                )
        self.ledger.observe(PROJECT, CLOUD, Batch(tuple(said)))

    def servers(self, users: dict[str, str], since: datetime) -> None:
        """Tell of servers, and whose they are."""
        said = tuple(
            Observation(
                _resource(SERVER, server),
                Verb.CREATED,
                since,
                "nova",
                accounted={USER_ID: user, STATE: "active"},
            )
            for server, user in users.items()
        )
        self.ledger.observe(PROJECT, CLOUD, Batch(said))

    def stage(
        self,
        until: datetime,
        messenger: str | Named = "many",
        *,
        context: RecordContext = CONTEXT,
        since: datetime | None = None,
    ) -> StageResult:
        """Stage what a messenger is to be told, and deliver it."""
        one = Named(messenger) if isinstance(messenger, str) else messenger
        result = stage(
            self.ledger,
            PROJECT,
            CLOUD,
            one,
            context,
            until=until,
            since=since,
            now=datetime.now(UTC),
        )
        self._deliver(one)
        return result

    def stage_part(self, until: datetime, steps: int, messenger: str = "many") -> None:
        """Stage the first steps of what is due, as a run does that is killed then."""
        one, form = Named(messenger), IpV02()
        mark = self.ledger.messenger_watermark(PROJECT, CLOUD, messenger, "ip")
        asked = Asked(self.ledger, PROJECT, CLOUD, messenger, CONTEXT, until=until, watermark=mark)
        for due in islice(IpMaker().due(asked), steps):
            rendered = [render(form, record, one.max_bytes) for record in due.records]
            messages = list(pack(form, rendered, max_records=one.max_records, max_bytes=one.max_bytes))
            self.ledger.stage(PROJECT, CLOUD, messenger, messages, at=datetime.now(UTC))
        self._deliver(one)

    def _deliver(self, messenger: Named) -> None:
        for message in self.ledger.pending(messenger.name, limit=100_000):
            assert message_findings(message.body) == []
            self._told.setdefault(messenger.name, []).extend(json.loads(message.body)["UsageRecords"])
            self.ledger.delivered(message, at=datetime.now(UTC))

    def told(self, messenger: str = "many") -> list[dict]:
        """Return all records that a messenger was told, in order; all of them valid."""
        return list(self._told.get(messenger, ()))


def by_day(records: list[dict]) -> dict[tuple[str, int, str], tuple[int, int]]:
    """Return what stands for each day, version and user: when it was measured, and how many there were."""
    found = {}
    for one in records:
        day = f"{datetime.fromtimestamp(one['MeasurementTime'], UTC):%Y-%m-%d}"
        found[day, one["IPVersion"], one["LocalUser"]] = (one["MeasurementTime"], one["IPCount"])
    return {key: value for key, value in found.items() if value[1]}


def kept(records: list[dict]) -> dict[tuple[str, int, str], tuple[int, int]]:
    """Return what the receiver keeps: of each month, version and user the record that came last."""
    found = {}
    for one in records:
        month = f"{datetime.fromtimestamp(one['MeasurementTime'], UTC):%Y-%m}"
        found[month, one["IPVersion"], one["LocalUser"]] = (one["MeasurementTime"], one["IPCount"])
    return {key: value for key, value in found.items() if value[1]}


def _resource(kind: str, one_id: str) -> Resource:
    return Resource(PROJECT, CLOUD, kind, one_id)
