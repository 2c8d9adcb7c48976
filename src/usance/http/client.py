"""The client itself: one limiter and one pool for everything that a run asks over HTTP."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from usance.http.clock import CloudClock
from usance.http.errors import MalformedAnswerError, StatusError, UnreachableError, one_line, reason_of
from usance.http.retry import PASSING_STATUSES, RetryPolicy, parse_retry_after, pause
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)

T = TypeVar("T")
D_co = TypeVar("D_co", covariant=True)

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_POLICY = RetryPolicy()


class Tls(msgspec.Struct, frozen=True):
    """How the other side is verified, and how we show who we are."""

    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    insecure: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether nothing is configured: whom the system trusts is trusted."""
        return self == Tls()

    def context(self) -> ssl.SSLContext:
        """Return the TLS context. Raises ConfigurationError if a file is missing or broken."""
        if self.is_usual:
            return _usual_context()
        try:
            context = ssl.create_default_context(cafile=self.cafile)
            if self.certfile:
                context.load_cert_chain(self.certfile, self.keyfile, password="")  # else a terminal is asked
        except (OSError, ssl.SSLError) as error:
            named = ", ".join(name for name in (self.cafile, self.certfile, self.keyfile) if name)
            raise ConfigurationError(
                f"the certificates in {named} can't be read: {error}",
                hint="cafile, certfile and keyfile are PEM files that this user can read",
            ) from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@cache
def _usual_context() -> ssl.SSLContext:
    """Return the context that trusts whom the system trusts: reading all its authorities takes 0.1 s."""
    return ssl.create_default_context()


