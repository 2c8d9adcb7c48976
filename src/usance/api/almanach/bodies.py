"""What requests of Almanach's routes hold, read and checked: pure.

Bodies are JSON whatever their Content-Type says. Everything in them is bounded, and texts lose their
control characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from usance.api.almanach import refusals
from usance.api.almanach.corrections import Update, described_update
from usance.api.almanach.entities import OS
from usance.api.almanach.texts import (
    LARGEST,
    LONGEST_METADATA,
    LONGEST_TEXT,
    MOST_ATTACHMENTS,
    clean,
    is_identifier,
    is_in_reach,
)
from usance.api.errors import RefusedError
from usance.config.instants import parse_instant
from usance.model.period import MICROSECOND, Period
from usance.model.resource import Value

PERIOD_FORM: Final = "%Y-%m-%d %H:%M:%S.%f"
UPDATE_FORM: Final = "%Y-%m-%dT%H:%M:%S.%fZ"

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Body:
    """A JSON object out of a request."""

    def __init__(self, content: bytes, version: int) -> None:
        """Read it. Raises RefusedError if it is none."""
        try:
            fields = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise refusals.no_data(version) from None
        if not isinstance(fields, dict):
            raise refusals.no_data(version)
        self.fields: dict[str, Any] = fields

    def require(self, *names: str) -> None:
        """Refuse the request if one of some fields is missing: the first of them is named."""
        for name in names:
            if name not in self.fields:
                raise refusals.missing(name)

    def date(self, name: str) -> datetime:
        """Return an instant; without an offset it is UTC."""
        return _date(self.fields[name])

    def text(self, name: str) -> str:
        """Return a text that has to be there."""
        found = self.optional_text(name)
        if not found:
            raise refusals.invalid()
        return found

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None for null."""
        value = self.fields[name]
        return None if value is None else _text(value)

    def identifier(self, name: str) -> str:
        """Return the id of something."""
        return identifier(self.fields[name])

    def size(self, name: str) -> int:
        """Return an amount: a whole number, or one written as a text."""
        value = self.fields[name]
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
            raise refusals.invalid()
        return value

    def identifiers(self, name: str) -> list[str]:
        """Return a list of ids; null is an empty one."""
        value = self.fields[name]
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MOST_ATTACHMENTS:
            raise refusals.invalid()
        return [identifier(one) for one in value]

    def system(self, names: Mapping[str, str]) -> dict[str, Value]:
        """Return an operating system, from the names of the fields by Almanach's names of the properties.

        What is null is kept as the empty text.
        """
        return {key: self.optional_text(name) or "" for key, name in names.items()}


def identifier(value: Any) -> str:
    """Return what can be an id. Raises RefusedError for anything else."""
    if not is_identifier(value):
        raise refusals.invalid()
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise refusals.invalid()
    return clean(value)


def _date(value: Any) -> datetime:
    if not isinstance(value, str):
        raise refusals.bad_date()
    try:
        found = parse_instant(value)
    except ValueError:
        raise refusals.bad_date() from None
    if not is_in_reach(found):
        raise refusals.bad_date()
    return found


# --- periods ---------------------------------------------------------------------------------


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of time as Almanach means it: both ends belong to it."""

    start: datetime
    end: datetime

    @property
    def period(self) -> Period:
        """The half-open period that touches what this stretch touches."""
        return Period(
            max(self.start, _FIRST + MICROSECOND) - MICROSECOND,
            min(self.end, _LAST - MICROSECOND) + MICROSECOND,
        )


def stretch(start: str | None, end: str | None, now: datetime) -> Stretch:
    """Return the stretch that `start` and `end` of a query name; the end is now if there is none."""
    if start is None:
        raise refusals.missing("start")
    found = Stretch(_moment(start), now if end is None else _moment(end))
    if found.end < found.start:
        raise refusals.invalid()
    return found


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, PERIOD_FORM).replace(tzinfo=UTC)
    except ValueError:
        raise refusals.invalid() from None


# --- updates of entities ---------------------------------------------------------------------

_Check = Callable[[Any], str | None]


def update_of(body: Body, version: int, *, closed: bool) -> Update:
    """Return what an entity is to be. Fields that are empty change nothing.

    Raises InvalidFieldsError. The dates of a *closed* entity may be written as elsewhere, those of
    the active one have Almanach's one form.
    """
    checks = _checks(version, closed=closed)
    errors: dict[str, str] = {}
    for name, value in body.fields.items():
        check = checks.get(name)
        error = "extra keys not allowed" if check is None else check(value)
        if error is not None:
            errors[_text(name)] = error
    if errors:
        raise refusals.InvalidFieldsError(errors)
    given = {name: value for name, value in body.fields.items() if value}
    system = given.get("os")
    metadata = given.get("metadata")
    return Update(
        start=_date(given["start_date"]) if "start_date" in given else None,
        end=_date(given["end_date"]) if "end_date" in given else None,
        flavor=_text(given["flavor"]) if "flavor" in given else None,
        described=described_update(
            _text(given["name"]) if "name" in given else None,
            None if system is None else {key: _text(system[key]) for key in OS},
            None if metadata is None else msgspec.json.encode(metadata, order="sorted").decode(),
        ),
    )


def _checks(version: int, *, closed: bool) -> dict[str, _Check]:
    expected = "expected unicode" if version == 3 else "expected str"

    def text(value: Any) -> str | None:
        if not isinstance(value, str):
            return expected
        return "too long" if len(value) > LONGEST_TEXT else None

    def system(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "expected a dictionary"
        if not value.keys() >= OS.keys():
            return "required key not provided"
        if value.keys() - OS.keys():
            return "extra keys not allowed"
        return next((error for one in value.values() if (error := text(one)) is not None), None)

    def metadata(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "expected dict"
        return "too long" if len(msgspec.json.encode(value)) > LONGEST_METADATA else None

    date = _closed_date if closed else _active_date
    return {
        "name": text,
        "flavor": text,
        "os": system,
        "metadata": metadata,
        "start_date": date,
        "end_date": date,
    }


def _active_date(value: Any) -> str | None:
    error = f"value does not match expected format {UPDATE_FORM}"
    if not isinstance(value, str):
        return error
    try:
        datetime.strptime(value, UPDATE_FORM).replace(tzinfo=UTC)
    except ValueError:
        return error
    return _closed_date(value)


def _closed_date(value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        _date(value)
    except RefusedError:
        return refusals.BAD_DATE
    return None
