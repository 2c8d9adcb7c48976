"""Messages cut in two between their records, and made ASCII where that changes nothing. Pure.

Three kinds of message are known: APEL's text (a header line, records with `%%` between them), JSON
with a list `UsageRecords`, and StAR's XML (records are the children of the root). A part is a
valid message of the same kind, and its records are, byte for byte, those of the whole.
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

import msgspec
from defusedxml import DefusedXmlException, ElementTree

RECORDS: Final = "UsageRecords"
_SEPARATOR: Final = b"%%"
_HEADER: Final = re.compile(rb"[A-Za-z][A-Za-z -]*:[^\n%]*\n")
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")


class Letter(msgspec.Struct, frozen=True):
    """A message, or a part of one, under the name by which the receiver tells it from others."""

    name: str
    body: bytes


def halves(letter: Letter) -> tuple[Letter, Letter] | None:
    """Return a letter in two parts, with names that depend on nothing but its own; None for one record.

    The parts of `a/b` are `a/b-0` and `a/b-1`, those of `a/b-0` are `a/b-00` and `a/b-01`.
    """
    cut = _cut(letter.body)
    if cut is None:
        return None
    stem = letter.name if "-" in letter.name.rpartition("/")[2] else f"{letter.name}-"
    return Letter(f"{stem}0", cut[0]), Letter(f"{stem}1", cut[1])


def _cut(body: bytes) -> tuple[bytes, bytes] | None:
    start = body.lstrip()[:1]
    if start == b"{":
        return _cut_json(body)
    return _cut_xml(body) if start == b"<" else _cut_text(body)


def _cut_text(body: bytes) -> tuple[bytes, bytes] | None:
    header = _HEADER.match(body)
    if header is None:
        return None
    chunks = [one.strip(b"\n") for one in body[header.end() :].split(_SEPARATOR)]
    records = [one for one in chunks if one.strip()]
    if len(records) < 2:
        return None
    middle = len(records) // 2
    first, second = (
        header[0] + b"\n%%\n".join(some) + b"\n" for some in (records[:middle], records[middle:])
    )
    return first, second


def _cut_json(body: bytes) -> tuple[bytes, bytes] | None:
    try:
        whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        records = msgspec.json.decode(whole[RECORDS], type=list[msgspec.Raw])
    except (msgspec.DecodeError, KeyError, RecursionError):
        return None
    if len(records) < 2:
        return None
    middle = len(records) // 2
    first, second = (
        msgspec.json.encode(whole | {RECORDS: msgspec.Raw(msgspec.json.encode(some))})
        for some in (records[:middle], records[middle:])
    )
    return first, second


def _cut_xml(body: bytes) -> tuple[bytes, bytes] | None:
    places = _RecordPlaces()
    try:
        places.parse(body)
    except (expat.ExpatError, _ForbiddenError):
        return None
    starts, end = places.starts, places.end
    if len(starts) < 2:
        return None
    cut = starts[len(starts) // 2]
    return body[:cut] + body[end:], body[: starts[0]] + body[cut:]


class _ForbiddenError(Exception):
    """A document type: no accounting message has one, and what it declares could be anything."""


class _RecordPlaces:
    """Where the children of the root begin, and where the root ends, in bytes."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.end = 0
        self._depth = 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._stop
        self._parser.StartDoctypeDeclHandler = self._refuse

    def parse(self, body: bytes) -> None:
        """Read a whole document. Raises ExpatError for what is none."""
        self._parser.Parse(body, True)

    def _start(self, _name: str, _attributes: dict[str, str]) -> None:
        if self._depth == 1:
            self.starts.append(self._parser.CurrentByteIndex)
        self._depth += 1

    def _stop(self, _name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.end = self._parser.CurrentByteIndex

    def _refuse(self, *_declaration: object) -> None:
        raise _ForbiddenError


def in_ascii(body: bytes) -> bytes | None:
    """Return a message in ASCII, if it can be written so without saying anything else; None if not.

    JSON and XML have escapes for every character, and mean the same with them. APEL's text has
    none: there a letter could only be replaced by another one, and where a name identifies
    something, it would identify something else. That is left to who wrote it.
    """
    if body.isascii():
        return body
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    start = text.lstrip()[:1]
    if start == "{":
        return _escaped_json(text)
    return _escaped_xml(text) if start == "<" else None


def _escaped_json(text: str) -> bytes | None:
    def escape(found: re.Match[str]) -> str:
        units = found[0].encode("utf-16-be").hex()
        return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))

    escaped = _FOREIGN.sub(escape, text).encode("ascii")
    try:
        same = msgspec.json.decode(text) == msgspec.json.decode(escaped)
    except (msgspec.DecodeError, RecursionError):
        return None
    return escaped if same else None


def _escaped_xml(text: str) -> bytes | None:
    if "<!" in text:  # document types, comments and unparsed sections know no escapes
        return None
    head = re.match(r"\s*<\?xml[^>]*\?>", text)
    body = text[head.end() :] if head else text  # what is ASCII needs no declaration of its encoding
    escaped = _FOREIGN.sub(lambda found: f"&#{ord(found[0])};", body).encode("ascii")
    try:
        before, after = ElementTree.fromstring(body), ElementTree.fromstring(escaped)
        same = ElementTree.tostring(before) == ElementTree.tostring(after)
    except (ElementTree.ParseError, DefusedXmlException, RecursionError):
        return None
    return escaped if same else None
