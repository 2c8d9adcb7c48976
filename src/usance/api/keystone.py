"""Callers with a token of Keystone, which is asked whose it is, once for a while."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from datetime import datetime
from typing import Annotated, Final, Self

import msgspec

import usance
from usance.api.caller import Caller
from usance.api.errors import RefusedError
from usance.api.metrics import Metrics
from usance.cloud.catalog import without_version
from usance.cloud.plugins import CONFIGURED
from usance.cloud.tokens import Token, Tokens
from usance.config.settings import ApiSettings, KeystoneSettings
from usance.http.client import HttpClient, Tls
from usance.http.errors import StatusError, one_line
from usance.http.retry import RetryPolicy
from usance.model.errors import AccessError, AuthenticationError, UsanceError

LOG = logging.getLogger(__name__)

MOST_KEPT: Final = 10_000  # answers
INVALID_S: Final = 10.0  # for which a token that is not valid is not asked about again
MOST_UNDER_WAY: Final = 256  # tokens that Keystone is asked about, or that wait for it
REFUSED_S: Final = 60.0  # before our own account is tried again after Keystone refused it
SILENT_S: Final = 10.0  # after it was logged that Keystone does not answer

_CONCURRENCY: Final = 16
_TIMEOUT_S: Final = 10.0
_POLICY: Final = RetryPolicy(retries=1, backoff_s=0.2, longest_s=2.0)
_MAX_BYTES: Final = 1 << 20
_NOT_VALID: Final = frozenset({400, 404})  # Keystone's, of the token that it is asked about


class _Id(msgspec.Struct):
    id: str


class _Role(msgspec.Struct):
    name: str


class _Described(msgspec.Struct):
    user: _Id
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    roles: list[_Role] = []
    project: _Id | None = None
    domain: _Id | None = None
    system: dict[str, bool] | None = None


class _Answer(msgspec.Struct):
    token: _Described


_DECODER: Final = msgspec.json.Decoder(_Answer)


class KeystoneAuthenticator:
    """Asks Keystone whose a token is: with our own account, or with the token itself if we have none.

    Use it as an asynchronous context manager, in the loop that asks it.
    """

    def __init__(self, keystone: KeystoneSettings, settings: ApiSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._url = f"{without_version(keystone.url)}/v3/auth/tokens"
        self._client = HttpClient(
            concurrency=_CONCURRENCY,
            timeout_s=_TIMEOUT_S,
            policy=_POLICY,
            tls=Tls(keystone.cafile, keystone.certfile, keystone.keyfile, keystone.insecure),
            max_bytes=_MAX_BYTES,
            user_agent=f"usance/{usance.__version__}",
        )
        self._tokens = (
            Tokens(keystone.account, self._client, timeout_s=_TIMEOUT_S) if keystone.account else None
        )
        self._refused_until_s = 0.0
        self._silent_until_s = 0.0
        self._secret = secrets.token_bytes(32)
        # By digest: whose a token is (None: nobody's), and until when, by the monotonic clock.
        self._known: OrderedDict[bytes, tuple[Caller | None, float]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Caller | None]] = {}

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        if self._tokens is not None:
            self._tokens.close()
        await self._client.__aexit__(None, None, None)

    @property
    def kept(self) -> int:
        """How many tokens are known, valid or not."""
        return len(self._known)

    def known(self, token: bytes) -> Caller | None:
        """Return the caller, if Keystone said a short while ago whose the token is."""
        held = self._held(self._digest(token))
        return held[0] if held else None

    async def caller(self, token: bytes) -> Caller | None:
        """Return whose a token is; None if Keystone does not know it.

        However many ask about one token at once, Keystone is asked once. Raises RefusedError (503) if
        it does not answer, or not as it should.
        """
        if not _is_printable(token):
            return None
        digest = self._digest(token)
        held = self._held(digest)
        if held is not None:
            self._metrics.token("cache", "valid" if held[0] else "invalid")
            return held[0]
        task = self._under_way.get(digest)
        if task is None:
            if len(self._under_way) >= MOST_UNDER_WAY:
                raise RefusedError(503, "too many tokens are being validated", headers={"Retry-After": "1"})
            task = asyncio.create_task(self._find_out(token.decode("ascii"), digest))
            self._under_way[digest] = task
            task.add_done_callback(lambda done: self._ended(digest, done))
        return await asyncio.shield(task)  # whoever gives up must not take the answer from the others

    def _ended(self, digest: bytes, task: asyncio.Task[Caller | None]) -> None:
        del self._under_way[digest]
        if not task.cancelled():
            task.exception()  # so that it counts as seen if nobody waits any more

    def _digest(self, token: bytes) -> bytes:
        return hashlib.blake2b(token, key=self._secret, digest_size=32).digest()

    def _held(self, digest: bytes) -> tuple[Caller | None, float] | None:
        held = self._known.get(digest)
        if held is not None and held[1] <= time.monotonic():
            del self._known[digest]
            return None
        return held

    def _keep(self, digest: bytes, caller: Caller | None, seconds: float) -> None:
        if seconds > 0:
            self._known[digest] = (caller, time.monotonic() + seconds)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)

    async def _find_out(self, token: str, digest: bytes) -> Caller | None:
        longest_s = float(self._settings.token_cache_s)
        try:
            described = await self._ask(token)
        except UsanceError as error:
            self._metrics.token("keystone", "unknown")
            self._say(error)
            raise RefusedError(
                503, "Keystone can't be asked about tokens at present", hint="try again",
                headers={"Retry-After": "5"},
            ) from error  # fmt: skip
        if described is None:
            self._metrics.token("keystone", "invalid")
            self._keep(digest, None, min(INVALID_S, longest_s))
            return None
        left_s = (described.expires_at - self._client.clock.now()).total_seconds()
        self._metrics.token("keystone", "valid")
        caller = caller_of_token(described, self._settings)
        self._keep(digest, caller, min(longest_s, left_s))
        return caller

    def _say(self, error: UsanceError) -> None:
        """Log why tokens can't be validated, but not for each of the many requests that find it out."""
        now_s = time.monotonic()
        if now_s >= self._silent_until_s:
            self._silent_until_s = now_s + SILENT_S
            LOG.error("callers' tokens can't be validated: %s", error)

    async def _ask(self, token: str) -> _Described | None:
        """Return what Keystone says of a token; None if it does not know it. Raises UsanceError."""
        if self._tokens is None:
            return await self._describe(token, token)
        ours = await self._own(self._tokens)
        try:
            return await self._describe(token, ours.value)
        except StatusError as error:
            if error.status != 401:
                raise
        # Our own token was revoked before its time.
        self._tokens.forget(ours)
        return await self._describe(token, (await self._own(self._tokens)).value)

    async def _own(self, tokens: Tokens) -> Token:
        try:
            return await tokens.get(CONFIGURED)
        except (AuthenticationError, AccessError):
            # An account that is refused again and again gets locked; but one day it is mended.
            now_s = time.monotonic()
            if now_s >= self._refused_until_s:
                tokens.forgive()
                self._refused_until_s = now_s + REFUSED_S
            raise

    async def _describe(self, token: str, ours: str) -> _Described | None:
        try:
            answer = await self._client.get(
                self._url,
                _DECODER,
                service="Keystone",
                headers={"X-Auth-Token": ours, "X-Subject-Token": token},
                params=[("nocatalog", "1")],
                note_clock=True,
            )
        except StatusError as error:
            not_valid = _NOT_VALID | ({401} if token == ours else frozenset())
            if error.status in not_valid:
                return None
            if error.status == 403:
                raise AccessError(
                    f"Keystone does not let our account validate tokens: {one_line(error.reason)}",
                    hint="give it the role service in its project",
                ) from error
            raise
        return answer.token


