"""What every type of record has, whatever it states."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True):
    """Why a record or a message can't go out as it is."""

    field: str  # as the format names it; empty if it is about the whole
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class Record(Protocol):
    """A statement of usage: a frozen value, made by a pure function."""

    @property
    def key(self) -> str:
        """What the record is about, `<record type>/...`: a later record with the same key replaces it."""
        ...

    @property
    def digest(self) -> str:
        """A digest of what is said, whenever it is said: equal as long as there is nothing new to say."""
        ...

    @property
    def created_at(self) -> datetime:
        """Up to when it states, in whole seconds: it is never replaced by one that states less."""
        ...

    @property
    def resource_kind(self) -> str:
        """The kind of the resource whose use is stated."""
        ...

    @property
    def resource_id(self) -> str:
        """The id of the resource whose use is stated."""
        ...
