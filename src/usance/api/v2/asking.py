"""Questions as requests put them: which parameters each route takes, and what they ask of the ledger.

Pure. Whoever may not see a project is answered as if there were none: the projects that a question
names are cut to those of the caller before anybody looks them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from usance.api.caller import Caller
from usance.api.errors import RefusedError
from usance.api.v2 import cursors, parameters
from usance.api.v2.formats import Format
from usance.api.v2.parameters import Parameter
from usance.config.settings import ApiSettings
from usance.ledger.answers import MAX_LIMIT, MOST_DAYS, Asked, By, Sort, Window
from usance.model.period import Period
from usance.model.resource import KINDS

DEFAULT_LIMIT: Final = 100

MOST_MONTHS: Final = 600
"""The most months of a period that is told month by month."""

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_LARGEST: Final = (1 << 53) - 1  # that every reader of JSON takes for what it is

_SORTS: Final = tuple(f"{sign}{one.value}" for one in Sort for sign in ("", "-"))
_GROUPS: Final = (*(one.value for one in By), *(one.value for one in Window))

Values = Mapping[str, Any]

# --- the parameters --------------------------------------------------------------------------

_PLACES: Final = (
    parameters.ids("project_id", "Only these projects. What the caller may not see is not there."),
    parameters.ids("cloud_id", "Only these clouds."),
)
_THINGS: Final = (
    *_PLACES,
    parameters.several_of("kind", "Only resources of these kinds.", KINDS),
    parameters.ids("id", "Only the resources of these ids."),
)
_AS_OF: Final = parameters.instant(
    "as_of",
    "What was known at this moment, by the clock of the machine that kept it. Default: what is known.",
)
_FORMAT: Final = parameters.one_of(
    "format", "The format of the answer. Default: as the header Accept says, or JSON.", tuple(Format)
)
_CURSOR: Final = Parameter(
    "cursor",
    "Where to go on: what the page before gave as next, with an otherwise equal question.",
    {"type": "string", "maxLength": cursors.LONGEST},
    str,
)
_START: Final = "First moment of the period, in ISO 8601. An offset is respected; without one it is UTC."
_END: Final = "End of the period, which does not belong to it."


def most_rows(settings: ApiSettings) -> int:
    """Return the most rows that one page may have."""
    return min(settings.max_page, MAX_LIMIT)


def usual_rows(settings: ApiSettings) -> int:
    """Return how many rows a page has unless its caller says otherwise."""
    return min(DEFAULT_LIMIT, most_rows(settings))


def _limit(settings: ApiSettings, text: str) -> Parameter:
    most = most_rows(settings)
    return parameters.integer("limit", text, least=1, most=most, default=usual_rows(settings))


def _paging(settings: ApiSettings) -> tuple[Parameter, ...]:
    limit = _limit(
        settings, "Rows of a page. CSV and Parquet have all rows at once unless a limit or a cursor is given."
    )
    return limit, _CURSOR, _FORMAT


def projects_parameters(settings: ApiSettings) -> tuple[Parameter, ...]:
    """Return what /v2/projects takes."""
    return *_PLACES, *_paging(settings)


def _listing(settings: ApiSettings, flavor: str, state: str) -> tuple[Parameter, ...]:
    return (
        *_THINGS,
        parameters.texts("flavor", flavor),
        parameters.texts("state", state),
        parameters.text("name", "Only resources whose last known name is this."),
        parameters.switch("alive", "true: only what has no end; false: only what has one."),
        parameters.instant("start", f"{_START} Default: the beginning of time."),
        parameters.instant("end", f"{_END} Default: the end of time."),
        _AS_OF,
        parameters.one_of("sort", "The order; with a minus, the last first.", _SORTS, default=Sort.ID),
        *_paging(settings),
    )


def resources_parameters(settings: ApiSettings) -> tuple[Parameter, ...]:
    """Return what /v2/resources takes."""
    return _listing(
        settings,
        "Only servers of this flavor, or that had it in the end; only volumes of this type. Empty: of none.",
        "Only servers that are in this state, or were in the end.",
    )


def spans_parameters(settings: ApiSettings) -> tuple[Parameter, ...]:
    """Return what /v2/spans takes."""
    clip = parameters.switch(
        "clip", "Whether spans are cut to the period, or told as they are.", default=True
    )
    return (
        *_listing(
            settings,
            "Only spans of servers of this flavor, or of volumes of this type. Empty: of none.",
            "Only spans of servers in this state.",
        ),
        clip,
    )


LIFE: Final = (_AS_OF,)
"""What /v2/resources/{kind}/{id} takes."""

USAGE: Final = (
    *_THINGS,
    parameters.texts("flavor", "Only what servers of this flavor use, or volumes of this type."),
    parameters.texts("state", "Only what servers use in this state."),
    parameters.instant("start", _START, required=True),
    parameters.instant("end", f"{_END} Default, and latest: the present."),
    _AS_OF,
    parameters.words_of(
        "group_by",
        "What is told apart, with commas between or given several times: project, cloud, kind, flavor (of a "
        "volume, its type), state; and day or month, in UTC.",
        _GROUPS,
    ),
    parameters.texts(
        "suspended_state",
        "States of servers that count as suspended: no vCPUs are counted in them. Empty: none. Default: as "
        "the operator configured it.",
    ),
    parameters.switch(
        "count_resources",
        "Whether different resources are counted. Where flavors or states are told apart or asked for, that "
        "reads every span of the period. Default: where it costs nothing.",
    ),
    _FORMAT,
)


def changes_parameters(settings: ApiSettings) -> tuple[Parameter, ...]:
    """Return what /v2/changes takes."""
    return (
        parameters.one_id("project_id", "The project. Default: the caller's, if she sees one only."),
        parameters.one_id("cloud_id", "The cloud. It has to be named if the project is in several ones."),
        parameters.several_of("kind", "Only resources of these kinds.", KINDS),
        parameters.integer(
            "since_revision",
            "Only what became so after this revision of the project.",
            least=0,
            most=_LARGEST,
            default=0,
        ),
        parameters.instant(
            "recorded_after", "Only what was kept after this moment, by the clock that as_of has."
        ),
        _limit(
            settings, "Resources whose changes a page tells; each of them may have changed several spans."
        ),
        parameters.Parameter(_CURSOR.name, f"{_CURSOR.text} It never ends.", _CURSOR.schema, _CURSOR.read),
        _FORMAT,
    )


# --- what they ask ---------------------------------------------------------------------------


def visible(named: tuple[str, ...] | None, caller: Caller) -> tuple[str, ...] | None:
    """Return the projects that a question is about: of those named, what the caller may see; None: all."""
    own = caller.projects
    if own is None:
        return named
    return tuple(sorted(own if named is None else own.intersection(named)))


def asked_of(values: Values, caller: Caller, period: Period | None) -> Asked:
    """Return which resources are asked about."""
    return Asked(
        projects=visible(values.get("project_id"), caller),
        clouds=values.get("cloud_id"),
        kinds=values.get("kind"),
        ids=values.get("id"),
        period=period,
        alive=values.get("alive"),
        name=values.get("name"),
        as_of=values.get("as_of"),
        flavors=values.get("flavor"),
        states=values.get("state"),
    )


class Listed(msgspec.Struct, frozen=True):
    """A question for resources or spans."""

    asked: Asked
    sort: Sort
    descending: bool
    clip: bool
    # The end of the period while it is still to come: what goes on up to it has no end yet.
    until: datetime | None


def listed(values: Values, caller: Caller, now: datetime) -> Listed:
    """Return what is asked of /v2/resources or /v2/spans."""
    start, end = values.get("start"), values.get("end")
    period = None if start is None and end is None else _period(start or _FIRST, end or _LAST)
    asked = asked_of(values, caller, period)
    word = values.get("sort", Sort.ID.value)
    sort = Sort(word.removeprefix("-"))
    descending = word.startswith("-")
    if asked.as_of is not None and asked.projects is None and (sort is not Sort.ID or descending):
        # Each project has its own revision at a moment: all of them would have to be read for each page.
        raise RefusedError(
            400,
            "as_of comes in the order of id, unless projects are named",
            hint="leave out sort, or add project_id",
        )
    until = period.end if period is not None and period.end > now else None
    return Listed(asked, sort, descending, values.get("clip", True), until)


class Summed(msgspec.Struct, frozen=True):
    """A question for usage."""

    asked: Asked
    by: tuple[By, ...]
    window: Window | None
    suspended: tuple[str, ...]
    until: datetime  # up to which is counted: the present, or the end of the period
    count_resources: bool | None  # None: where it costs nothing
    is_closed: bool  # the period is over


def summed(values: Values, caller: Caller, settings: ApiSettings, now: datetime) -> Summed:
    """Return what is asked of /v2/usage."""
    start = values["start"]
    end = values.get("end")
    if end is None and start >= now:
        raise RefusedError(400, "start lies in the future, and there is no end")
    period = _period(start, now if end is None else end)
    words = [word for words in values.get("group_by", ()) for word in words]
    windows = sorted({Window(word) for word in words if word in set(Window)})
    if len(windows) > 1:
        raise RefusedError(400, "group_by: usage is told by day or by month, not both")
    window = windows[0] if windows else None
    _check_length(period, window)
    states = values.get("suspended_state")
    return Summed(
        asked=asked_of(values, caller, period),
        by=tuple(one for one in By if one.value in words),
        window=window,
        suspended=tuple(
            sorted(settings.suspended_states if states is None else {one for one in states if one})
        ),
        until=min(period.end, now),
        count_resources=values.get("count_resources"),
        is_closed=period.end <= now and end is not None,
    )


def _period(start: datetime, end: datetime) -> Period:
    if end <= start:
        raise RefusedError(400, "start has to lie before end")
    return Period(start, end)


def _check_length(period: Period, window: Window | None) -> None:
    months = 12 * (period.end.year - period.start.year) + period.end.month - period.start.month
    if window is Window.DAY and (period.end - period.start).days > MOST_DAYS:
        raise RefusedError(400, f"at most {MOST_DAYS} days are told one by one", hint="ask for months")
    if window is Window.MONTH and months > MOST_MONTHS:
        raise RefusedError(400, f"at most {MOST_MONTHS} months are told one by one")
