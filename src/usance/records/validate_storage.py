"""What APEL's server accepts of storage messages, and what it should not be given.

Written from the behaviour of apel/apel 2.5.0 (`StarParser`, `StorageRecord`, the parameters of the
procedure ReplaceStarRecord in schemas/storage.sql) and from the definition of StAR. The server
refuses a whole message for one bad record. Where it is lenient (times without a zone, elements that
it does not know, an end before the start) we are strict; a test holds us to verdicts recorded from
the server's own code. Nothing is raised: findings are collected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from usance.records.record import Finding
from usance.records.star import NAMESPACE, document
from usance.records.storage import StorageRecord
from usance.records.text import MAX_TEXT_BYTES, is_null
from usance.records.wire import identity_findings, wire_findings

_MANDATORY: Final = ("StorageSystem", "Site", "StartTime", "EndTime", "ResourceCapacityUsed")
_MAX_INT: Final = 2**31 - 1
_MAX_BIGINT: Final = 2**63 - 1
_INTEGER: Final = re.compile(r"[0-9]{1,19}")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_ATTRIBUTE_TYPES: Final = frozenset({"subgroup", "role", "authority"})
_FOREIGN: Final = re.compile(r"[^\x20-\x7e\t\r\n]")
_SR: Final = f"{{{NAMESPACE}}}"


def storage_findings(record: StorageRecord, text: str) -> list[Finding]:
    """Return what is wrong with a record, or with the element that was made of it."""
    return record_findings(record) + text_findings(text)


def record_findings(record: StorageRecord) -> list[Finding]:
    """Return what is wrong with a record as a value, whatever the format."""
    found = [Finding(name, "nobody told it, and the record needs it") for name in record.unknown]
    if record.fqan is None:
        found.append(Finding("Group", f"no VO is mapped to project {record.project_id}"))
    found += identity_findings(
        (
            ("StorageSystem", record.service_name),
            ("Site", record.site_name),
            ("LocalUser", record.user_id),
            ("LocalGroup", record.project_id),
            ("Group", record.fqan),
        )
    )
    if record.end < record.start:
        found.append(Finding("EndTime", "lies before StartTime"))
    if record.size_gib is not None and record.size_gib < 0:
        found.append(Finding("ResourceCapacityUsed", "is negative"))
    return found


def text_findings(text: str) -> list[Finding]:
    """Return what is wrong with the element of one record."""
    try:
        root = _parse(document([text]))
    except _UnreadableError as error:
        return [Finding("", str(error))]
    records = list(root)
    if len(records) != 1:
        return [Finding("", f"{len(records)} elements where one record should be")]
    return _element_findings(records[0])


class _UnreadableError(Exception):
    """The message is no XML that anybody should read."""


def _parse(message: bytes) -> Element:
    try:
        root: Element = fromstring(message, forbid_dtd=True)
    except ParseError as error:
        raise _UnreadableError(f"no well-formed XML: {error}") from error
    except DefusedXmlException as error:
        raise _UnreadableError("declares a document type or entities, which no record needs") from error
    except (ValueError, LookupError, RecursionError) as error:
        raise _UnreadableError(f"no readable XML: {error}") from error
    return root


def _element_findings(element: Element) -> list[Finding]:
    """Return what is wrong with one record."""
    if element.tag != f"{_SR}StorageUsageRecord":
        return [Finding("", f"an element {element.tag[:80]!r} where a record should be")]
    found: list[Finding] = []
    fields: dict[str, str] = {}
    for name, value, attributes in _fields(element):
        if name == "RecordIdentity":
            found += _identity_findings(attributes)
        elif name == "GroupAttribute":
            found += _attribute_findings(value, attributes)
        elif name not in _REASON:
            found.append(Finding(name[:80], "the receiver does not know this field"))
            continue
        elif (reason := _REASON[name](value)) is not None:
            found.append(Finding(name, reason))
        if name in fields and name != "GroupAttribute":
            found.append(Finding(name, "stands twice"))
        fields[name] = value
    if "RecordIdentity" not in fields:
        found.append(Finding("RecordIdentity", "is mandatory"))
    found += [Finding(name, "is mandatory") for name in _MANDATORY if is_null(fields.get(name, ""))]
    if not found and fields["EndTime"] < fields["StartTime"]:
        found.append(Finding("EndTime", "lies before StartTime"))
    return found


def _fields(record: Element) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield the name, text and attributes of each field; those of the subject as if they stood beside."""
    for element in record:
        if element.tag == f"{_SR}SubjectIdentity":
            yield from _fields(element)
            continue
        name = element.tag.removeprefix(_SR) if isinstance(element.tag, str) else "a comment"
        text = element.text or ""
        if len(element):
            name = f"{name}, which has elements in it"
        yield name, text, element.attrib


