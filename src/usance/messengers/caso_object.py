"""What all records have that are given to messengers written for cASO: how they are read as a whole."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

Line = Mapping[str, Any]
"""A JSON line of ours, read."""


class CasoRecord:
    """A record, made of a JSON line: an object whose attributes may be set, as those of cASO."""

    version: ClassVar[str]
    # What a whole record consists of, in order: the name of each field, and its name in messages.
    aliases: ClassVar[Mapping[str, str]]
    _like: ClassVar[str]  # the class of cASO that it stands for

    def __init__(self, line: Line) -> None:
        self._line = line

    @property  # type: ignore[misc]  # typeshed's `__class__` is no plain property
    def __class__(self) -> type:
        """The class of cASO where that is loaded: a messenger may ask with isinstance()."""
        theirs = getattr(sys.modules.get("caso.record"), self._like, None)
        return theirs if isinstance(theirs, type) else type(self)

    def model_dump(
        self,
        *,
        mode: str = "python",
        by_alias: bool | None = False,
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        exclude_none: bool = False,
        **_other: object,
    ) -> dict[str, Any]:
        """Return the fields by name, or by their names in messages; with mode "json" as JSON holds them."""
        found = {}
        for name, alias in self.aliases.items():
            value = getattr(self, name)
            if (
                (include is not None and name not in include)
                or (exclude is not None and name in exclude)
                or (exclude_none and value is None)
            ):
                continue
            found[alias if by_alias else name] = _plain(value) if mode == "json" else value
        return found

    def model_dump_json(self, *, indent: int | None = None, **options: Any) -> str:
        """Return the fields as a JSON object."""
        separators = (",", ":") if indent is None else None
        return json.dumps(
            self.model_dump(**{**options, "mode": "json"}),
            indent=indent,
            separators=separators,
            ensure_ascii=False,
        )

    def dict(self, **options: Any) -> dict[str, Any]:
        """Return what `model_dump` does: so it was called in cASO 4."""
        return self.model_dump(**options)

    def json(self, **options: Any) -> str:
        """Return what `model_dump_json` does: so it was called in cASO 4."""
        return self.model_dump_json(**options)

    def ssm_message(self) -> str | bytes:
        """Return the record as it stands in a message of ours."""
        return json.dumps(said(self._line))

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values."""
        return iter(self.model_dump().items())

    def __eq__(self, other: object) -> bool:
        """Compare the fields."""
        return isinstance(other, CasoRecord) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]  # Python's way to say that it has none

    def __repr__(self) -> str:
        """Return the fields."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self)
        return f"{self._like}({fields})"


def said(line: Line) -> dict[str, Any]:
    """Return what a record states, without what its line says about itself: that is in small letters."""
    return {name: value for name, value in line.items() if name[:1].isupper()}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, uuid.UUID) else value
