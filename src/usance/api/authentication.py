"""Who a caller is, by what she sends as `X-Auth-Token`."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final, Protocol

from usance.api.caller import Caller
from usance.api.metrics import Metrics

TOKEN_HEADER: Final = b"x-auth-token"
LONGEST_TOKEN: Final = 16 * 1024  # bytes; the largest tokens of Keystone (PKI) had about 8,000


class Authenticator(Protocol):
    """One way in which a caller may prove who she is."""

    async def caller(self, token: bytes) -> Caller | None:
        """Return who shows a token; None if it proves nothing.

        Raises RefusedError (503) if that can't be found out at present.
        """

    def known(self, token: bytes) -> Caller | None:
        """Return who shows a token, if that was found out a short while ago and is still good."""


class PrivateKeyAuthenticator:
    """Knows one key; whoever has it may do everything.

    Digests are compared, made with a secret that lives as long as the process: so neither the
    length of the key nor how much of a guess was right can be told from the time that it takes.
    """

    def __init__(self, key: str, metrics: Metrics) -> None:
        self._metrics = metrics
        self._secret = secrets.token_bytes(32)
        # A header has bytes. Clients send other characters than ASCII as UTF-8, or as Latin-1.
        spellings = {key.encode()}
        with contextlib.suppress(UnicodeEncodeError):
            spellings.add(key.encode("latin-1"))
        self._digests = tuple(self._digest(one) for one in sorted(spellings))

    def _digest(self, token: bytes) -> bytes:
        return hmac.digest(self._secret, token, hashlib.sha256)

    def is_key(self, token: bytes) -> bool:
        """Say whether a token is the key."""
        given = self._digest(token)
        fits = [hmac.compare_digest(given, one) for one in self._digests]
        return any(fits)

    async def caller(self, token: bytes) -> Caller | None:
        """Return the caller who has the key."""
        if not self.is_key(token):
            self._metrics.token("private key", "invalid")
            return None
        self._metrics.token("private key", "valid")
        return Caller(how="private key", key="private key", may_read_all=True, may_write=True, is_admin=True)

    def known(self, _token: bytes) -> None:
        """Return nobody: who guesses must not get further by being right, once she is made to wait."""


class AnyOf:
    """Asks several authenticators; the first who knows the token tells whose it is."""

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = tuple(authenticators)

    async def caller(self, token: bytes) -> Caller | None:
        """Return the caller whom one of them knows."""
        for one in self._authenticators:
            found = await one.caller(token)
            if found is not None:
                return found
        return None

    def known(self, token: bytes) -> Caller | None:
        """Return the caller whom one of them knows already."""
        return next((found for one in self._authenticators if (found := one.known(token))), None)
