"""The messenger `greendigit_cim`: energy records, posted to the GreenDIGIT CIM.

Its interface gives a token to whoever names e-mail and password in the query of a GET. That is the
receiver's way, and there is no other; so the address is never logged nor shown in an error, and
TLS is demanded. The token is kept until it is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import ClassVar, Final, cast
from urllib.parse import urlsplit

import msgspec

from usance.config.settings import MessengerSettings
from usance.http.client import HttpClient, Tls
from usance.http.errors import StatusError
from usance.http.retry import RetryPolicy
from usance.ledger.values import Message
from usance.messengers.messenger import RefusedError
from usance.messengers.options import carried_types, positive_integer
from usance.model.errors import CloudError, ConfigurationError, DeliveryError
from usance.records.wire import MAX_MESSAGE_BYTES

LOG = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://greendigit-cim.sztaki.hu"
SERVICE: Final = "the GreenDIGIT CIM"
_TOKEN: Final = "/gd-cim-api/v1/token"  # noqa: S105 - a path
_SUBMIT: Final = "/gd-cim-api/v1/submit"
_TAKEN: Final = frozenset({200, 201, 202, 204})
_NEVER: Final = frozenset({400, 409, 413, 415, 422})
"""What the CIM says of a message that it will not take another time either."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class _Token(msgspec.Struct):
    access_token: str = ""
    token: str = ""


class _Anything:
    """Reads an answer whose content does not matter, and may be missing."""

    def decode(self, body: bytes) -> None:
        """Return nothing."""


_token: Final = msgspec.json.Decoder(_Token)
_anything: Final = cast("msgspec.json.Decoder[None]", _Anything())


class GreenDigitCim:
    """Posts arrays of energy records, `max_size` in each, with the account of `email` and `password`."""

    name: ClassVar[str] = "greendigit_cim"
    formats: ClassVar[Mapping[str, str]] = {"energy": "energy-cim"}

    def __init__(self, settings: MessengerSettings, *, backoff_s: float = 0.5) -> None:
        options = settings.options
        self.record_types = carried_types(settings, self.formats.keys())
        self.max_records = positive_integer(settings, "max_size", 100)
        self.max_bytes = MAX_MESSAGE_BYTES
        self._url = (options.get("base_url", "").strip() or DEFAULT_URL).rstrip("/")
        self._email, self._password = options.get("email", "").strip(), options.get("password", "")
        self._timeout_s = positive_integer(settings, "timeout", 60, 86400)
        self._retries = int(options.get("retries", "4"))
        self._backoff_s = backoff_s
        verify = options.get("verify_ssl", "true").strip().lower() not in {"false", "no", "0", "off"}
        self._tls = Tls(cafile=options.get("cafile") or None, insecure=not verify)
        self._token: str | None = None
        self._check()
        self._open: tuple[asyncio.Runner, HttpClient] | None = None

    def __repr__(self) -> str:
        """Say where to, never the password."""
        return f"GreenDigitCim({self._url!r})"

    def _check(self) -> None:
        if not (self._email and self._password):
            raise ConfigurationError(
                "the messenger greendigit_cim has no account",
                hint="set email and password in [greendigit_cim]",
            )
        try:
            parts = urlsplit(self._url)
            is_url = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url:
            raise ConfigurationError(
                "base_url of [greendigit_cim] is not a URL", hint=f"write base_url = {DEFAULT_URL}"
            )
        if "@" in parts.netloc or parts.query:
            raise ConfigurationError(
                "base_url of [greendigit_cim] holds more than an address",
                hint="the account belongs into email and password",
            )
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ConfigurationError(
                "base_url of [greendigit_cim] would send the password unencrypted", hint="write https://"
            )

    def send(self, message: Message) -> None:
        """Post a message; one whose answer was lost is posted again, with the same records."""
        if self._open is None:
            self._open = asyncio.Runner(), self._client()
        runner, client = self._open
        try:
            runner.run(self._send(client, message.body))
        except StatusError as error:
            if error.status in _NEVER:
                raise RefusedError(error.message) from None
            # Without its cause, whose request holds the password.
            raise DeliveryError(error.message, hint=error.hint) from None
        except CloudError as error:
            raise DeliveryError(error.message, hint=error.hint) from None

    def _client(self) -> HttpClient:
        return HttpClient(
            concurrency=1,
            timeout_s=self._timeout_s,
            policy=RetryPolicy(retries=self._retries, backoff_s=self._backoff_s),
            tls=self._tls,
            max_bytes=1 << 20,
        )

    async def _send(self, client: HttpClient, body: bytes) -> None:
        known = self._token is not None
        try:
            await self._submit(client, body)
        except StatusError as error:
            if error.status != 401 or not known:
                raise
            LOG.info("%s does not take the token any more: asking for another", SERVICE)
            self._token = None
            await self._submit(client, body)

    async def _submit(self, client: HttpClient, body: bytes) -> None:
        if self._token is None:
            self._token = await self._get_token(client)
        await client.search(
            f"{self._url}{_SUBMIT}",
            body,
            _anything,
            service=SERVICE,
            headers={"Authorization": f"Bearer {self._token}"},
            accept=_TAKEN,
        )

    async def _get_token(self, client: HttpClient) -> str:
        try:
            answer = await client.get(
                f"{self._url}{_TOKEN}",
                _token,
                service=SERVICE,
                params=(("email", self._email), ("password", self._password)),
            )
        except StatusError as error:
            hint = "see email and password in [greendigit_cim]" if error.status < 500 else error.hint
            raise DeliveryError(error.message, hint=hint) from None
        token = answer.access_token or answer.token
        if not token or not token.isascii() or not token.isprintable():
            raise DeliveryError(
                f"{SERVICE} gave no token for the account", hint="see email and password in [greendigit_cim]"
            )
        return token

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            runner, client = self._open
            self._open = None
            runner.run(client.aclose())
            runner.close()
