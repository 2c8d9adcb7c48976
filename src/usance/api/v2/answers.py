"""What /v2 answers: values that are written as JSON as they are, and described to OpenAPI by their types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from usance.ledger.answers import Change, LifeRow, ProjectRow, ResourceRow, SpanRow, UsageRow, What
from usance.model.period import epoch_seconds
from usance.model.resource import FLAVOR, STATE, VOLUME, VOLUME_TYPE, Value

Instant = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]


def _is(text: str) -> Meta:
    return Meta(description=text)


_PROJECT = _is("The id of the project.")
_CLOUD = _is("The name of the cloud, as the operator configured it.")
_KIND = _is("What it is: a server, a volume ...")
_ID = _is("The id of the resource.")
_NAME = _is("The last name that is known of it.")
_LAUNCHED = _is("Whether it ran at least once; a server that never did counts nothing.")
_ACCOUNTED = _is("What its use is counted by; what is not known is absent.")
_NEXT = _is("The cursor of the next page; null if this is the last one.")

Accounted = dict[str, Value]


class Project(Struct, frozen=True):
    """A project in one cloud."""

    project_id: Annotated[str, _PROJECT]
    cloud_id: Annotated[str, _CLOUD]
    name: Annotated[str | None, _is("Its name; null if nobody has told it.")]
    revision: Annotated[int, _is("That of its last change: ask /v2/changes if it is another than before.")]
    first_recorded_at: Annotated[Instant | None, _is("When the ledger first learnt anything of it.")]
    last_recorded_at: Annotated[Instant | None, _is("When the ledger last learnt anything of it.")]


class Anomaly(Struct, frozen=True):
    """Something that sources say and that can't all be so."""

    code: Annotated[str, _is('What it is, for instance "seen-after-deletion".')]
    at: Instant


class Resource(Struct, frozen=True):
    """A resource: its life in one project, and what it is now, or was in the end."""

    project_id: Annotated[str, _PROJECT]
    cloud_id: Annotated[str, _CLOUD]
    kind: Annotated[str, _KIND]
    id: Annotated[str, _ID]
    name: Annotated[str | None, _NAME]
    begin: Annotated[Instant, _is("When its life in the project began.")]
    end: Annotated[Instant | None, _is("When it ended; null: it goes on.")]
    begin_exact: Annotated[bool, _is("False: it began then or earlier, and was seen later only.")]
    end_exact: Annotated[bool, _is("False: it ended then or earlier, and was missed later only.")]
    launched: Annotated[bool, _LAUNCHED]
    flavor: Annotated[str | None, _is("Of a server, the flavor; of a volume, its type.")]
    state: Annotated[str | None, _is("Of a server, Nova's vm_state.")]
    accounted: Annotated[Accounted, _ACCOUNTED]
    described: Annotated[dict[str, Value], _is("The last that is known: name, metadata, host, zone ...")]
    anomalies: Annotated[tuple[Anomaly, ...], _is("What sources say of it and that can't all be so.")]
    revision: Annotated[int, _is("The project's, in which it became so.")]


class Span(Struct, frozen=True):
    """A stretch of time in which nothing changed that a resource is accounted by."""

    project_id: Annotated[str, _PROJECT]
    cloud_id: Annotated[str, _CLOUD]
    kind: Annotated[str, _KIND]
    id: Annotated[str, _ID]
    name: Annotated[str | None, _NAME]
    start: Annotated[Instant, _is("It belongs to the span.")]
    end: Annotated[Instant | None, _is("It does not belong to the span; null: it goes on.")]
    seconds: Annotated[
        int | None, _is("From start to end, both rounded down to whole seconds; null: it goes on.")
    ]
    start_exact: Annotated[bool, _is("False: it began then or earlier, and was seen later only.")]
    end_exact: Annotated[bool, _is("False: it ended then or earlier, and was seen later only.")]
    inferred: Annotated[
        tuple[str, ...],
        _is('Attributes of which some part is inferred in this stretch; "life": whether it existed.'),
    ]
    launched: Annotated[bool, _LAUNCHED]
    flavor: Annotated[str | None, _is("Of a server, the flavor; of a volume, its type.")]
    state: Annotated[str | None, _is("Of a server, Nova's vm_state.")]
    accounted: Annotated[Accounted, _ACCOUNTED]
    revision: Annotated[int, _is("The project's, in which it became so.")]


class DescribedSince(Struct, frozen=True):
    """A value of something that describes a resource, and since when it is known."""

    attribute: str
    since: Instant
    value: Value


class Life(Struct, frozen=True):
    """The whole life of a resource in one project."""

    resource: Resource
    spans: Annotated[tuple[Span, ...], _is("In order, each of them begins where the last one ends.")]
    described_since: Annotated[tuple[DescribedSince, ...], _is("All that described it, by attribute.")]


class ChangeOfSpan(Struct, frozen=True):
    """What became of a span in a revision. A span is known by its resource and its start."""

    revision: Annotated[int, _is("The project's.")]
    recorded_at: Annotated[Instant, _is("When the ledger learnt it.")]
    what: Annotated[
        What, _is("new; changed: it begins where one began before, and says something else; withdrawn.")
    ]
    span: Annotated[Span, _is("As it is from this revision on; of one withdrawn, as it was.")]