def _identity_findings(attributes: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    record_id = attributes.get(f"{_SR}recordId", "")
    if is_null(record_id):
        found.append(Finding("recordId", "is mandatory"))
    elif (reason := _text_reason(record_id)) is not None:
        found.append(Finding("recordId", reason))
    if (reason := _time_reason(attributes.get(f"{_SR}createTime", ""))) is not None:
        found.append(Finding("createTime", reason))
    return found


def _attribute_findings(value: str, attributes: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    kind = attributes.get(f"{_SR}attributeType", "")
    if kind not in _ATTRIBUTE_TYPES:
        found.append(
            Finding("GroupAttribute", f"{kind[:80]!r} is none of {', '.join(sorted(_ATTRIBUTE_TYPES))}")
        )
    if (reason := _text_reason(value)) is not None:
        found.append(Finding("GroupAttribute", reason))
    return found


def _text_reason(value: str) -> str | None:
    return f"longer than {MAX_TEXT_BYTES} characters" if len(value) > MAX_TEXT_BYTES else None


def _integer_reason(value: str, most: int) -> str | None:
    if not _INTEGER.fullmatch(value):
        return f"{value[:80]!r} is no whole number of 0 or more"
    return f"is larger than {most}" if int(value) > most else None


def _count_reason(value: str) -> str | None:
    return _integer_reason(value, _MAX_INT)


def _capacity_reason(value: str) -> str | None:
    return _integer_reason(value, _MAX_BIGINT)


def _time_reason(value: str) -> str | None:
    if not _INSTANT.fullmatch(value):
        return f"{value[:80]!r} is no time in UTC such as 2026-10-31T00:00:00Z"
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return f"{value!r} is no time that exists"
    return None


_REASON: Final[Mapping[str, Callable[[str], str | None]]] = {
    **dict.fromkeys(
        (
            "StorageSystem", "Site", "StorageShare", "StorageMedia", "StorageClass", "DirectoryPath",
            "LocalUser", "LocalGroup", "UserIdentity", "Group",
        ),
        _text_reason,
    ),
    **dict.fromkeys(("StartTime", "EndTime"), _time_reason),
    "FileCount": _count_reason,
    **dict.fromkeys(
        ("ResourceCapacityUsed", "LogicalCapacityUsed", "ResourceCapacityAllocated"), _capacity_reason
    ),
}  # fmt: skip
"""Why a value of a field would be refused, or None."""


def message_findings(message: bytes) -> list[Finding]:
    """Return what is wrong with a whole storage message: its size, its root, each of its records."""
    found = wire_findings(message)
    if not message.isascii():
        return found
    if _FOREIGN.search(message.decode("ascii")):
        return [*found, Finding("", "a control character")]
    try:
        root: Any = _parse(message.strip())
    except _UnreadableError as error:
        return [*found, Finding("", str(error))]
    if root.tag != f"{_SR}StorageUsageRecords":
        return [*found, Finding("", f"the root {root.tag[:120]!r} is not that of a storage message")]
    if not len(root):
        found.append(Finding("", "holds no record, and the receiver refuses such a message"))
    seen: set[str] = set()
    for place, element in enumerate(root, start=1):
        found += [Finding(one.field, f"record {place}: {one.reason}") for one in _element_findings(element)]
        identity = element.find(f"{_SR}RecordIdentity")
        record_id = "" if identity is None else identity.get(f"{_SR}recordId", "")
        if record_id and record_id in seen:
            found.append(Finding("recordId", f"record {place}: {record_id[:80]} stands twice"))
        seen.add(record_id)
    return found
