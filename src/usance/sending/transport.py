"""What carries sealed messages to a messaging service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Parcel(msgspec.Struct, frozen=True):
    """A sealed message on its way."""

    name: str  # by which the receiver knows a repetition (empaid)
    wire: bytes  # ASCII


class Transport(Protocol):
    """A connection to a messaging service. Not to be used by two tasks at once."""

    place: str  # where messages go, for people
    batch_size: int  # parcels that one call of `send` takes

    def size(self, parcel: Parcel) -> int:
        """Return the bytes that a parcel takes in a request."""
        ...

    async def send(self, destination: str, parcels: Sequence[Parcel]) -> None:
        """Return once the service has taken all parcels.

        Raises TooLargeError or RefusedMessageError if it will never take one of them,
        ServiceDownError if it takes nothing at all now, and DeliveryError if it takes nothing for
        this destination now. Then some of several parcels may have been taken.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


def wire_name(name: str) -> str:
    """Return a name as printable ASCII: files may be called anything."""
    return "".join(
        one if " " < one <= "~" else f"\\x{byte:02x}" if (byte := ord(one)) < 256 else f"\\u{ord(one):04x}"
        for one in name
    )