class Usage(Struct, frozen=True):
    """What a group used in the period or in a part of it; what it is not told apart by is null."""

    project_id: Annotated[str | None, _PROJECT]
    cloud_id: Annotated[str | None, _CLOUD]
    kind: Annotated[str | None, _KIND]
    flavor: Annotated[str | None, _is("Of a server; of a volume, its type; empty where there is none.")]
    state: Annotated[str | None, _is("Of a server; empty where there is none.")]
    start: Annotated[Instant, _is("Of the period, or of the day or month in it.")]
    end: Annotated[Instant, _is("Of the period, or of the day or month in it; not later than the present.")]
    resources: Annotated[
        int | None,
        _is("Different resources that used at least a second; null where they were not counted."),
    ]
    seconds: Annotated[int, _is("Of existence: wall_s and suspended_s.")]
    wall_s: Annotated[int, _is("Seconds in states that don't count as suspended.")]
    suspended_s: Annotated[int, _is("Seconds in states that count as suspended.")]
    vcpu_s: Annotated[int, _is("vCPUs times seconds, over what is not suspended.")]
    ram_mib_s: Annotated[int, _is("MiB of memory times seconds.")]
    disk_gib_s: Annotated[int, _is("GiB times seconds: of a server both disks, of a volume its size.")]
    size_kib_s: Annotated[int, _is("Of images, KiB times seconds.")]
    inferred_s: Annotated[int, _is("Seconds in which what is counted is inferred.")]
    inferred_vcpu_s: Annotated[int, _is("The part of vcpu_s that lies in them.")]


# --- whole answers ---------------------------------------------------------------------------


class Projects(Struct, frozen=True):
    """A page of projects."""

    projects: tuple[Project, ...]
    next: Annotated[str | None, _NEXT]


class Resources(Struct, frozen=True):
    """A page of resources."""

    resources: tuple[Resource, ...]
    next: Annotated[str | None, _NEXT]


class Spans(Struct, frozen=True):
    """A page of spans."""

    spans: tuple[Span, ...]
    next: Annotated[str | None, _NEXT]


class Lives(Struct, frozen=True):
    """The lives of one resource: one for each project that it was in."""

    lives: tuple[Life, ...]


class Changes(Struct, frozen=True):
    """A part of what became of a project's spans, in the order in which it became so."""

    changes: tuple[ChangeOfSpan, ...]
    next: Annotated[str, _is("The cursor with which to go on, at once or later on.")]
    more: Annotated[bool, _is("Whether there is more already.")]
    revision: Annotated[int, _is("The project's last one when this was read.")]


class UsageOfPeriod(Struct, frozen=True):
    """What was used in a period."""

    start: Instant
    end: Annotated[Instant, _is("The end that was asked for, or the present.")]
    suspended_states: tuple[str, ...]
    usage: tuple[Usage, ...]


# --- from the ledger's answers ---------------------------------------------------------------


def project_of(row: ProjectRow) -> Project:
    """Return a project as it is told."""
    return Project(
        row.project_id,
        row.cloud_id,
        row.name,
        row.revision,
        row.first_recorded_at,
        row.last_recorded_at,
    )


def resource_of(row: ResourceRow) -> Resource:
    """Return a resource as it is told."""
    of = row.resource
    return Resource(
        of.project_id,
        of.cloud_id,
        of.kind,
        of.id,
        row.name,
        row.begin,
        row.end,
        row.begin_exact,
        row.end_exact,
        row.launched,
        row.flavor,
        row.state,
        row.accounted,
        row.described,
        tuple(Anomaly(one.code, one.at) for one in row.anomalies),
        row.revision,
    )


def life_of(row: LifeRow) -> Life:
    """Return a life as it is told."""
    since = (DescribedSince(one.attribute, one.since, one.value) for one in row.described)
    return Life(resource_of(row.resource), tuple(map(span_of, row.spans)), tuple(since))


def span_of(row: SpanRow, until: datetime | None = None) -> Span:
    """Return a span as it is told. One that goes on to an end that is still to come (*until*) has none."""
    of, accounted = row.resource, row.accounted
    end = None if until is not None and row.end is not None and row.end >= until else row.end
    return Span(
        of.project_id,
        of.cloud_id,
        of.kind,
        of.id,
        row.name,
        row.start,
        end,
        None if end is None else epoch_seconds(end) - epoch_seconds(row.start),
        row.start_exact,
        row.end_exact,
        row.inferred,
        row.launched,
        _text(accounted.get(VOLUME_TYPE if of.kind == VOLUME else FLAVOR)),
        _text(accounted.get(STATE)),
        accounted,
        row.revision,
    )


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)


def change_of(row: Change) -> ChangeOfSpan:
    """Return a change as it is told."""
    return ChangeOfSpan(row.revision, row.recorded_at, row.what, span_of(row.span))


def usage_of(row: UsageRow) -> Usage:
    """Return what a group used as it is told."""
    amounts = row.amounts
    return Usage(
        row.project_id,
        row.cloud_id,
        row.kind,
        row.flavor,
        row.state,
        row.period.start,
        row.period.end,
        row.resources,
        amounts.seconds,
        amounts.wall_s,
        amounts.suspended_s,
        amounts.vcpu_s,
        amounts.ram_mib_s,
        amounts.disk_gib_s,
        amounts.size_kib_s,
        amounts.inferred_s,
        amounts.inferred_vcpu_s,
    )
