"""What all of APEL's messages share: how large they may be, which text they carry, and JSON's envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from usance.records.record import Finding
from usance.records.text import is_safe_text

# The messaging service takes 1 MiB. Signing makes a CR of each line's end, encrypting and sending
# encode in base64, one on top of the other: 4/3 x 4/3, plus line ends, certificates and the
# request around it. Half a MiB stays below in every combination.
MAX_MESSAGE_BYTES: Final = 512 * 1024

_NOT_ASCII: Final = Finding("", "something else than ASCII stops the sender for good")
_SEPARATOR: Final = ", "
# Decimals are read as they stand: a binary fraction is never made of them.
_object: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)

Check = Callable[[Mapping[str, Any]], list[Finding]]
"""Returns what is wrong with the fields of one record."""


def wire_findings(message: bytes) -> list[Finding]:
    """Return what keeps a message of any type from being sent; one that is not ASCII need not be read."""
    found: list[Finding] = []
    if len(message) > MAX_MESSAGE_BYTES:
        found.append(Finding("", f"{len(message)} bytes may be more than the wire takes once it is signed"))
    if not message.isascii():
        found.append(_NOT_ASCII)
    return found


def identity_findings(named: Iterable[tuple[str, str | None]]) -> list[Finding]:
    """Return which of these texts no message can carry as they are.

    They identify something: written otherwise, they would identify something else.
    """
    return [
        Finding(name, f"{value[:80]!r} can't be sent unchanged (ASCII, 255 bytes, no %%)")
        for name, value in named
        if value is not None and not _is_safe(value)
    ]


@lru_cache(maxsize=1024)
def _is_safe(value: str) -> bool:
    """Tell whether a message can carry the text as it is; most of them stand in many records."""
    return is_safe_text(value)


class JsonEnvelope(msgspec.Struct, frozen=True):
    """What is around the records of a JSON message, on one line."""

    type: str
    version: str

    @property
    def _head(self) -> str:
        return f'{{"Type": "{self.type}", "Version": "{self.version}", "UsageRecords": ['

    @property
    def envelope_bytes(self) -> int:
        """Bytes of a message beside its records."""
        return len(self._head) + len("]}")

    @property
    def separator_bytes(self) -> int:
        """Bytes between two records."""
        return len(_SEPARATOR)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return one message of rendered records."""
        return (self._head + _SEPARATOR.join(texts) + "]}").encode("ascii")

    def findings(self, message: bytes, check: Check, identity: Sequence[str]) -> list[Finding]:
        """Return what is wrong with a whole message: its size, its envelope, each of its records.

        *identity* are the fields by which the receiver files a record: no two may agree in them.
        """
        found = wire_findings(message)
        if not message.isascii():
            return found
        try:
            document = _object.decode(message)
        except (msgspec.DecodeError, RecursionError) as error:
            return [*found, Finding("", f"is no JSON object: {error}")]
        if document.keys() != {"Type", "Version", "UsageRecords"}:
            return [*found, Finding("", "has not exactly the keys Type, Version and UsageRecords")]
        if (document["Type"], document["Version"]) != (self.type, self.version):
            found.append(Finding("Type", f"is not {self.type!r} {self.version}"))
        records = document["UsageRecords"]
        if not isinstance(records, list) or not records:
            return [*found, Finding("UsageRecords", "is no list of records")]
        seen = set()
        for place, fields in enumerate(records, start=1):
            if not isinstance(fields, dict):
                found.append(Finding("", f"record {place}: is no JSON object"))
                continue
            found += [Finding(one.field, f"record {place}: {one.reason}") for one in check(fields)]
            filed = tuple(str(fields.get(name)) for name in identity)
            if filed in seen:
                found.append(Finding(identity[0], f"record {place}: {filed[0][:80]} stands twice"))
            seen.add(filed)
        return found


def json_findings(text: str, check: Check) -> list[Finding]:
    """Return what is wrong with the JSON object of one record."""
    if not text.isascii():
        return [_NOT_ASCII]
    try:
        fields = _object.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return [Finding("", f"is no JSON object: {error}")]
    return check(fields)