def _trusting_nobody() -> ssl.SSLContext:
    """Return a context that refuses every certificate, for where no TLS is expected: it costs nothing."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Question(msgspec.Struct, frozen=True):
    url: str
    service: str
    headers: Mapping[str, str] | None
    params: Sequence[tuple[str, str]]
    accept: frozenset[int]
    note_clock: bool
    body: bytes | None = None  # JSON; None: a GET
    verb: str | None = None  # None: as the body has it

    @property
    def method(self) -> str:
        return self.verb or ("GET" if self.body is None else "POST")

    @property
    def asked(self) -> str:
        """For messages: what was asked for, without the query."""
        return f"{self.method} {self.path}"

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


class _Decoder(Protocol[D_co]):
    def decode(self, buf: bytes, /) -> D_co: ...


class _Unread:
    """Takes any answer: that it came is all that counts."""

    def decode(self, _buf: bytes, /) -> None:
        return None


class _Answer(msgspec.Struct):
    status: int
    headers: httpx2.Headers
    body: bytes


class _PassingError(Exception):
    """An attempt failed in a way that may pass; *final* is what to raise if it does not."""

    def __init__(self, final: Exception, asked_s: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.asked_s = asked_s


class HttpClient:
    """Asks over HTTP: never more than *concurrency* requests under way, each bounded in time and size.

    `requests` counts every request that was sent, retries included. `clock` follows the `Date`
    of the answers of the services that keep the cloud's time (`note_clock` of a request).
    """

    def __init__(
        self,
        *,
        concurrency: int = 8,
        timeout_s: float = 60,
        policy: RetryPolicy = DEFAULT_POLICY,
        tls: Tls | None = None,
        clock: CloudClock | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        user_agent: str = "usance",
    ) -> None:
        self.clock = clock or CloudClock()
        self.policy = policy
        self.requests = 0
        self._counting = threading.Lock()
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._under_way = asyncio.Semaphore(concurrency)
        self._limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        tls = tls or Tls()
        # Made now where files are configured, so that a mistake in them is found at once.
        self._context = None if tls.is_usual else tls.context()
        self._plain: httpx2.AsyncClient | None = None  # for http://
        self._secure: httpx2.AsyncClient | None = None  # for everything else
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for client in (self._plain, self._secure):
            if client is not None:
                await client.aclose()

    def count(self) -> None:
        """Count a request; from any thread (Keystone's tokens are fetched in others)."""
        with self._counting:
            self.requests += 1

    async def get(
        self,
        url: str,
        decoder: msgspec.json.Decoder[T],
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        accept: frozenset[int] = frozenset({200}),
        note_clock: bool = False,
    ) -> T:
        """Ask for a document, again where that may help, and return it decoded.

        *service* is the name used in messages. Raises :class:`StatusError` for a status that is not
        in *accept*, :class:`UnreachableError` when no answer comes, and
        :class:`MalformedAnswerError` when what comes is not what the API documents.
        """
        return await self._ask(_Question(url, service, headers, params, accept, note_clock), decoder)

    async def search(
        self,
        url: str,
        body: bytes,
        decoder: msgspec.json.Decoder[T],
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        accept: frozenset[int] = frozenset({200}),
    ) -> T:
        """Post a question that changes nothing, in JSON; as :meth:`get`, it may be asked several times."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        return await self._ask(
            _Question(url, service, headers, params, accept, note_clock=False, body=body), decoder
        )

    async def post(
        self,
        url: str,
        body: bytes,
        decoder: msgspec.json.Decoder[T],
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Post a document, in JSON, that may arrive twice: it is sent again when its answer got lost."""
        return await self.search(url, body, decoder, service=service, headers=headers)

    async def change(
        self,
        method: str,
        url: str,
        body: bytes,
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Change something by PUT or PATCH, which may arrive twice and then says the same again."""
        if body:
            headers = {"Content-Type": "application/json", **(headers or {})}
        accept = frozenset({200, 201, 204})
        question = _Question(url, service, headers, (), accept, note_clock=False, body=body, verb=method)
        await self._ask(question, _Unread())

    async def _ask(self, question: _Question, decoder: _Decoder[T]) -> T:
        attempt = 0
        while True:
            try:
                return await self._attempt(question, decoder)
            except _PassingError as passing:
                if attempt >= self.policy.retries:
                    raise passing.final from passing
                wait_s = pause(self.policy, attempt, passing.asked_s)
                LOG.debug("%s; attempt %d again in %.1f s", passing.final, attempt + 1, wait_s)
            attempt += 1
            await asyncio.sleep(wait_s)

    async def _attempt(self, question: _Question, decoder: _Decoder[T]) -> T:
        async with self._under_way:
            before = self.clock.local()
            answer = await self._send(question)
            after = self.clock.local()
        if question.note_clock:
            self.clock.note(answer.headers, before, after)
        if answer.status not in question.accept:
            raise _refusal(question, answer, after)
        try:
            return decoder.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            final = MalformedAnswerError(
                f"{question.service} answered {question.asked} with something else than the API"
                f" documents: {one_line(str(error))}",
                hint="see whether the endpoint in the catalog is that of the service",
            )
            # Well-formed JSON of the wrong shape will not get better; a document cut short may.
            if isinstance(error, msgspec.ValidationError):
                raise final from error
            raise _PassingError(final) from error

    def _client_of(self, url: str) -> httpx2.AsyncClient:
        """Return the client for a URL; the authorities that TLS trusts are read when it is first needed."""
        if url.startswith("http://"):
            if self._plain is None:
                self._plain = self._make_client(self._context or _trusting_nobody())
            return self._plain
        if self._secure is None:
            self._secure = self._make_client(self._context or Tls().context())
        return self._secure

    def _make_client(self, context: ssl.SSLContext) -> httpx2.AsyncClient:
        # Without time-outs of its own: ours bounds the whole request, and so each step of it.
        return httpx2.AsyncClient(verify=context, timeout=None, limits=self._limits)

    async def _send(self, question: _Question) -> _Answer:
        self.count()
        try:
            # Not built by the client, which would merge options that we don't use into each one.
            request = httpx2.Request(
                question.method,
                question.url,
                headers={**self._headers, **(question.headers or {})},
                params=list(question.params) or None,
                content=question.body,
            )
            async with asyncio.timeout(self._timeout_s):
                response = await self._client_of(question.url).send(request, stream=True)
                try:
                    body = await self._read(response, question)
                finally:
                    await response.aclose()
            return _Answer(response.status_code, response.headers, body)
        except (TimeoutError, httpx2.TimeoutException) as error:
            final = UnreachableError(
                f"{question.service} did not answer {question.asked} within {self._timeout_s:g} s",
                hint="see whether the service is well; the time-out can be configured",
            )
            raise _PassingError(final) from error
        except httpx2.InvalidURL as error:
            raise UnreachableError(
                f"{question.service} can't be reached for {question.asked}: {one_line(str(error))}",
                hint="see the address of the endpoint",
            ) from error
        except httpx2.HTTPError as error:
            # Every transport error: refused, reset, closed half way, TLS, name resolution.
            final = UnreachableError(
                f"{question.service} can't be reached for {question.asked}:"
                f" {one_line(str(error)) or type(error).__name__}",
                hint="see whether the endpoint is up and can be reached from here",
            )
            if _is_certificate_error(error):
                raise final from error
            raise _PassingError(final) from error

    async def _read(self, response: httpx2.Response, question: _Question) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._max_bytes:
                raise MalformedAnswerError(
                    f"{question.service} answered {question.asked} with more than {self._max_bytes} bytes",
                    hint="ask for smaller pages: page_limit",
                )
            chunks.append(chunk)
        return b"".join(chunks)


def _refusal(question: _Question, answer: _Answer, now: datetime) -> Exception:
    final = StatusError(
        question.service, question.method, question.path, answer.status, reason_of(answer.body)
    )
    if answer.status not in PASSING_STATUSES:
        return final
    return _PassingError(final, parse_retry_after(answer.headers.get("retry-after"), now))


def _is_certificate_error(error: BaseException) -> bool:
    """Tell whether a certificate did not verify, somewhere in the chain of causes: that does not pass."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
