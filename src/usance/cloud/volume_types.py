"""The names of volume types, which Cinder's messages call by their ids: listed once for each scope."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service

_LONGEST = 1024


class _Type(msgspec.Struct):
    id: str = ""
    name: str | None = None


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _Types(msgspec.Struct):
    volume_types: list[_Type] = []
    volume_type_links: list[_Link] = []


_TYPES = msgspec.json.Decoder(_Types)


class VolumeTypes:
    """Names of volume types; one that was deleted, or that the account may not see, has none."""

    def __init__(self, volume: Service) -> None:
        self._volume = volume
        self._names: dict[str, str] = {}
        self._listed: set[TokenScope] = set()
        self._asking = asyncio.Lock()

    async def names(self, scope: TokenScope, ids: Iterable[str] | None = None) -> dict[str, str]:
        """Return the names of the types that Cinder tells, all or these.

        Raises CloudError if it can't be asked.
        """
        wanted = None if ids is None else {*ids}
        async with self._asking:
            if scope not in self._listed and (wanted is None or not self._names.keys() >= wanted):
                await self._list(scope)
        return {one: name for one, name in sorted(self._names.items()) if wanted is None or one in wanted}

    async def _list(self, scope: TokenScope) -> None:
        """List the types; administrators must say that they want those of some projects, too."""
        path = f"/{await self._volume.project_id(scope)}/types"
        pages = self._volume.pages(
            scope,
            path,
            _TYPES,
            next_of=_next,
            params=(("is_public", "None"),),
        )
        async for page in pages:
            self._names.update({one.id: one.name[:_LONGEST] for one in page.volume_types if one.name})
        self._listed.add(scope)


def _next(page: _Types) -> str | None:
    return next((one.href for one in page.volume_type_links if one.rel == "next"), None)
