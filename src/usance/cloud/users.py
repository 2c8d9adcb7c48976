"""The names of users: listed once where allowed, looked up once each where not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from usance.cloud.identity import DOCUMENT, ForbiddenError, Identity
from usance.http.errors import StatusError

LOG = logging.getLogger(__name__)

FEW = 3
"""So many users are looked up one by one before a list of all of them is asked for."""

_LONGEST_NAME = 1024


class Users:
    """Names of users, each asked for once a run."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._names: dict[str, str | None] = {}  # None: asked for, and not told
        self._listed = False
        self._warned = False
        self._asking = asyncio.Lock()

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the name of each user that Keystone tells; who was deleted is missing.

        Records go out without the names that are missing; where the account may read none of them
        one warning says so.
        """
        wanted = sorted({one for one in ids if one})
        async with self._asking:
            if len(self._unknown(wanted)) > FEW and not self._listed:
                await self._list()
            for user_id in self._unknown(wanted):
                self._names[user_id] = await self._look_up(user_id)
        return {one: name for one in wanted if (name := self._names.get(one)) is not None}

    def _unknown(self, wanted: Iterable[str]) -> list[str]:
        return [one for one in wanted if one not in self._names]

    async def _list(self) -> None:
        self._listed = True
        try:
            found, _ = await self._identity.read_all("list users", "/users", "users")
        except (ForbiddenError, StatusError) as error:
            LOG.debug("users are looked up one by one: %s", error)
            return
        for one in found:
            user_id, name = one.get("id"), one.get("name")
            if isinstance(user_id, str) and isinstance(name, str):
                self._names[user_id] = name[:_LONGEST_NAME]

    async def _look_up(self, user_id: str) -> str | None:
        try:
            document = await self._identity.read("get users", f"/users/{_quoted(user_id)}", DOCUMENT)
        except ForbiddenError as error:
            if not self._warned:
                self._warned = True
                LOG.warning("records go out without user names: %s", error)
            return None
        except StatusError as error:
            LOG.debug("user %s has no name: %s", user_id, error)
            return None
        user = document.get("user")
        name = user.get("name") if isinstance(user, dict) else None
        return name[:_LONGEST_NAME] if isinstance(name, str) else None


def _quoted(user_id: str) -> str:
    """Return an id for a path: only what ids are made of."""
    return "".join(one for one in user_id if one.isalnum() or one in "-_.")