def caller_of_token(described: _Described, settings: ApiSettings) -> Caller:
    """Return the caller whom a token describes.

    Roles of a domain count for nothing here: they are for looking after projects and users.
    """
    in_system = described.system is not None and bool(described.system.get("all"))
    counts = in_system or described.project is not None
    roles = frozenset(one.name for one in described.roles) if counts else frozenset()
    # As oslo.policy compares them.
    held = {one.lower() for one in roles}
    is_admin = _any_of(settings.admin_roles, held)
    writes = is_admin or _any_of(settings.writer_roles, held)
    # A reader of the system may read what services keep of all projects, by Keystone's own meaning.
    reads = writes or _any_of(settings.reader_roles, held) or (in_system and "reader" in held)
    return Caller(
        how="keystone",
        key=f"user {one_line(described.user.id, 64)}",
        user_id=described.user.id,
        project_id=described.project.id if described.project is not None else None,
        roles=roles,
        may_read_all=reads,
        may_write=writes,
        is_admin=is_admin,
    )


def _any_of(wanted: frozenset[str], held: set[str]) -> bool:
    return any(one.lower() in held for one in wanted)


def _is_printable(token: bytes) -> bool:
    """Say whether a token could be Keystone's: all kinds of them are printable ASCII, without a space."""
    return all(0x21 <= byte <= 0x7E for byte in token)
