"""Sending by the ARGO Messaging Service: a token for the host certificate, then one POST for a batch.

https://argoeu.github.io/argo-messaging/docs/ (topics: publish; authentication by X.509).
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec
import orjson

from usance.config.settings import PublishSettings
from usance.http.client import HttpClient, Tls
from usance.http.errors import MalformedAnswerError, StatusError, UnreachableError
from usance.http.retry import RetryPolicy
from usance.model.errors import CloudError, ConfigurationError, DeliveryError
from usance.sending.errors import RefusedMessageError, ServiceDownError, TooLargeError
from usance.sending.transport import Parcel

LOG = logging.getLogger(__name__)

_SERVICE: Final = "AMS"
_LARGEST_ANSWER: Final = 1 << 20  # bytes
_MESSAGE: Final = len('{"attributes":{"empaid":},"data":""},')  # bytes beside name and content
_TOO_LARGE: Final = 413
_REFUSED: Final = frozenset({400, 422})
_LOCKED_OUT: Final = frozenset({401, 403})


class _Token(msgspec.Struct):
    token: str


class _Published(msgspec.Struct):
    messageIds: list[str]  # noqa: N815 - AMS's name


class AmsTransport:
    """Publishes to the topics of one project."""

    def __init__(self, settings: PublishSettings) -> None:
        """Raise ConfigurationError if there is no host, project or certificate to use."""
        if not settings.hosts:
            raise ConfigurationError("host is not set: where is AMS?", hint="write host = msg.argo.grnet.gr")
        if not settings.project:
            raise ConfigurationError("ams_project is not set", hint="write ams_project = accounting")
        name, _, port = settings.hosts[0].partition(":")
        self.place = f"AMS at {settings.hosts[0]}, project {settings.project}"
        self.batch_size = settings.batch_size
        self._project = settings.project
        self._api = f"https://{name}:{port or settings.port or 443}/v1"
        self._authn = f"https://{name}:{settings.authn_port}/v1/service-types/ams/hosts/{name}:authx509"
        self._given = settings.token
        self._token: str | None = settings.token
        cafile = str(settings.cafile) if settings.cafile else None
        own = Tls(cafile=cafile, certfile=str(settings.certificate), keyfile=str(settings.key))
        policy = RetryPolicy(retries=settings.retries, longest_s=60)
        self._client = _client(settings, policy, Tls(cafile=cafile))
        # Only who gives tokens has to see the certificate.
        self._authn_client = None if settings.token else _client(settings, policy, own)

    def size(self, parcel: Parcel) -> int:
        """Return the bytes of a message in the request's JSON: its content is in base64."""
        return _MESSAGE + len(orjson.dumps(parcel.name)) + 4 * -(-len(parcel.wire) // 3)

    async def send(self, destination: str, parcels: Sequence[Parcel]) -> None:
        """Publish a batch; a token that is refused is renewed once."""
        body = b'{"messages":[' + b",".join(orjson.dumps(_json(one)) for one in parcels) + b"]}"
        topic = quote(destination, safe="")
        url = f"{self._api}/projects/{quote(self._project, safe='')}/topics/{topic}:publish"
        decoder = msgspec.json.Decoder(_Published)
        token = await self._get_token()
        try:
            try:
                answer = await self._post(url, body, decoder, token)
            except StatusError as error:
                if error.status != 401 or self._given:
                    raise
                LOG.info("AMS does not accept the token any more: asking for a new one")
                self._token = None
                answer = await self._post(url, body, decoder, await self._get_token())
        except StatusError as error:
            raise self._refusal(error, destination) from error
        except (UnreachableError, MalformedAnswerError) as error:
            raise ServiceDownError(error.message, hint="the messages wait for the next run") from error
        if len(answer.messageIds) != len(parcels):
            raise ServiceDownError(
                f"AMS acknowledged {len(answer.messageIds)} of {len(parcels)} messages",
                hint="they are sent again in the next run",
            )
        for parcel, message_id in zip(parcels, answer.messageIds, strict=True):
            LOG.info("Sent %s, AMS id %s", parcel.name, message_id[:80])

    async def _post(
        self, url: str, body: bytes, decoder: msgspec.json.Decoder[_Published], token: str
    ) -> _Published:
        return await self._client.post(url, body, decoder, service=_SERVICE, headers={"x-api-key": token})

    def _refusal(self, error: StatusError, destination: str) -> DeliveryError:
        if error.status == _TOO_LARGE:
            return TooLargeError(error.message)
        if error.status in _REFUSED:
            return RefusedMessageError(error.message)
        if error.status == 404:
            return DeliveryError(
                error.message, hint=f"see whether the project {self._project} has a topic {destination}"
            )
        if error.status == 403:
            return DeliveryError(error.message, hint=f"ask for the right to publish to {destination}")
        hint = "see token" if self._given else "see whether the certificate is registered with AMS"
        return ServiceDownError(
            error.message, hint=hint if error.status == 401 else "the messages wait for the next run"
        )

    async def _get_token(self) -> str:
        if self._token is None:
            if self._authn_client is None:
                raise ServiceDownError("there is no token for AMS", hint="set token")
            try:
                found = await self._authn_client.get(
                    self._authn, msgspec.json.Decoder(_Token), service=_SERVICE
                )
            except CloudError as error:
                locked_out = isinstance(error, StatusError) and error.status in {*_LOCKED_OUT, 404}
                raise ServiceDownError(
                    error.message,
                    hint="see whether the host certificate is registered with AMS (its subject, in GOCDB)"
                    if locked_out
                    else "the messages wait for the next run",
                ) from error
            if not found.token.isascii() or not found.token.isprintable():
                raise ServiceDownError("AMS gave a token that can't be one")
            self._token = found.token
        return self._token

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        if self._authn_client is not None:
            await self._authn_client.aclose()


def _client(settings: PublishSettings, policy: RetryPolicy, tls: Tls) -> HttpClient:
    return HttpClient(
        concurrency=1, timeout_s=settings.timeout_s, policy=policy, tls=tls, max_bytes=_LARGEST_ANSWER
    )


def _json(parcel: Parcel) -> dict[str, object]:
    return {"attributes": {"empaid": parcel.name}, "data": base64.b64encode(parcel.wire).decode()}
