"""The tokens that a simulated Keystone has given out."""

from __future__ import annotations

import secrets
import time

import msgspec

from usance.demo.site import User


class Token(msgspec.Struct, frozen=True):
    """Who asks, and in which scope."""

    id: str
    user: User
    roles: tuple[str, ...]
    issued_s: float  # seconds since 1970 by the real clock, because clients compare with theirs
    expires_s: float
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    methods: tuple[str, ...] = ("password",)

    @property
    def is_admin(self) -> bool:
        """True if one of the roles is admin, whatever the scope."""
        return "admin" in self.roles

    @property
    def reads_system(self) -> bool:
        """True for a reader of the system, and for an admin."""
        return self.is_admin or (self.system and "reader" in self.roles)


class Tokens:
    """Gives out tokens and recognises them until they expire."""

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._tokens: dict[str, Token] = {}

    def issue(
        self,
        user: User,
        roles: tuple[str, ...],
        *,
        project_id: str | None = None,
        domain_id: str | None = None,
        system: bool = False,
        methods: tuple[str, ...] = ("password",),
    ) -> Token:
        """Return a new token."""
        now = time.time()
        token = Token(
            id=secrets.token_urlsafe(24),
            user=user,
            roles=roles,
            issued_s=now,
            expires_s=now + self.ttl_s,
            project_id=project_id,
            domain_id=domain_id,
            system=system,
            methods=methods,
        )
        self._tokens[token.id] = token
        return token

    def find(self, token_id: str) -> Token | None:
        """Return a token that is valid now."""
        token = self._tokens.get(token_id)
        if token is not None and token.expires_s <= time.time():
            del self._tokens[token_id]
            return None
        return token

    def forget(self) -> None:
        """Make every token invalid."""
        self._tokens.clear()
