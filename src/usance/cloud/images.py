"""The identity that an image has in the federation's catalog of appliances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from usance.cloud.plugins import TokenScope
from usance.cloud.service import Service
from usance.http.errors import StatusError

LOG = logging.getLogger(__name__)

URI_PROPERTIES = (
    "vmcatcher_event_ad_mpuri",  # vmcatcher, atrope, cloudkeeper-os 0.9
    "marketplace",  # read beside it by cloud-info-provider
    "APPLIANCE_MPURI",  # cloudkeeper-os 0.9
    "CLOUDKEEPER_mpuri",  # cloudkeeper-os 2.0
    "ad:mpuri",  # the key of the image list itself
)
"""The Glance properties that hold the marketplace's URI, best first."""

FEW = 5
"""So many images are looked up one by one; for more, the list of all of them is read."""

_LONGEST_URI = 1024

_IMAGE: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class _Images(msgspec.Struct):
    images: list[dict[str, Any]] = []
    next: str | None = None


_IMAGES = msgspec.json.Decoder(_Images)


class Images:
    """Marketplace URIs of images, each image asked for once a run."""

    def __init__(self, glance: Service) -> None:
        self._glance = glance
        self._uris: dict[str, str | None] = {}  # None: it has none
        self._absent: set[tuple[TokenScope, str]] = set()  # not to be seen with this scope
        self._listed: set[TokenScope] = set()
        self._asking = asyncio.Lock()

    async def uris(self, scope: TokenScope, ids: Iterable[str]) -> dict[str, str]:
        """Return the URI of each of the images that has one.

        Images that were deleted, or that the project may not see, have none. Raises CloudError if
        Glance can't be asked at all.
        """
        wanted = sorted({one for one in ids if one and all(c.isalnum() or c in "-_" for c in one)})
        async with self._asking:
            if len(self._unknown(scope, wanted)) > FEW and scope not in self._listed:
                await self._list(scope)
            for image_id in self._unknown(scope, wanted):
                await self._look_up(scope, image_id)
        return {one: uri for one in wanted if (uri := self._uris.get(one)) is not None}

    def _unknown(self, scope: TokenScope, wanted: Iterable[str]) -> list[str]:
        return [one for one in wanted if one not in self._uris and (scope, one) not in self._absent]

    async def _list(self, scope: TokenScope) -> None:
        self._listed.add(scope)
        pages = self._glance.pages(
            scope, "/images", _IMAGES, next_of=lambda page: page.next, params=(("limit", "1000"),)
        )
        async for page in pages:
            for image in page.images:
                self._take(image)

    async def _look_up(self, scope: TokenScope, image_id: str) -> None:
        try:
            image = await self._glance.get(scope, f"/images/{image_id}", _IMAGE)
        except StatusError as error:
            if error.status not in {403, 404}:
                raise
            self._absent.add((scope, image_id))
            return
        self._take(image)
        self._uris.setdefault(image_id, None)

    def _take(self, image: dict[str, Any]) -> None:
        image_id = image.get("id")
        if isinstance(image_id, str):
            self._uris[image_id] = marketplace_uri(image)


def marketplace_uri(properties: dict[str, Any]) -> str | None:
    """Return the first URI among an image's properties; None if it has none."""
    for name in URI_PROPERTIES:
        value = properties.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()[:_LONGEST_URI]
    return None
