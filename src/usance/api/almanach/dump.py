"""Reading what mongoexport wrote of Almanach's collections: a bounded amount at a time.

It writes one document on each line or, with `--jsonArray`, one array of them; in its first or its second
generation of extended JSON (`{"$date": "..."}`, `{"$date": {"$numberLong": "..."}}`).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from usance.api.almanach.entities import KIND_OF, OS
from usance.api.almanach.texts import (
    LARGEST,
    LONGEST_METADATA,
    LONGEST_TEXT,
    MOST_ATTACHMENTS,
    clean,
    is_identifier,
    is_in_reach,
)
from usance.config.instants import parse_instant
from usance.model.errors import UsanceError
from usance.model.period import EPOCH

LONGEST_DOCUMENT: Final = 16 * 1024 * 1024
"""What MongoDB itself takes."""

_CHUNK: Final = 1 << 16
_BETWEEN: Final = re.compile(r"[\s,\[\]\ufeff]*")


class Stored(msgspec.Struct, frozen=True):
    """A document of the collection `entity`, checked."""

    kind: str  # ours
    entity_id: str
    project_id: str
    start: datetime
    end: datetime | None
    last_event: datetime
    number: int  # of the document, in the order in which they were exported
    name: str | None = None
    flavor: str | None = None
    os: dict[str, str] = {}
    metadata: str | None = None  # canonical JSON
    volume_type: str | None = None  # its name
    size: int | None = None
    attached_to: tuple[str, ...] = ()


class StoredType(msgspec.Struct, frozen=True):
    """A document of the collection `volume_type`, checked."""

    type_id: str
    name: str


_WRITTEN: Final = ("last_event", "processed")


class NotUsableError(ValueError):
    """A document of which nothing can be made, and why."""


def files_of(paths: list[Path]) -> list[Path]:
    """Return the files that are meant: of a directory, those whose names end in `.json`.

    Raises UsanceError if there is none.
    """
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not found:
        raise UsanceError(
            "there is no file to import",
            hint="mongoexport --db almanach --collection entity --out entity.json, and volume_type likewise",
        )
    return found


def documents(path: Path) -> Iterator[Any]:
    """Yield the documents of a file. Raises UsanceError if it can't be read, or isn't what it should be."""
    try:
        with path.open("rb") as file:
            yield from _documents(path, file)
    except OSError as error:
        raise UsanceError(f"{path} can't be read: {error.strerror}") from error


def _documents(path: Path, file: BinaryIO) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    decode = codecs.getincrementaldecoder("utf-8")().decode
    text = ""
    done = 0  # characters before `text`
    while True:
        chunk = file.read(max(_CHUNK, len(text)))  # a large document is tried a few times, not each time
        try:
            text += decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise _broken(path, done + len(text), "it is not UTF-8; is it from mongodump?") from error
        place = 0
        while True:
            place = _after_separators(text, place)
            if place == len(text):
                break
            try:
                document, place = decoder.raw_decode(text, place)
            except (ValueError, RecursionError):
                # Cut off, or broken: more of it tells.
                break
            yield document
        done += place
        text = text[place:]
        if len(text) > LONGEST_DOCUMENT or (not chunk and text):
            raise _broken(path, done, "this is no document")
        if not chunk:
            return


def _after_separators(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return match.end() if match else place


def _broken(path: Path, place: int, what: str) -> UsanceError:
    return UsanceError(
        f"{path}, after {place} characters: {what}",
        hint="export the collections with mongoexport; nothing was written",
    )


# --- one document ----------------------------------------------------------------------------


def stored(document: Any, number: int) -> Stored | StoredType:
    """Return what a document holds. Raises NotUsableError."""
    if not isinstance(document, dict):
        raise NotUsableError("it is no object")
    if "volume_type_id" in document and "entity_id" not in document:
        return StoredType(_identifier(document, "volume_type_id"), _name(document, "volume_type_name"))
    kind = KIND_OF.get(str(document.get("entity_type")))
    if kind is None:
        raise NotUsableError("its entity_type is neither instance nor volume")
    start = _instant(document, "start")
    if start is None:
        raise NotUsableError("it has no start")
    end = _instant(document, "end")
    return Stored(
        kind=kind,
        entity_id=_identifier(document, "entity_id"),
        project_id=_identifier(document, "project_id"),
        start=start,
        end=end,
        last_event=max(
            one for one in (start, end, *(_instant(document, name) for name in _WRITTEN)) if one is not None
        ),
        number=number,
        name=_text(document, "name"),
        flavor=_text(document, "flavor"),
        os=_system(document),
        metadata=_metadata(document),
        volume_type=_text(document, "volume_type"),
        size=_size(document),
        attached_to=_attached(document),
    )


def _plain(value: Any) -> Any:
    """Return a number out of extended JSON; anything else as it is."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in {"$numberLong", "$numberInt"} and isinstance(inner, str | int):
            try:
                return int(inner)
            except ValueError:
                raise NotUsableError(f"{key} is no number") from None
        if key == "$numberDouble":
            try:
                return int(float(inner)) if float(inner).is_integer() else inner
            except (TypeError, ValueError):
                raise NotUsableError(f"{key} is no number") from None
    return value


def _instant(document: dict[str, Any], name: str) -> datetime | None:
    value = document.get(name)
    if isinstance(value, dict) and set(value) == {"$date"}:
        value = _plain(value["$date"])
    if value is None:
        return None
    found = _date(value)
    if found is None or not is_in_reach(found):
        raise NotUsableError(f"its {name} is no date")
    return found


def _date(value: Any) -> datetime | None:
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return EPOCH + timedelta(milliseconds=value)
        if isinstance(value, str):
            return parse_instant(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _identifier(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not is_identifier(value):
        raise NotUsableError(f"its {name} is no id")
    return str(value)


def _name(document: dict[str, Any], name: str) -> str:
    found = _text(document, name)
    if not found:
        raise NotUsableError(f"it has no {name}")
    return found


def _text(document: dict[str, Any], name: str) -> str | None:
    value = _plain(document.get(name))
    if value is None:
        return None
    if isinstance(value, int):  # Almanach kept whatever came
        value = str(value)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise NotUsableError(f"its {name} is no text")
    return clean(value)


def _system(document: dict[str, Any]) -> dict[str, str]:
    for name in ("os", "image_meta"):
        value = document.get(name)
        if isinstance(value, dict) and value:
            return {key: text for key in OS if (text := _text(value, key)) is not None}
    return {}


def _metadata(document: dict[str, Any]) -> str | None:
    value = document.get("metadata")
    if not isinstance(value, dict) or not value:
        return None
    # MongoDB takes no dots in keys; Almanach 4.x reads a circumflex as one.
    told = {clean(key.replace("^", ".")): clean(one) for key, one in value.items() if isinstance(one, str)}
    text = msgspec.json.encode(told, order="sorted").decode()
    if len(text) > LONGEST_METADATA:
        raise NotUsableError("its metadata is too long")
    return text


def _size(document: dict[str, Any]) -> int | None:
    value = _plain(document.get("size"))
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise NotUsableError("its size is no amount")
    return value


def _attached(document: dict[str, Any]) -> tuple[str, ...]:
    value = document.get("attached_to") or []
    written = [value] if isinstance(value, str) else value
    if (
        not isinstance(written, list)
        or len(written) > MOST_ATTACHMENTS
        or not all(is_identifier(one) for one in written)
    ):
        raise NotUsableError("its attached_to is no list of ids")
    return tuple(written)
